"""Verification of a cloud: some of its texts, each beside the run of its own seed alone, and that beside transformers.

To compare all would take as long as many clouds. So the first, the last and one between are taken, and the badge says
how many they were. In a batch last bits may fall otherwise than alone: a text may leave its run where the run's own
choice hung on no more than such bits.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from playground import engine
from playground.decoding import pipeline
from playground.decoding.beam_trace import BeamTrace
from playground.decoding.clouds import Sample
from playground.decoding.lanes import Lane
from playground.decoding.selection import Multinomial, dice
from playground.decoding.trace import GenerationRequest, Trace
from playground.engines.huggingface.backend import Backend
from playground.runs.verification.beams import verify_beams
from playground.runs.verification.generate import Cancelled, verify
from playground.runs.verification.lanes import BATCH_TOLERANCE

CHECKED = 3  # texts of a cloud


@dataclass(frozen=True)
class CloudVerification:
    """What the comparison found.

    Attributes:
        texts: of the cloud, those that ended in an error left out.
        checked: how many of them were compared.
        equal: how many have the ids of the run of their seed alone, or leave it where last bits decide (`parted`).
        parted: how many leave it so.
        in_transformers: how many of the runs alone passed their comparison with transformers.
        has_witness: whether transformers can say anything of such a run.
        largest_difference: the largest |Δ| in nats between the raw log-probabilities of the same tokens in the batch
            and alone.
        bound: what `passed` allows of it.
    """

    texts: int
    checked: int
    equal: int
    parted: int
    in_transformers: int
    largest_difference: float
    bound: float = BATCH_TOLERANCE
    has_witness: bool = True

    @property
    def passed(self) -> bool:
        """Where there is a witness; without one the cloud is as its runs alone, and that is all."""
        is_near = self.largest_difference <= self.bound
        is_right = self.in_transformers == self.checked or not self.has_witness
        return self.equal == self.checked and is_right and is_near


def verify_cloud(
    samples: Sequence[Sample], request: GenerationRequest, backend: Backend,
    is_wanted: Callable[[], bool] = lambda: True,
) -> CloudVerification:  # fmt: skip
    """Compare the first, the last and the middle one of the texts that came to their end; of a strategy that does not
    draw one. Raises Cancelled once `is_wanted()` says no, ValueError where there is no such text."""
    whole = [sample for sample in samples if sample.error is None and sample.token_ids]
    if not whole:
        raise ValueError("no text came to its end")
    is_drawn = request.strategy.is_drawn
    places = dict.fromkeys((0, len(whole) // 2, len(whole) - 1)[: CHECKED if is_drawn else 1])
    equal = parted = inside = witnessed = 0
    largest, bound = 0.0, BATCH_TOLERANCE + backend.model.slack
    for place in places:
        sample = whole[place]
        lane, is_right = _alone(sample, request, backend, is_wanted)
        same = _common(sample.token_ids, lane.token_ids)
        apart = max(
            (abs(a - b) for a, b in zip(sample.logprobs[:same], lane.logprobs[:same], strict=True)), default=0.0
        )
        largest, inside, witnessed = max(largest, apart), inside + bool(is_right), witnessed + (is_right is not None)
        if sample.token_ids == lane.token_ids:
            equal += 1
        elif isinstance(lane.trace, Trace) and same < min(len(sample.token_ids), len(lane.token_ids)):
            hangs = _margin(lane.trace, same, sample.token_ids[same]) <= 2 * bound
            equal, parted = equal + hangs, parted + hangs
    has_witness = witnessed == len(places)
    return CloudVerification(len(whole), len(places), equal, parted, inside, largest, bound, has_witness)


def _common(ours: Sequence[int], theirs: Sequence[int]) -> int:
    """How many tokens are the same before the first that differs."""
    pairs = enumerate(zip(ours, theirs, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(ours), len(theirs)))


def _alone(
    sample: Sample, request: GenerationRequest, backend: Backend, is_wanted: Callable[[], bool]
) -> tuple[Lane, bool | None]:
    """The run of the sample's own seed by itself, and whether it is what transformers does; None where that can't be
    asked."""
    own = replace(request, strategy=request.strategy.reseeded(sample.seed))
    lane: Lane | None = None
    running = engine.compare(backend.model, [own])
    try:
        for comparison in running:
            lane = comparison.lanes[0]
            if not is_wanted():
                raise Cancelled
    finally:
        running.close()  # type: ignore[attr-defined]  # a generator
    assert lane
    if isinstance(lane.trace, BeamTrace):
        beams = verify_beams(
            lane.trace.steps[-1],
            lane.trace.strategy,
            own.prompt_ids,
            own.max_new_tokens,
            backend,
            is_wanted,
            own.rendered,
        )
        return lane, None if beams.method == "none" else beams.passed
    return lane, verify(lane.trace, backend.model, is_wanted, tokenizer=backend.tokenizer).passed


def _margin(alone: Trace, index: int, token_id: int) -> float:
    """By how much the run alone preferred its own token at a step, in nats of its processed scores, with the noise of
    its dice where it drew; infinite where a cut removed the other."""
    logits = pipeline.processed_logits(alone.stages_at(index), alone.steps[index].logits[None])[0]
    scores, selection = torch.log_softmax(logits.double(), -1), alone.steps[index].selection
    if isinstance(selection, Multinomial):
        noise = torch.empty(1, len(scores)).exponential_(1, generator=dice(selection.seed, index, len(scores)))[0]
        scores = scores - noise.double().log()
    return float(scores[alone.token_ids[index]] - scores[token_id])
