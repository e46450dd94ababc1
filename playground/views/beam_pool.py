"""The finished pool and the bound: what has ended so far, and whether a running beam can still get in."""

from dataclasses import dataclass

from playground.decoding.beam_steps import Hypothesis, StopReason
from playground.decoding.beam_trace import BeamTrace


@dataclass(frozen=True)
class Pool:
    """The pool after one step; of diverse beam search, whose groups have a pool each, that of the bound's group.

    Attributes:
        finished: best first, at most `size`.
        values: what they are ranked by: their scores, or their perturbed sums (stochastic beam search).
        group, groups: whose pool it is (from 0), and of how many.
        is_perturbed: whether it ranks by perturbed sums.
        arrived: how many of them this step brought; `evicted`: how many it pushed out.
        best_possible: the score that the best running beam could still reach (None: none runs).
        best_sum, length: best_possible is best_sum / length ** length_penalty.
        worst: lowest score of a full pool, or None while there is room.
        is_open: whether a finished sequence may still enter.
    """

    finished: tuple[Hypothesis, ...]
    values: tuple[float, ...]
    size: int
    arrived: int
    evicted: int
    best_possible: float | None
    best_sum: float
    length: int
    worst: float | None
    is_open: bool
    stop_reason: StopReason | None
    group: int = 0
    groups: int = 1
    is_perturbed: bool = False

    @property
    def room(self) -> int:
        return self.size - len(self.finished)


def pool(trace: BeamTrace, index: int) -> Pool:
    """The pool after step `index`."""
    step = trace.steps[index]
    groups, group = max(1, len(step.bounds)), step.bound.group
    finished = tuple(h for h in step.finished if not h.is_ghost and h.group == group)
    runs_on = any(not b.is_ghost and b.ended_by is None and b.group == group for b in step.beams)
    values = tuple(h.score if h.perturbed is None else h.perturbed for h in finished)
    worst = step.bound.worst_finished
    if trace.strategy.is_perturbed:  # its bound counts those that still run too
        worst = min(values) if len(values) == trace.strategy.num_beams else None
    return Pool(
        finished=finished,
        values=values,
        size=trace.strategy.num_beams // groups,
        arrived=sum(c.fate == "finished" and not c.is_ghost and c.group == group for c in step.candidates),
        evicted=sum(h.group == group for h in step.evicted),
        best_possible=step.bound.best_possible if runs_on else None,
        best_sum=step.bound.best_sum,
        length=step.bound.length,
        worst=worst,
        is_open=step.bound.is_open,
        stop_reason=step.stop_reason,
        group=group,
        groups=groups,
        is_perturbed=trace.strategy.is_perturbed,
    )
