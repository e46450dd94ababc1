"""The row behind four sliders: what the page redraws them from by itself while they are dragged.

Only shapes are drawn from it (assets/live_shapes.js): every number on the page is the server's, computed from the row
whole. The most probable tokens are there one by one, the others in groups of nearly equal logits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from playground.decoding.pipeline import Stage
from playground.decoding.processors import REMOVED

SLIDERS = ("temperature", "top_k", "top_p", "min_p")
_SINGLE = 128  # tokens that are there one by one
_WIDTH = 0.1  # logits of a group lie within it: at T = 0.5 its sum is off by less than 0.2 %


@dataclass(frozen=True)
class Sliders:
    """What the four sliders stand at, and the order of all processors, by name."""

    values: Mapping[str, float]
    order: Sequence[str]


@dataclass(frozen=True)
class SliderRow:
    """The logits that come into the first of the four, most probable first, less the highest.

    Attributes:
        size: how many tokens are not removed.
        single: the logits of the most probable ones.
        groups: (tokens, their mean logit) of the others.
        highest: the highest logit, to which the others are told.
        is_raw: whether they are the model's own.
        order: of the four.
    """

    size: int
    single: tuple[float, ...]
    groups: tuple[tuple[int, float], ...]
    highest: float
    is_raw: bool
    order: tuple[str, ...]


def slider_row(logits: Tensor, stages: Sequence[Stage], sliders: Sliders) -> SliderRow | None:
    """The view of raw `logits` (V,) and the stages made of them; None where the page can't do it by itself: another
    processor is at work between the four or behind them."""
    order = tuple(name for name in sliders.order if name in SLIDERS)
    before = [stage for stage in stages if stage.processor.name not in SLIDERS]
    behind = sliders.order[sliders.order.index(order[0]) :]
    if any(stage.processor.name in behind for stage in before):
        return None
    row = (before[-1].logits[0] if before else logits).numpy()
    kept = np.sort(row[row > REMOVED])[::-1]
    highest = float(kept[0])
    below = kept.astype(np.float64) - highest
    tail = below[_SINGLE:]
    starts = np.flatnonzero(np.diff(np.floor(tail / _WIDTH), prepend=np.inf))
    counts = np.diff(starts, append=len(tail))
    means = np.add.reduceat(tail, starts) / counts if len(tail) else tail
    groups = tuple((int(count), float(mean)) for count, mean in zip(counts, means, strict=True))
    return SliderRow(len(kept), tuple(below[:_SINGLE].tolist()), groups, highest, not before, order)
