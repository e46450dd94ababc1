"""Where a model computes: on a graphics card that has room for it, else on the processor. What it says comes to the
processor once a step, so everything after the forward pass (processors, draws, pictures) is the same wherever it ran.
"""

import logging
import os
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

logger = logging.getLogger(__name__)

_MARGIN = 2**30  # bytes beside the weights: KV caches, the rows of a long prompt, the card's own
_SPOKEN = ("logits", "hidden_states", "attentions")  # of what a forward pass returns


class NoDeviceError(Exception):
    """The device that was asked for is not there. `wanted`: as it was asked for; `present`: those that are."""

    def __init__(self, wanted: str, present: tuple[str, ...]) -> None:
        super().__init__(f"there is no device {wanted} here; there is {', '.join(present)}")
        self.wanted, self.present = wanted, present


def is_lent_by_call() -> bool:
    """Whether this is a ZeroGPU Space: torch speaks of a card there, but a program has it only within functions that
    are run in a process of their own, from which nothing comes back but what they return."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def present() -> tuple[str, ...]:
    """The devices of this machine, by the names that `choose` takes; the last is the processor. The card of a ZeroGPU
    Space is none: the KV caches that grow from token to token, and are kept for later runs, would be lost with the
    process of each call."""
    if is_lent_by_call():
        return ("cpu",)
    found = [f"cuda:{i}" for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return (*found, *(("mps",) if torch.backends.mps.is_available() else ()), "cpu")


def check(wanted: str) -> None:
    """Raises NoDeviceError for a device that is not here."""
    here = present()
    if wanted != "auto" and wanted not in here and not (wanted == "cuda" and "cuda:0" in here):
        raise NoDeviceError(wanted, here)


def choose(wanted: str, weight_bytes: int) -> torch.device:
    """The device for a model whose weights take so many bytes: the one that was named, or for "auto" the first card
    with room for them, else the processor. Raises NoDeviceError."""
    check(wanted)
    if is_lent_by_call():
        logger.warning(
            "a ZeroGPU Space lends its card to single calls, in processes of their own, where KV caches would be lost: "
            "the model computes on the processor"
        )
    if wanted != "auto":
        return torch.device("cuda:0" if wanted == "cuda" else wanted)
    for name in present():
        if name == "cpu" or free_bytes(name) >= weight_bytes + _MARGIN:
            return torch.device(name)
        logger.info("%s has no room for a model of %d bytes", name, weight_bytes)
    raise AssertionError("the processor is always there")


def free_bytes(name: str) -> int:
    """What may still be allocated on a card."""
    if name == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory())
    return int(torch.cuda.mem_get_info(torch.device(name))[0])


def of(module: Any) -> torch.device:
    """Where a model's weights are."""
    return next(chain_of_tensors(module)).device


def chain_of_tensors(module: Any) -> Iterator[Tensor]:
    """Its weights, then its buffers."""
    yield from module.parameters()
    yield from module.buffers()


def bridge(module: Any) -> None:
    """Let a model that is not on the processor be called as one that is: ids, positions and masks go to it, and what
    it says comes back. Done in place; does nothing to a model on the processor. Copies of it are bridged too."""
    if of(module).type != "cpu":
        module.register_forward_pre_hook(_go, with_kwargs=True)
        module.register_forward_hook(_come)


def _go(module: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    there = of(module)
    return _moved(arguments, lambda x: x.to(there)), _moved(named, lambda x: x.to(there))


def _come(module: Any, arguments: tuple[Any, ...], output: Any) -> Any:
    for name in _SPOKEN:
        if output.get(name) is not None:
            output[name] = _moved(output[name], lambda x: x.cpu())
    return output


def _moved(value: Any, move: Callable[[Tensor], Tensor]) -> Any:
    """Tensors within tuples and dicts moved; a KV cache, which lies where it was made, left alone."""
    if isinstance(value, Tensor):
        return move(value)
    if type(value) is tuple:
        return tuple(_moved(one, move) for one in value)
    if type(value) is dict:
        return {name: _moved(one, move) for name, one in value.items()}
    return value
