"""A model in one .gguf file, as llama.cpp packs it: how transformers is told of it, and what the file says of itself.

transformers makes float32 weights of the packed ones (it dequantises them), with the packages of the extra [gguf].
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playground.errors import ModelUnavailableError
from playground.i18n import say
from playground.settings import GGUF_EXTRA, absent, is_gguf

_MAGIC = b"GGUF"
_PLAIN = ("F32", "F16", "BF16", "F64")


@dataclass(frozen=True)
class Told:
    """What a file says of itself.

    Attributes:
        packed: the formats of its packed weights, that of most numbers first, such as "Q4_1, Q8_0"; "" if none is.
        licence: as it names it, None where it does not.
    """

    packed: str
    licence: str | None


def source(name: str) -> tuple[str, dict[str, Any]]:
    """What transformers' `from_pretrained` is given for a name: the name, or the folder of a file and the file."""
    if not is_gguf(name):
        return name, {}
    path = Path(name).expanduser()
    return str(path.parent), {"gguf_file": path.name}


def check(name: str) -> None:
    """Look at a file before transformers does. Raises ModelUnavailableError where it is not there, is no GGUF file,
    or the packages that read one are not."""
    path = Path(name).expanduser()
    if not path.is_file():
        raise ModelUnavailableError(name=name, reason=say("unfit.no_file"))
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise ModelUnavailableError(name=name, reason=say("unfit.no_gguf"))
    missing = absent(*GGUF_EXTRA)
    if missing:
        raise ModelUnavailableError(name=name, reason=say("unfit.gguf_extra", packages=", ".join(missing)))


def told(name: str) -> Told:
    """What the file of a model says of itself, read by the package gguf."""
    import gguf

    reader = gguf.GGUFReader(str(Path(name).expanduser()))
    numbers: Counter[str] = Counter()
    for tensor in reader.tensors:
        numbers[tensor.tensor_type.name] += int(tensor.n_elements)
    packed = [kind for kind, _ in numbers.most_common() if kind not in _PLAIN]
    named = reader.fields.get("general.license")
    return Told(", ".join(packed), str(named.contents()) if named else None)
