"""The tokenizers that the page can show: the loaded model's, the shipped ones, any folder or Hub id, tiktoken's."""

import hashlib
import importlib.util
import json
import os
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from playground import settings
from playground.engines.huggingface.model_files import unloaded
from playground.engines.loading import ModelSlot
from playground.errors import NotOfferedError, TokenizerUnavailableError
from playground.tokenization.text_tokenizer import TextTokenizer, from_json

LOADED = "default"
SHIPPED = ("wordpiece", "unigram", "sentencepiece-bpe")
TIKTOKEN = "tiktoken:"
_KEPT = 16
_TIKTOKEN_FILES = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"  # only hashed, never fetched


class TokenizerShelf:
    """Tokenizers by name, each read once. Shared by all sessions.

    A name is "default" (the loaded model's), one of SHIPPED, "tiktoken:<encoding>", a folder or a Hub id; those
    after SHIPPED are read by `hub` (hub_tokenizers.read, which imports transformers). Where `is_public`, strangers
    name them: then only what is offered is read, and nobody's folder or repository.
    """

    def __init__(self, slot: ModelSlot, hub: Callable[[str], TextTokenizer], is_public: bool = False) -> None:
        self.slot = slot
        self.hub = hub
        self.is_public = is_public
        self.first = from_json(
            settings.DEFAULT_MODEL_NAME,
            (settings.DEFAULT_MODEL / "tokenizer.json").read_text(encoding="utf-8"),
            json.loads((settings.DEFAULT_MODEL / "config.json").read_text(encoding="utf-8"))["n_positions"],
        )
        self._read: OrderedDict[str, TextTokenizer] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def offered(self) -> tuple[str, ...]:
        """The names that the page lists: the loaded model's, the shipped ones, and tiktoken's on this machine."""
        return (LOADED, *SHIPPED, *(TIKTOKEN + encoding for encoding in tiktoken_encodings()))

    def get(self, name: str = LOADED) -> TextTokenizer:
        """Waits for the model where its tokenizer is asked for. Raises NotOfferedError, TokenizerUnavailableError, and
        for the model ModelUnavailableError."""
        name = name.strip() or LOADED
        if name == LOADED:
            return tokenizer_of(self.slot)
        if self.is_public and name not in self.offered:
            raise NotOfferedError(name=name, offered=", ".join(self.offered))
        with self._lock:
            if name in self._read:
                self._read.move_to_end(name)
                return self._read[name]
        found = self._load(name)
        with self._lock:
            self._read[name] = found
            while len(self._read) > _KEPT:
                self._read.popitem(last=False)
        return found

    @property
    def read(self) -> tuple[str, ...]:
        """The names of those that were read already, by whomever."""
        with self._lock:
            return tuple(self._read)

    def has(self, name: str) -> bool:
        """Whether `at_once` answers without reading anything that may be far away."""
        with self._lock:
            return name.strip() in ("", LOADED, *SHIPPED, *self._read)

    def at_once(self, name: str = LOADED) -> TextTokenizer:
        """The same, but the shipped model's tokenizer while the model is on its way."""
        return self.first if name == LOADED and not self.slot.is_ready else self.get(name)

    def _load(self, name: str) -> TextTokenizer:
        if name in SHIPPED:
            return from_file(settings.TOKENIZERS / name / "tokenizer.json", name)
        self.slot.wait()  # two threads that load by transformers at once may meet in its imports
        try:
            return self.hub(os.path.expanduser(name))
        except TokenizerUnavailableError:
            raise
        except Exception as error:  # whatever goes wrong: the files are somebody else's
            raise TokenizerUnavailableError(name=name, reason=unloaded(name, error)) from error


def tokenizer_of(slot: ModelSlot) -> TextTokenizer:
    """That of a model; waits for it. Raises ModelUnavailableError."""
    with slot.using():
        backend = slot.get()
        return slot.once(
            "text tokenizer",
            lambda: backend.tokenizer.text_tokenizer(backend.info.name, backend.info.context_length),
        )


def from_file(path: Path, name: str) -> TextTokenizer:
    """The tokenizer of a tokenizer.json."""
    return from_json(name, path.read_text(encoding="utf-8"))


def tiktoken_encodings() -> list[str]:
    """The encodings that are on this machine: the package and the file, no network needed."""
    if importlib.util.find_spec("tiktoken") is None:
        return []
    return [name for name in ("r50k_base", "p50k_base", "cl100k_base", "o200k_base") if _cached(name)]


def _cached(encoding: str) -> bool:
    named = os.environ.get("TIKTOKEN_CACHE_DIR") or os.environ.get("DATA_GYM_CACHE_DIR")
    folder = Path(named or Path(tempfile.gettempdir()) / "data-gym-cache")
    key = hashlib.sha1(_TIKTOKEN_FILES.format(encoding).encode(), usedforsecurity=False).hexdigest()
    return (folder / key).is_file()
