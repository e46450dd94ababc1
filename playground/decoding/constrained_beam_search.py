"""Constrained beam search: phrases that must appear are proposed at every step, and beams compete bank by bank."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from playground.decoding import pipeline
from playground.decoding.beam_steps import (
    BeamCandidate,
    BeamStep,
    Cost,
    EarlyStopping,
    Ending,
    Fate,
    Hypothesis,
    Search,
    StopReason,
    cost_of,
    evicted,
    searched,
    starting_beams,
)
from playground.decoding.hypothesis_pool import HypothesisPool
from playground.decoding.model import LanguageModel
from playground.decoding.phrases import PhraseProgress, lacking
from playground.decoding.processors import MinNewTokens, Processor
from playground.decoding.selection import InvalidLogitsError, NothingLeftError
from playground.decoding.trace import GenerationRequest

BANK_WEIGHT = 100  # transformers' nats a bank: more than any step can cost


@dataclass(frozen=True)
class ConstrainedBeamSearch(Search):
    """transformers 4.49's `_constrained_beam_search` for one prompt (Anderson et al. 2017, Post & Vilar 2018).

    Beside the best candidates every beam also proposes the tokens that bring its phrases further. All are sorted into
    banks by how much of the phrases they have; the next beams are taken round by round, one from each bank, the
    fullest bank first. Only a sequence with all phrases may finish. As there, a phrase that the prompt holds already
    counts, and if fewer than `num_return_sequences` beams are complete at the length limit, incomplete ones finish too
    (`Hypothesis.lacks` says which phrases they do without).
    Raises ValueError without a phrase, or if one is empty.

    Attributes:
        phrases: the ids of each phrase.
        num_return_sequences: how many complete ones are wanted.
        num_beams, length_penalty, early_stopping, processors, min_new_tokens: as of BeamSearch.
    """

    num_beams: int
    phrases: tuple[tuple[int, ...], ...]
    length_penalty: float = 1.0
    early_stopping: EarlyStopping = False
    processors: tuple[Processor, ...] = ()
    min_new_tokens: int = 0
    num_return_sequences: int = 1

    def __post_init__(self) -> None:
        PhraseProgress.start(self.phrases)

    @property
    def name(self) -> str:
        return "constrained"

    def decode(self, model: LanguageModel, request: GenerationRequest) -> Iterator[BeamStep]:
        """Yield one BeamStep per token. The prompt is read once, whatever the number of beams.

        Raises InvalidLogitsError if the model returns NaN, NothingLeftError if the processors removed every token.
        """
        search = _ConstrainedSearch(self, request.ends(model), request.prompt_ids, request.max_new_tokens)
        yield from searched(search, model, request.prompt_ids)


class _ConstrainedSearch:
    """The state of one search between its steps: the running beams, what they have of the phrases, and the pool."""

    def __init__(
        self, settings: ConstrainedBeamSearch, eos_ids: Sequence[int], prompt_ids: tuple[int, ...], max_new_tokens: int
    ) -> None:
        self.settings = settings
        self.eos_ids = frozenset(eos_ids)
        self.prompt_ids = prompt_ids
        self.max_new_tokens = max_new_tokens
        self.candidate_count = max(2, 1 + len(eos_ids)) * settings.num_beams
        minimum = MinNewTokens(settings.min_new_tokens, len(prompt_ids), tuple(eos_ids))
        self.processors = (minimum, *settings.processors)
        self.beams = starting_beams(settings.num_beams)
        self.progress = [PhraseProgress.start(settings.phrases).after(prompt_ids)] * settings.num_beams
        self.pool = HypothesisPool(settings.num_beams, settings.length_penalty, settings.early_stopping, max_new_tokens)
        self.total = Cost()

    @torch.inference_mode()
    def step(self, logits: Tensor) -> BeamStep:
        """Take one step from the logits (K, V), or (1, V) for the prompt alone."""
        k, length = self.settings.num_beams, len(self.beams[0].token_ids) + 1
        if bool(logits.isnan().any()):
            raise InvalidLogitsError("the model returned logits that are not numbers")
        cost = cost_of(len(self.prompt_ids), self.beams, *logits.shape)
        self.total += cost
        logprobs = torch.log_softmax(logits, dim=-1).expand(k, -1)  # (K, V)
        contexts = torch.tensor([self.prompt_ids + beam.token_ids for beam in self.beams])
        processed = pipeline.processed_logits(pipeline.run(self.processors, contexts, logprobs), logprobs)
        accumulated = processed + torch.tensor([beam.cum_logprob for beam in self.beams])[:, None]  # (K, V)
        scores, indices = torch.topk(accumulated.reshape(-1), self.candidate_count)
        if bool(scores[0].isneginf()):
            raise NothingLeftError("every token of the vocabulary was removed")
        best = [divmod(i, logits.shape[-1]) for i in indices.tolist()]
        proposed = self._proposals(best)
        numbers = {
            (parent, token): (float(processed[parent, token]), float(logprobs[parent, token]), float(total))
            for (parent, token), total in (
                *zip(best, scores.tolist(), strict=True),
                *((pair, float(accumulated[pair])) for pair in proposed),
            )
        }
        grown = {pair: self._grown(pair, *found, length) for pair, found in numbers.items()}
        considered = [grown[pair] for pair in best]
        before = tuple(self.pool.entries)
        for hypothesis in considered[:k]:
            if hypothesis.ended_by == "eos" and not hypothesis.missing:
                self.pool.add(hypothesis)
        chosen = self._choose([grown[p] for p in best if p[1] not in self.eos_ids][:k], [grown[p] for p in proposed])
        bound = self.pool.close_if_done(considered[0].cum_logprob, length)
        if not self.pool.is_done and length == self.max_new_tokens:
            self._finalize(chosen)
        self.progress = [self._progress(h.beam_indices[-1], h.token_ids[-1]) for h in chosen]
        self.beams = chosen
        finished = sorted(self.pool.entries, key=lambda hypothesis: hypothesis.score)[::-1]
        return BeamStep(
            index=length - 1,
            candidates=tuple(self._candidates(grown, set(proposed), chosen, finished)),
            beams=tuple(chosen),
            finished=tuple(finished),
            bound=bound,
            stop_reason=self._stop_reason(length),
            evicted=evicted(before, finished),
            cost=cost,
            total=self.total,
        )

    def _progress(self, parent: int, token_id: int) -> PhraseProgress:
        """What a beam has of the phrases with that token; the end of the text brings nothing and breaks nothing."""
        return self.progress[parent] if token_id in self.eos_ids else self.progress[parent].after([token_id])

    def _proposals(self, best: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """(beam, token) of what the phrases want and the best K candidates don't bring, without repetition."""
        running = [pair for pair in best if pair[1] not in self.eos_ids][: self.settings.num_beams]
        seen = {(*self.beams[parent].token_ids, token) for parent, token in running}
        proposed = []
        for beam, progress in enumerate(self.progress):
            for token in progress.proposals():
                sequence = (*self.beams[beam].token_ids, token)
                if sequence not in seen:
                    seen.add(sequence)
                    proposed.append((beam, token))
        return proposed

    def _grown(
        self, pair: tuple[int, int], logprob: float, raw_logprob: float, total: float, length: int
    ) -> Hypothesis:
        parent, token = pair
        progress = self._progress(parent, token)
        grown = self.beams[parent].grown(parent, token, logprob, raw_logprob, total, total / self.pool.norm(length))
        ended_by: Ending | None = "length" if length == self.max_new_tokens else None
        if token in self.eos_ids:
            ended_by = "eos"
        lacks = lacking(self.settings.phrases, self.prompt_ids + grown.token_ids) if ended_by else ()
        return replace(grown, ended_by=ended_by, bank=progress.bank, missing=progress.missing, lacks=lacks)

    def _choose(self, running: list[Hypothesis], proposed: list[Hypothesis]) -> list[Hypothesis]:
        """The next beams: round by round the best of each bank, the fullest bank first. Without a proposal, the best
        candidates as they are."""
        if not proposed:
            return running
        everything = [*running, *proposed]
        banks = torch.tensor([hypothesis.bank for hypothesis in everything])
        scores = torch.tensor([hypothesis.cum_logprob for hypothesis in everything])
        order = (banks * BANK_WEIGHT + scores).sort(descending=True).indices.tolist()
        turns: list[int] = []  # how many of the same bank stand right before
        for place, i in enumerate(order):
            follows = place > 0 and banks[i] == banks[order[place - 1]]
            turns.append(turns[-1] + 1 if follows else 0)
        by_turn = sorted(range(len(order)), key=lambda place: turns[place])
        return [everything[order[place]] for place in by_turn[: self.settings.num_beams]]

    def _finalize(self, chosen: Sequence[Hypothesis]) -> None:
        """At the length limit: the complete beams finish; if they are too few, the others too."""
        complete = [hypothesis for hypothesis in chosen if not hypothesis.missing]
        for hypothesis in complete:
            self.pool.add(hypothesis)
        if len(complete) < self.settings.num_return_sequences:
            for hypothesis in chosen:
                if hypothesis.missing:
                    self.pool.add(hypothesis)

    def _candidates(
        self,
        grown: dict[tuple[int, int], Hypothesis],
        proposed: set[tuple[int, int]],
        chosen: Sequence[Hypothesis],
        finished: Sequence[Hypothesis],
    ) -> Iterator[BeamCandidate]:
        places = {id(hypothesis): place for place, hypothesis in enumerate(finished)}
        beams = {id(hypothesis): beam for beam, hypothesis in enumerate(chosen)}
        for rank, (pair, hypothesis) in enumerate(grown.items()):
            place, beam = places.get(id(hypothesis)), beams.get(id(hypothesis))
            fate: Fate = "pruned"
            if place is not None:
                fate = "finished"
            elif hypothesis.ended_by is None:
                fate = "pruned" if beam is None else "kept"
            elif beam is not None or (hypothesis.ended_by == "eos" and rank < self.settings.num_beams):
                fate = "unfulfilled" if hypothesis.missing else "outscored"
            else:
                fate = "late"
            candidate = hypothesis.as_candidate(rank, fate, beam if fate == "kept" else None, place)
            yield replace(candidate, is_forced=pair in proposed)

    def _stop_reason(self, length: int) -> StopReason | None:
        if self.pool.is_done:
            return "full" if self.settings.early_stopping is True else "no_improvement"
        return "length" if length == self.max_new_tokens else None
