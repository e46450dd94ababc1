"""The forward pass as a list: every station with its shape, its size and a strip of its numbers for one token."""

import base64
import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

STRIP_COLUMNS = 256  # more numbers than that are not told apart on a screen
_BLOCKED_CODE = 0  # of a strip: a number that the mask has taken out


class Place(Protocol):
    """A station of a forward pass: (n, width) or (heads, n, width) numbers."""

    @property
    def name(self) -> str: ...
    @property
    def block(self) -> int | None: ...
    @property
    def values(self) -> Tensor: ...


@dataclass(frozen=True)
class Strip:
    """The numbers of one token at one station, as bytes: 1 … 255 for -largest … largest, 0 for blocked.

    Attributes:
        rows, columns: heads, or 1; numbers a row, several as their mean where there are too many.
        shared: how many numbers share a column.
        largest: the largest magnitude.
        norm: of the vector, blocked numbers left out.
        data: base64.
    """

    rows: int
    columns: int
    shared: int
    largest: float
    norm: float
    data: str


@dataclass(frozen=True)
class StationRow:
    """One line: what is computed, the shape of it for the whole text, and its strip for the token on show."""

    name: str
    block: int | None
    shape: tuple[int, ...]
    strip: Strip


def station_row(station: Place, token: int) -> StationRow:
    values = station.values
    return StationRow(station.name, station.block, tuple(values.shape), strip(values[..., token, :]))


def strip(values: Tensor) -> Strip:
    """Of (width,) or (heads, width) numbers."""
    rows = values if values.ndim == 2 else values[None]
    finite = ~rows.isinf()
    known = rows.masked_fill(~finite, 0.0)
    largest = float(known.abs().max())
    shared = math.ceil(rows.shape[1] / STRIP_COLUMNS)
    if shared > 1:
        filled = torch.nn.functional.pad(known, (0, -rows.shape[1] % shared), value=0.0)
        known = filled.reshape(len(rows), -1, shared).mean(-1)
        seen = torch.nn.functional.pad(finite, (0, -rows.shape[1] % shared), value=False)
        finite = seen.reshape(len(rows), -1, shared).any(-1)
    scale = max(float(known.abs().max()), 1e-12)
    codes = (128 + 127 * known / scale).round().clamp(1, 255).masked_fill(~finite, _BLOCKED_CODE).to(torch.uint8)
    return Strip(
        rows=codes.shape[0],
        columns=codes.shape[1],
        shared=shared,
        largest=largest,
        norm=float(rows.masked_fill(rows.isinf(), 0.0).norm()),
        data=base64.b64encode(codes.contiguous().numpy().tobytes()).decode("ascii"),
    )


def largest_difference(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).abs().max())
