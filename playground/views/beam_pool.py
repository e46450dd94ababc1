"""The finished pool and the bound: what has ended so far, and whether a running beam can still get in."""

from dataclasses import dataclass

from playground.decoding.beam_steps import Hypothesis, StopReason
from playground.decoding.beam_trace import BeamTrace


@dataclass(frozen=True)
class Pool:
    """The pool after one step.

    Attributes:
        finished: best first, at most `size`.
        arrived: how many of them this step brought; `evicted`: how many it pushed out.
        best_possible: the score that the best running beam could still reach (None: none runs).
        best_sum, length: best_possible is best_sum / length ** length_penalty.
        worst: lowest score of a full pool, or None while there is room.
        is_open: whether a finished sequence may still enter.
    """

    finished: tuple[Hypothesis, ...]
    size: int
    arrived: int
    evicted: int
    best_possible: float | None
    best_sum: float
    length: int
    worst: float | None
    is_open: bool
    stop_reason: StopReason | None

    @property
    def room(self) -> int:
        return self.size - len(self.finished)


def pool(trace: BeamTrace, index: int) -> Pool:
    """The pool after step `index`."""
    step = trace.steps[index]
    runs_on = any(not beam.is_ghost and beam.ended_by is None for beam in step.beams)
    return Pool(
        finished=tuple(h for h in step.finished if not h.is_ghost),
        size=trace.strategy.num_beams,
        arrived=sum(c.fate == "finished" and not c.is_ghost for c in step.candidates),
        evicted=len(step.evicted),
        best_possible=step.bound.best_possible if runs_on else None,
        best_sum=step.bound.best_sum,
        length=step.bound.length,
        worst=step.bound.worst_finished,
        is_open=step.bound.is_open,
        stop_reason=step.stop_reason,
    )
