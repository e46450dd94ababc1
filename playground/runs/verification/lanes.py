"""Verification of a lane: the same setup run alone and compared with transformers, and the lane compared with that run.

In a batch a processor sums in another order than for one sequence, so last bits differ, and a choice that hangs on them
may fall otherwise. A lane passes if the run alone equals transformers', if the model said the same of every token but
for such bits, and if each token of its own is the one that its dice and settings take from the numbers it had.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from playground import engine
from playground.decoding import pipeline
from playground.decoding.beam_trace import BeamTrace
from playground.decoding.lanes import Lane
from playground.decoding.selection import Multinomial, dice
from playground.decoding.trace import Trace
from playground.engines.huggingface.backend import Backend, HuggingFaceModel
from playground.runs.verification.beams import BeamVerification, verify_beams
from playground.runs.verification.generate import Cancelled, Verification, verify

BATCH_TOLERANCE = 1e-3  # nats of raw log-probability: what one row and a row among others may differ by


@dataclass(frozen=True)
class Parted:
    """Where a lane took another token than its setup alone.

    Attributes:
        ours, alone: the two tokens.
        margin: by how much the run alone preferred its own token: of the processed scores in nats, with the noise of
            the dice where it drew; infinite where a cut removed the other.
        difference: the largest |Δ| of the processed scores there, in nats; infinite where a cut removed other tokens.
    """

    index: int
    ours: int
    alone: int
    margin: float
    difference: float

    @property
    def is_within(self) -> bool:
        """Whether so small a margin is decided by such a difference: both tokens may have moved by it."""
        return self.margin <= 2 * self.difference


@dataclass(frozen=True)
class LaneVerification:
    """What the comparison found.

    Attributes:
        inner: the same setup, alone, compared with transformers; of beams, which run alone, that of the lane itself.
        tokens: of the lane.
        equal: how many are those of the run alone, before the first that differs.
        largest_difference: the largest |Δ| in nats between the raw log-probabilities that the lane had and those of the
            run alone; after a parting those of one pass over the lane's own text.
        bound: what `passed` allows of it.
        parted: where the two part; None if they don't.
        chosen: how many of the lane's tokens are what its dice and settings take from the numbers that it had.
    """

    inner: Verification | BeamVerification
    tokens: int
    equal: int
    largest_difference: float
    bound: float = BATCH_TOLERANCE
    parted: Parted | None = None
    chosen: int = 0

    @property
    def ids_equal(self) -> bool:
        return self.equal == self.tokens

    @property
    def passed(self) -> bool:
        """Also where the two part, if last bits decided it."""
        is_explained = self.ids_equal or (self.parted is not None and self.parted.is_within)
        is_near = self.largest_difference <= self.bound
        return self.inner.passed and is_near and self.chosen == self.tokens and is_explained


def verify_lane(lane: Lane, backend: Backend, is_wanted: Callable[[], bool] = lambda: True) -> LaneVerification:
    """Compare a lane (of at least one token; a search to its end) with its setup alone, and that with transformers: one
    run alone and one `generate`. Raises Cancelled once `is_wanted()` says no, ValueError for what can't be compared."""
    request, trace = lane.request, lane.trace
    if isinstance(trace, BeamTrace):
        if not trace.steps:
            raise ValueError("the search has not begun")
        searched = verify_beams(
            trace.steps[-1],
            trace.strategy,
            request.prompt_ids,
            request.max_new_tokens,
            backend,
            is_wanted,
            request.rendered,
        )
        count = len(lane.token_ids)
        equal = count if searched.passed else 0
        return LaneVerification(searched, count, equal, searched.largest_difference, searched.tolerance, chosen=count)
    if not trace.steps:
        raise ValueError("the lane has no token yet")
    alone = _alone(trace, backend.model, is_wanted)
    inner = verify(alone, backend.model, is_wanted, tokenizer=backend.tokenizer)
    return beside(trace, alone, backend.model, inner)


def beside(trace: Trace, alone: Trace, model: HuggingFaceModel, inner: Verification) -> LaneVerification:
    """The comparison of a lane with its run alone, of which `inner` is the verification."""
    pairs = list(zip(trace.token_ids, alone.token_ids, strict=False))
    equal = next((i for i, (ours, theirs) in enumerate(pairs) if ours != theirs), len(pairs))
    compared = range(min(equal + 1, len(pairs)))
    largest = max(_apart(trace.steps[i].logits, alone.steps[i].logits) for i in compared)
    parted = _parted(trace, alone, equal) if equal < len(pairs) else None
    if parted:
        largest = max(largest, _apart_after(trace, equal + 1, model))
    return LaneVerification(inner, len(trace.steps), equal, largest, BATCH_TOLERANCE + model.slack, parted, _own(trace))


def _alone(trace: Trace, model: HuggingFaceModel, is_wanted: Callable[[], bool]) -> Trace:
    """The same request by itself, as far as the lane has come."""
    found: Trace | None = None
    running = engine.generate(model, trace.request)
    try:
        for found in running:
            if not is_wanted():
                raise Cancelled
            if len(found.steps) == len(trace.steps):
                break
    finally:
        running.close()  # type: ignore[attr-defined]  # a generator
    assert found
    return found


def _processed(trace: Trace, index: int) -> Tensor:
    """(V,) scores from which the token was taken."""
    return pipeline.processed_logits(trace.stages_at(index), trace.steps[index].logits[None])[0]


def _apart(ours: Tensor, theirs: Tensor) -> float:
    """The largest |Δ| of two rows of log-probabilities; infinite where one has a token that the other lacks."""
    ours, theirs = torch.log_softmax(ours.double(), -1), torch.log_softmax(theirs.double(), -1)
    if not torch.equal(ours.isneginf(), theirs.isneginf()):
        return float("inf")
    kept = ~ours.isneginf()
    return float((ours[kept] - theirs[kept]).abs().max())


def _parted(trace: Trace, alone: Trace, index: int) -> Parted:
    ours, theirs = trace.token_ids[index], alone.token_ids[index]
    scores = torch.log_softmax(_processed(alone, index).double(), -1)
    selection = alone.steps[index].selection
    if isinstance(selection, Multinomial):
        noise = torch.empty(1, len(scores)).exponential_(1, generator=dice(selection.seed, index, len(scores)))[0]
        scores = scores - noise.double().log()
    margin = float(scores[theirs] - scores[ours])
    return Parted(index, ours, theirs, margin, _apart(_processed(trace, index), _processed(alone, index)))


def _apart_after(trace: Trace, first: int, model: HuggingFaceModel) -> float:
    """The largest |Δ| between what the lane had from token `first` on and one pass over its text; 0 where one pass does
    not give the numbers of reading token by token."""
    if not model.reads_at_once:
        return 0.0
    largest, place, start = 0.0, 0, len(trace.request.prompt_ids)
    for rows in model.read((*trace.request.prompt_ids, *trace.token_ids)):
        for row in rows:
            place += 1
            if place >= start + first:
                largest = max(largest, _apart(trace.steps[place - start].logits, row))
    return largest


def _own(trace: Trace) -> int:
    """How many tokens are what dice and settings take from the logits of their steps."""
    first = trace.steps[0]
    generator = dice(first.selection.seed, 0, first.row.size)
    taken = (step.selection(_processed(trace, step.index), generator).token_id for step in trace.steps)
    return sum(token_id == ours for token_id, ours in zip(taken, trace.token_ids, strict=True))
