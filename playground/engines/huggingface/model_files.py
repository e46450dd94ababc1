"""What the files of a model tell before any of them is loaded, and why loading failed: read without transformers, which
the page does not wait for."""

import pickle
from collections.abc import Callable, Iterable
from pathlib import Path

from safetensors import SafetensorError

from playground.engines.huggingface import gguf_file
from playground.errors import ModelUnavailableError
from playground.i18n import Joined, Said, say
from playground.settings import is_gguf

_LFS = b"version https://git-lfs"
_WEIGHTS = ("*.safetensors", "*.bin")
_TOKENIZERS = (
    "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.*", "spiece.model", "*.bpe.model",
    "*.tiktoken",
)  # fmt: skip


def is_folder(name_or_path: str) -> bool:
    """Whether a name is meant as a folder of this machine, there or not; else it is one of the Hub."""
    path = Path(name_or_path).expanduser()
    looks_like_one = name_or_path.startswith((".", "/", "~")) or name_or_path.count("/") > 1 or "\\" in name_or_path
    return looks_like_one or path.exists()


def first_line(error: Exception) -> str:
    """The first line of an error's text, as a sentence."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(" .:") + "."


def unloaded(name_or_path: str, error: Exception) -> str | Said:
    """Why loading failed: the library's word, and for a name of the Hub what to check."""
    if isinstance(error, SafetensorError | EOFError):
        return say("unfit.damaged", error=first_line(error))
    if isinstance(error, pickle.UnpicklingError):
        return say("unfit.pickle")
    return first_line(error) if is_folder(name_or_path) else Joined((first_line(error), say("unfit.hub")))


def check_folder(name_or_path: str) -> None:
    """Look at the files of a folder before transformers does. Raises ModelUnavailableError for what is no model."""
    if not is_folder(name_or_path):
        return
    folder = Path(name_or_path).expanduser()

    def refuse(key: str, /, **values: object) -> ModelUnavailableError:
        return ModelUnavailableError(name=name_or_path, reason=say(key, **values))

    if not folder.is_dir():
        raise refuse("unfit.file" if folder.exists() else "unfit.no_folder")
    pointer = lfs_pointer(folder)
    if pointer:
        raise refuse("unfit.pointer", file=pointer)
    has_weights = _has_weights(folder)
    if not (folder / "config.json").is_file():
        raise refuse("unfit.gguf" if any(folder.glob("*.gguf")) else "unfit.no_config")
    if not has_weights:
        raise refuse("unfit.gguf" if any(folder.glob("*.gguf")) else "unfit.no_weights")
    if not any(_found(folder, _TOKENIZERS)):
        raise refuse("unfit.no_tokenizer")


def check(name_or_path: str) -> None:
    """Look at a folder, or a .gguf file, before transformers does. Raises ModelUnavailableError."""
    if is_gguf(name_or_path):
        gguf_file.check(name_or_path)
    else:
        check_folder(name_or_path)


def is_adapter(name_or_path: str) -> bool:
    """Whether that is a folder with an adapter and no model of its own."""
    folder = Path(name_or_path).expanduser()
    is_whole = (folder / "config.json").is_file() and _has_weights(folder)
    return (folder / "adapter_config.json").is_file() and not is_whole


def _has_weights(folder: Path) -> bool:
    return any(_found(folder, _WEIGHTS, lambda name: not name.startswith(("adapter_", "training_args"))))


def lfs_pointer(folder: Path) -> str | None:
    """The name of a file that git-lfs was to fetch and has not, if there is one."""
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.stat().st_size < 1024 and path.read_bytes().startswith(_LFS):
            return path.name
    return None


def _found(folder: Path, patterns: Iterable[str], wanted: Callable[[str], bool] = lambda name: True) -> Iterable[Path]:
    return (path for pattern in patterns for path in folder.glob(pattern) if wanted(path.name))
