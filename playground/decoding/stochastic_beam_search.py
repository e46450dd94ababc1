"""Stochastic beam search: num_beams sequences drawn without replacement, by the Gumbel-top-k trick."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Generator, Tensor

from playground.decoding import pipeline
from playground.decoding.beam_steps import (
    BeamCandidate,
    BeamStep,
    Bound,
    Cost,
    Ending,
    Fate,
    Hypothesis,
    Search,
    cost_of,
    evicted,
    searched,
)
from playground.decoding.model import LanguageModel
from playground.decoding.processors import MinNewTokens, Processor
from playground.decoding.selection import InvalidLogitsError, NothingLeftError
from playground.decoding.trace import GenerationRequest

NOTHING = -float("inf")
RECORDED = 2  # candidates a beam that a step names


@dataclass(frozen=True)
class StochasticBeamSearch(Search):
    """Kool, van Hoof & Welling 2019: a beam search over Gumbel-perturbed log-probabilities.

    The perturbed sums G of all sequences are independent Gumbel noise on their log-probabilities; a beam's G is the
    largest G of the sequences that begin with it, so that its children are drawn with that maximum. The K sequences of
    the largest G are K draws without replacement. A finished sequence keeps its G and competes on.
    The processors see logits, as in sampling, and what they leave is normalised: one beam is sampling.

    Attributes:
        num_beams: how many sequences to draw, K; fewer come out if there are fewer.
        seed: of the private dice.
        processors: all are applied, the warpers too.
        min_new_tokens: as of BeamSearch.
    """

    num_beams: int
    seed: int = 0
    processors: tuple[Processor, ...] = ()
    min_new_tokens: int = 0

    @property
    def name(self) -> str:
        return "stochastic"

    @property
    def length_penalty(self) -> float:
        return 0.0

    @property
    def phrases(self) -> tuple[tuple[int, ...], ...]:
        return ()

    @property
    def is_drawn(self) -> bool:
        return True

    @property
    def is_perturbed(self) -> bool:
        return True

    def reseeded(self, seed: int) -> Self:
        return replace(self, seed=seed)

    def decode(self, model: LanguageModel, request: GenerationRequest) -> Iterator[BeamStep]:
        """Yield one BeamStep per token, until all K sequences have ended; the best first by their perturbed sums.

        `score` is the plain sum. Raises InvalidLogitsError if the model returns NaN, NothingLeftError if the
        processors removed every token.
        """
        search = _StochasticSearch(self, request.ends(model), request.prompt_ids, request.max_new_tokens)
        yield from searched(search, model, request.prompt_ids)


def gumbel_with_maximum(logprobs: Tensor, maximum: Tensor, generator: Generator) -> Tensor:
    """Independent Gumbel noise on log-probabilities (B, V), given that the largest of each row is `maximum` (B,).

    The stable form of the paper's appendix B.3, in float64. What has been removed (-inf, or NaN where a whole row was
    removed) stays at -inf.
    """
    noise = torch.empty(logprobs.shape, dtype=torch.float64).exponential_(generator=generator)
    free = logprobs.double() - noise.log()  # unconditional Gumbels
    largest = free.amax(dim=-1, keepdim=True)
    below = free - largest
    log_rest = torch.where(below > -0.693, torch.log(-torch.expm1(below)), torch.log1p(-torch.exp(below)))
    v = maximum.double()[:, None] - free + log_rest
    perturbed = maximum.double()[:, None] - v.relu() - torch.log1p(torch.exp(-v.abs()))
    return perturbed.masked_fill(~logprobs.isfinite(), NOTHING)


class _StochasticSearch:
    """The state of one search between its steps: the running beams, and the leaves that still compete."""

    def __init__(
        self, settings: StochasticBeamSearch, eos_ids: Sequence[int], prompt_ids: tuple[int, ...], max_new_tokens: int
    ) -> None:
        self.settings = settings
        self.eos_ids = frozenset(eos_ids)
        self.prompt_ids = prompt_ids
        self.max_new_tokens = max_new_tokens
        self.processors = (MinNewTokens(settings.min_new_tokens, len(prompt_ids), tuple(eos_ids)), *settings.processors)
        self.generator = Generator().manual_seed(settings.seed)
        root = gumbel_with_nothing_known(self.generator)
        self.beams = [Hypothesis((), (), 0.0, 0.0, perturbed=root)]
        self.leaves: list[Hypothesis] = []
        self.total = Cost()

    @torch.inference_mode()
    def step(self, logits: Tensor) -> BeamStep:
        """Take one step from the logits (B, V) of the running beams."""
        k, length = self.settings.num_beams, len(self.beams[0].token_ids) + 1
        if bool(logits.isnan().any()):
            raise InvalidLogitsError("the model returned logits that are not numbers")
        cost = cost_of(len(self.prompt_ids), self.beams, *logits.shape)
        self.total += cost
        contexts = torch.tensor([self.prompt_ids + beam.token_ids for beam in self.beams])
        processed = pipeline.processed_logits(pipeline.run(self.processors, contexts, logits), logits)
        raw = torch.log_softmax(logits.double(), dim=-1)
        logprobs = torch.log_softmax(processed.double(), dim=-1)
        sums = logprobs + torch.tensor([beam.cum_logprob for beam in self.beams], dtype=torch.float64)[:, None]
        highest = torch.tensor([beam.perturbed for beam in self.beams], dtype=torch.float64)
        perturbed = gumbel_with_maximum(sums, highest, self.generator)
        values, indices = torch.topk(perturbed.reshape(-1), min(RECORDED * k, perturbed.numel()))
        parents, tokens = indices // logits.shape[-1], indices % logits.shape[-1]
        columns = (parents, tokens, logprobs[parents, tokens], raw[parents, tokens], sums[parents, tokens], values)
        considered = [
            self._grown(parent, token, logprob, raw_logprob, total, value, length)
            for parent, token, logprob, raw_logprob, total, value in zip(*(c.tolist() for c in columns), strict=True)
            if value > NOTHING
        ]
        before = tuple(self.leaves)
        best = sorted([*self.leaves, *considered], key=_perturbed, reverse=True)[:k]
        if not best:
            raise NothingLeftError("every token of the vocabulary was removed")
        self.leaves = [hypothesis for hypothesis in best if hypothesis.ended_by]
        self.beams = [hypothesis for hypothesis in best if not hypothesis.ended_by]
        return BeamStep(
            index=length - 1,
            candidates=tuple(self._candidates(considered)),
            beams=tuple(self.beams),
            finished=tuple(self.leaves),
            bound=self._bound(best, length),
            stop_reason=None if self.beams else "complete",
            evicted=evicted(before, self.leaves),
            cost=cost,
            total=self.total,
        )

    def _grown(
        self, parent: int, token: int, logprob: float, raw: float, total: float, perturbed: float, length: int
    ) -> Hypothesis:
        ended_by: Ending | None = "length" if length == self.max_new_tokens else None
        if token in self.eos_ids:
            ended_by = "eos"
        grown = self.beams[parent].grown(parent, token, logprob, raw, total, total)
        return replace(grown, ended_by=ended_by, perturbed=perturbed)

    def _candidates(self, considered: Sequence[Hypothesis]) -> Iterator[BeamCandidate]:
        beams = {id(hypothesis): beam for beam, hypothesis in enumerate(self.beams)}
        places = {id(hypothesis): place for place, hypothesis in enumerate(self.leaves)}
        for rank, hypothesis in enumerate(considered):
            beam, place = beams.get(id(hypothesis)), places.get(id(hypothesis))
            fate: Fate = "pruned"
            if place is not None:
                fate = "finished"
            elif beam is not None:
                fate = "kept"
            elif hypothesis.ended_by:
                fate = "outscored"
            yield hypothesis.as_candidate(rank, fate, beam, place)

    def _bound(self, best: Sequence[Hypothesis], length: int) -> Bound:
        """In perturbed sums: the highest of a running beam (of a leaf, when none runs), and the lowest that is in."""
        highest = max(self.beams or self.leaves, key=_perturbed)
        lowest = _perturbed(best[-1]) if len(best) == self.settings.num_beams else None
        return Bound(_perturbed(highest), lowest, bool(self.beams), highest.cum_logprob, length)


def gumbel_with_nothing_known(generator: Generator) -> float:
    """The G of the empty sequence: plain Gumbel noise."""
    return -float(torch.empty(1, dtype=torch.float64).exponential_(generator=generator).log())


def _perturbed(hypothesis: Hypothesis) -> float:
    assert hypothesis.perturbed is not None
    return hypothesis.perturbed
