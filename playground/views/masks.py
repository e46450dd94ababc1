"""Masks: which token may look at which, for a padded batch of texts, and in words why a cell is blocked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Side = Literal["left", "right"]
Reason = Literal["future", "padding", "window"]
Cells = tuple[tuple[tuple[Reason, ...], ...], ...]  # [query][key]: why it is blocked; empty where it is seen


@dataclass(frozen=True)
class Batch:
    """Texts of different length as the rows of one rectangle, filled up on one side.

    Attributes:
        texts: the token ids of each, at least one.
        side: where the padding goes.
    """

    texts: tuple[tuple[int, ...], ...]
    side: Side

    @property
    def length(self) -> int:
        return max(map(len, self.texts))

    def padded(self, pad_id: int) -> list[list[int]]:
        """The rectangle of ids, (B, L)."""
        rows = []
        for text in self.texts:
            pads = [pad_id] * (self.length - len(text))
            rows.append([*pads, *text] if self.side == "left" else [*text, *pads])
        return rows

    @property
    def attention_mask(self) -> list[list[int]]:
        """(B, L): 1 for a token, 0 for padding."""
        return [[int(not self.is_padding(i, column)) for column in range(self.length)] for i in range(len(self.texts))]

    def is_padding(self, text: int, column: int) -> bool:
        pads = self.length - len(self.texts[text])
        return column < pads if self.side == "left" else column >= self.length - pads


@dataclass(frozen=True)
class Masks:
    """The masks of one text of a batch: each reason by itself, and all together as the model applies them."""

    causal: Cells
    padding: Cells
    window: Cells | None
    together: Cells


def masks(batch: Batch, text: int, window: int | None = None) -> Masks:
    """The masks of text number `text`; a `window` of w lets a token see itself and the w - 1 before it."""
    span = range(batch.length)
    causal: Cells = tuple(tuple(("future",) if key > query else () for key in span) for query in span)
    padding: Cells = tuple(tuple(("padding",) if batch.is_padding(text, key) else () for key in span) for _ in span)
    narrow: Cells | None = None
    if window is not None:
        narrow = tuple(tuple(("window",) if key <= query - window else () for key in span) for query in span)
    parts = [causal, padding, *([narrow] if narrow else [])]
    together: Cells = tuple(
        tuple(tuple(reason for part in parts for reason in part[query][key]) for key in span) for query in span
    )
    return Masks(causal, padding, narrow, together)


def is_seen(cells: Cells) -> list[list[bool]]:
    """[query][key]: whether nothing blocks it."""
    return [[not why for why in row] for row in cells]


def equal_cells(ours: Sequence[Sequence[bool]], theirs: Sequence[Sequence[bool]]) -> tuple[int, int]:
    """How many cells of two masks agree, of how many."""
    pairs = [(a, b) for row, other in zip(ours, theirs, strict=True) for a, b in zip(row, other, strict=True)]
    return sum(a == b for a, b in pairs), len(pairs)
