"""Products of a few rows with a wide weight, taken in pieces: the same numbers, in half the time that MKL takes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

ROWS = range(4, 16)  # beams: for fewer and for more MKL does as well by itself
WIDE = 2**23  # numbers in the weight: 32 MiB, more than a processor's cache holds
PIECE = 128  # rows of the weight at a time

_linear = torch.nn.functional.linear


class InPieces(TorchFunctionMode):
    """While it is entered, in this thread: the LM head of a large vocabulary is multiplied a piece at a time.

    The model itself stays as it is, for `generate` and for everybody else. That the pieces give the same bits is not
    taken on trust: each shape is computed both ways the first time, and left whole if one number differs.
    """

    def __init__(self) -> None:
        super().__init__()
        self._is_same: dict[tuple[int, ...], bool] = {}

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is _linear and not kwargs and args[2:] in ((), (None,)) and is_wide(*args[:2]):
            return self._product(*args[:2])
        return func(*args, **(kwargs or {}))

    def _product(self, x: Tensor, weight: Tensor) -> Tensor:
        shape = (*x.shape, *weight.shape)
        if shape not in self._is_same:
            whole = _linear(x, weight)
            self._is_same[shape] = torch.equal(whole, in_pieces(x, weight))
            return whole
        return in_pieces(x, weight) if self._is_same[shape] else _linear(x, weight)


def is_wide(x: Tensor, weight: Tensor) -> bool:
    """Whether pieces pay: x (B, 1, d) or (B, d) with few rows, weight (V, d) large, float32, on a CPU."""
    rows = x.numel() // x.shape[-1]
    return (
        rows in ROWS
        and weight.numel() >= WIDE
        and weight.is_contiguous()
        and x.dtype == weight.dtype == torch.float32
        and x.device.type == weight.device.type == "cpu"
    )


def in_pieces(x: Tensor, weight: Tensor) -> Tensor:
    """x @ weight.T (…, V): the pieces as one batch of products, so that the threads are called once."""
    rows, count = x.reshape(-1, x.shape[-1]), len(weight) // PIECE
    pieces = weight[: count * PIECE].view(count, PIECE, -1)
    batch = torch.bmm(rows.expand(count, *rows.shape), pieces.transpose(1, 2))  # (pieces, rows, PIECE)
    found = [batch.transpose(0, 1).reshape(len(rows), -1), _linear(rows, weight[count * PIECE :])]
    return torch.cat(found, dim=1).view(*x.shape[:-1], len(weight))
