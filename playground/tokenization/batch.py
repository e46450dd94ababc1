"""Several texts as one batch: padded to one length, with the mask that says which places are text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Side = Literal["left", "right"]


@dataclass(frozen=True)
class Batch:
    """Rows of equal length, as a model takes them.

    Attributes:
        input_ids: (rows, length), the padding filled with the pad token's id.
        attention_mask: (rows, length), 1 for text and 0 for padding.
    """

    input_ids: tuple[tuple[int, ...], ...]
    attention_mask: tuple[tuple[int, ...], ...]


def pad(rows: Sequence[Sequence[int]], pad_id: int, side: Side) -> Batch:
    """Example: [[5, 6], [7]] padded with 0 on the left -> [[5, 6], [0, 7]] and [[1, 1], [0, 1]]."""
    length = max(map(len, rows), default=0)
    ids, mask = [], []
    for row in rows:
        missing = length - len(row)
        padding, ones, zeros = (pad_id,) * missing, (1,) * len(row), (0,) * missing
        ids.append((*padding, *row) if side == "left" else (*row, *padding))
        mask.append((*zeros, *ones) if side == "left" else (*ones, *zeros))
    return Batch(tuple(ids), tuple(mask))
