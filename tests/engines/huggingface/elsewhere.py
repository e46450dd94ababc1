"""A device that is not there: its tensors have numbers, and refuse to meet those of the processor, as a card's do."""

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map_only

NAME = "meta"  # torch knows the name, and has no numbers there: whatever is computed, is computed here
_MEET = {  # what a card, too, lets meet tensors of the processor
    torch.ops.aten.index.Tensor,
    torch.ops.aten.index_put_.default,
    torch.ops.aten._index_put_impl_.default,
    torch.ops.aten.copy_.default,
    torch.ops.aten._to_copy.default,
}
_COPIES = ("aten::_to_copy", "aten::to")


class Elsewhere(Tensor):
    """A tensor that says it is on the device; its numbers are in `here`."""

    here: Tensor

    @staticmethod
    def __new__(cls, here: Tensor) -> "Elsewhere":
        made: Elsewhere = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, here.size(), strides=here.stride(), storage_offset=here.storage_offset(), dtype=here.dtype, device=NAME
        )
        made.here = here
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(func, args, kwargs or {})

    def __repr__(self, **_: Any) -> str:
        return f"Elsewhere({self.here!r})"


class Device(TorchDispatchMode):
    """While it is entered: there is a device NAME. `crossings` counts the tensors that came from it."""

    def __init__(self) -> None:
        super().__init__()
        self.crossings = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = _computed(func, args, kwargs or {})
        came = bool(args) and isinstance(args[0], Elsewhere) and not isinstance(result, Elsewhere)
        self.crossings += came and str(func.name()).startswith(_COPIES)
        return result


def _computed(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    given = [x for x in tree_flatten((args, kwargs))[0] if isinstance(x, Tensor)]
    is_there = any(isinstance(x, Elsewhere) for x in given)
    if is_there and func not in _MEET:
        strangers = [x for x in given if not isinstance(x, Elsewhere) and x.ndim and not _is_empty_there(x)]
        if strangers:
            raise RuntimeError(f"{func}: tensors on two devices, {[tuple(x.shape) for x in strangers]} here")
    named = [x for x in tree_flatten((args, kwargs))[0] if isinstance(x, torch.device)]  # in either place
    goes_there = named[-1].type == NAME if named else is_there
    args, kwargs = tree_map_only(torch.device, lambda _: torch.device("cpu"), (args, kwargs))
    for x in given:
        if not isinstance(x, Elsewhere) and x.device.type == NAME and x.numel():
            raise RuntimeError(f"{func}: no numbers in {tuple(x.shape)}: it was made where nobody looked")
    plain_args, plain_kwargs = tree_map_only(Tensor, _here, (args, kwargs))
    result = func(*plain_args, **plain_kwargs)
    if str(func.name()).split(".")[0].endswith("_") and args:
        return args[0]
    return tree_map_only(Tensor, Elsewhere, result) if goes_there else result


def _is_empty_there(x: Tensor) -> bool:
    """`torch.tensor([], device=NAME)`, the one way to make a tensor there that is not seen here."""
    return x.device.type == NAME and not x.numel()


def _here(x: Tensor) -> Tensor:
    if isinstance(x, Elsewhere):
        return x.here
    return torch.empty(x.shape, dtype=x.dtype) if _is_empty_there(x) else x
