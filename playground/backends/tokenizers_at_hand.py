"""The tokenizers that the page can show: the loaded model's, the shipped ones, any folder or Hub id, tiktoken's."""

import hashlib
import importlib.util
import json
import os
import tempfile
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

from playground import settings
from playground.backends.loading import ModelSlot, shown_name
from playground.errors import TokenizerUnavailableError
from playground.tokenization.text_tokenizer import TextTokenizer, from_functions, from_json
from playground.vocabulary import Vocabulary

LOADED = "default"
SHIPPED = ("wordpiece", "unigram", "sentencepiece-bpe")
TIKTOKEN = "tiktoken:"
_UNKNOWN_LENGTH = 10**9  # transformers writes 10**30 where nobody says
_KEPT = 16
_TIKTOKEN_FILES = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"  # only hashed, never fetched


class TokenizerShelf:
    """Tokenizers by name, each read once. Shared by all sessions.

    A name is "default" (the loaded model's), one of SHIPPED, "tiktoken:<encoding>", a folder or a Hub id.
    """

    def __init__(self, slot: ModelSlot) -> None:
        self.slot = slot
        self.first = from_json(
            settings.DEFAULT_MODEL_NAME,
            (settings.DEFAULT_MODEL / "tokenizer.json").read_text(encoding="utf-8"),
            json.loads((settings.DEFAULT_MODEL / "config.json").read_text(encoding="utf-8"))["n_positions"],
        )
        self._read: OrderedDict[str, TextTokenizer] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: str = LOADED) -> TextTokenizer:
        """Waits for the model where its tokenizer is asked for. Raises TokenizerUnavailableError, and for the model
        ModelUnavailableError."""
        name = name.strip() or LOADED
        if name == LOADED:
            backend = self.slot.get()
            return self.slot.once(
                "text tokenizer",
                lambda: backend.tokenizer.text_tokenizer(backend.info.name, backend.info.context_length),
            )
        with self._lock:
            if name in self._read:
                self._read.move_to_end(name)
                return self._read[name]
        found = _load(name)
        with self._lock:
            self._read[name] = found
            while len(self._read) > _KEPT:
                self._read.popitem(last=False)
        return found

    def at_once(self, name: str = LOADED) -> TextTokenizer:
        """The same, but the shipped model's tokenizer while the model is on its way."""
        return self.first if name == LOADED and not self.slot.is_ready else self.get(name)


def _load(name: str) -> TextTokenizer:
    if name in SHIPPED:
        return _from_file(settings.TOKENIZERS / name / "tokenizer.json", name)
    try:
        if name.startswith(TIKTOKEN):
            return _tiktoken(name.removeprefix(TIKTOKEN))
        return _from_anywhere(os.path.expanduser(name))
    except TokenizerUnavailableError:
        raise
    except Exception as error:  # whatever goes wrong: the files are somebody else's
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise TokenizerUnavailableError(name=name, reason=reason[0].rstrip(".") + ".") from error


def _from_anywhere(name: str) -> TextTokenizer:
    try:
        return _transformers(name)
    except Exception:
        file = Path(name) / "tokenizer.json"
        if not file.is_file():
            raise
        return _from_file(file, shown_name(name))  # no configuration beside it: the file says all that is needed


def _from_file(path: Path, name: str) -> TextTokenizer:
    return from_json(name, path.read_text(encoding="utf-8"))


def _transformers(name: str) -> TextTokenizer:
    from transformers import AutoTokenizer  # takes seconds to import: only who asks for it waits

    from playground.backends.huggingface import HuggingFaceTokenizer

    tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    length = int(min(tokenizer.model_max_length, _UNKNOWN_LENGTH))
    return HuggingFaceTokenizer(tokenizer).text_tokenizer(
        shown_name(name), length if length < _UNKNOWN_LENGTH else None
    )


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


def _tiktoken(encoding_name: str) -> TextTokenizer:
    name = TIKTOKEN + encoding_name
    if encoding_name not in tiktoken_encodings():
        raise TokenizerUnavailableError(name=name, reason="tiktoken and this encoding's file are not on this machine.")
    encoding: Any = importlib.import_module("tiktoken").get_encoding(encoding_name)
    special = frozenset(encoding._special_tokens.values())

    def piece(token_id: int) -> bytes:
        try:
            return bytes(encoding.decode_single_token_bytes(token_id))
        except KeyError:
            return f"<id {token_id}>".encode()

    vocabulary = Vocabulary(tuple(map(piece, range(encoding.n_vocab))), special)
    return from_functions(
        name,
        vocabulary,
        lambda text, _: list(encoding.encode(text, allowed_special="all")),
        lambda ids: str(encoding.decode(list(ids))),
    )
