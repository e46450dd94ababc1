"""Cut-offs: probability over rank, the mass reached, and how far down each truncation reaches."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from playground.decoding.distribution import Distribution
from playground.decoding.pipeline import Stage
from playground.decoding.processors import REMOVED

_POINTS = 120  # per curve: more can't be told apart on the screen


@dataclass(frozen=True)
class Cut:
    """What a truncating processor, and those before it, leave.

    Attributes:
        name, value: the processor.
        kept: number of tokens left.
        first_rank, last_rank: the ranks, in the drawn distribution, between which all kept tokens lie.
        is_known: whether it keeps these and no other; of a partial row it may keep some that were not told.
    """

    name: str
    value: float
    kept: int
    first_rank: int
    last_rank: int
    is_known: bool = True


@dataclass(frozen=True)
class Cutoffs:
    """The distribution as the first truncation meets it (penalties and temperature applied).

    Attributes:
        ranks: of the drawn points, 1 … number of tokens with a probability.
        probabilities, cumulative: at these ranks.
        cuts: in order of application.
        temperature: in force before the cut (1 if none).
        beyond: of a partial row, the least and the most probability that lies beyond the last of the ranks.
    """

    ranks: tuple[int, ...]
    probabilities: tuple[float, ...]
    cumulative: tuple[float, ...]
    cuts: tuple[Cut, ...]
    temperature: float
    beyond: tuple[float, float] | None = None


def cutoffs(logits: Tensor, stages: Sequence[Stage]) -> Cutoffs:
    """The view of raw `logits` (V,) and the stages made of them."""
    first = next((i for i, stage in enumerate(stages) if stage.processor.truncates), len(stages))
    base = stages[first - 1].outgoing if first else Distribution.of(logits)
    probabilities, descending = base.probabilities, base.descending
    cumulative = np.cumsum(descending, dtype=np.float64)
    shown = _spread(len(descending))
    return Cutoffs(
        ranks=tuple(int(i) + 1 for i in shown),
        probabilities=tuple(float(p) for p in descending[shown]),
        cumulative=tuple(min(1.0, float(c)) for c in cumulative[shown]),
        cuts=tuple(_cut(stage, probabilities) for stage in stages[first:] if stage.processor.truncates),
        temperature=next((s.processor.value for s in stages[:first] if s.processor.name == "temperature"), 1.0),
    )


def _spread(count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Indices 0 … count-1, evenly spread on a logarithmic axis of ranks, both ends included."""
    return np.unique(np.geomspace(1, count, _POINTS).round().astype(np.int64)) - 1


def _cut(stage: Stage, probabilities: np.ndarray[tuple[int], np.dtype[np.float32]]) -> Cut:
    kept = probabilities[stage.outgoing.logits > REMOVED]
    return Cut(
        name=stage.processor.name,
        value=stage.processor.value,
        kept=len(kept),
        first_rank=int((probabilities > kept.max()).sum()) + 1,
        last_rank=int((probabilities >= kept.min()).sum()),
    )
