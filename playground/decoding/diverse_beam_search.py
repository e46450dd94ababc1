"""Diverse beam search: groups of beams that take turns, each pushed away from the tokens of the groups before it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from playground.decoding import pipeline
from playground.decoding.beam_steps import (
    BeamCandidate,
    BeamStep,
    Bound,
    Cost,
    EarlyStopping,
    Fate,
    Hypothesis,
    Search,
    StopReason,
    cost_of,
    evicted,
    starting_beams,
)
from playground.decoding.hypothesis_pool import HypothesisPool
from playground.decoding.model import LanguageModel
from playground.decoding.processors import MinNewTokens, Processor
from playground.decoding.selection import InvalidLogitsError, NothingLeftError
from playground.decoding.trace import GenerationRequest


@dataclass(frozen=True)
class DiverseBeamSearch(Search):
    """transformers 4.49's `_group_beam_search` for one prompt, step by step (Vijayakumar et al. 2016).

    Within a step the groups take turns; a token that earlier groups took at this step loses `diversity_penalty` nats
    for every time. The penalty stays in the sums and scores, as there. Each group has a pool of its own; in the end all
    are merged. A group whose pool is done keeps pushing the others away from the end-of-text token, as there; unlike
    there, a sequence keeps the end-of-text token that it really took (4.49 writes the first of them).
    Raises ValueError unless num_beams is a multiple of num_beam_groups and the penalty is >= 0.

    Attributes:
        num_beams: over all groups.
        num_beam_groups: 1 is beam search with 4.49's pool.
        diversity_penalty: λ, in nats; 0 is off.
        length_penalty, early_stopping, processors, min_new_tokens: as of BeamSearch.
    """

    num_beams: int
    num_beam_groups: int
    diversity_penalty: float = 0.5
    length_penalty: float = 1.0
    early_stopping: EarlyStopping = False
    processors: tuple[Processor, ...] = ()
    min_new_tokens: int = 0

    def __post_init__(self) -> None:
        if self.num_beam_groups < 1 or self.num_beams % self.num_beam_groups:
            raise ValueError(f"num_beams must be a multiple of num_beam_groups, got {self.num_beams}")
        if not self.diversity_penalty >= 0:
            raise ValueError(f"diversity_penalty must be >= 0, got {self.diversity_penalty}")

    @property
    def name(self) -> str:
        return "diverse"

    @property
    def phrases(self) -> tuple[tuple[int, ...], ...]:
        return ()

    def decode(self, model: LanguageModel, request: GenerationRequest) -> Iterator[BeamStep]:
        """Yield one BeamStep per token; the beams of a group that is done stay in it as ghosts.

        Raises InvalidLogitsError if the model returns NaN, NothingLeftError if the processors removed every token.
        """
        search = _GroupSearch(self, request.ends(model), request.prompt_ids, request.max_new_tokens)
        state = model.prefill(request.prompt_ids)
        rows = dict.fromkeys(range(self.num_beams), 0)  # beam -> its row of the state
        try:
            while True:
                step = search.step(state.logits, rows)
                yield step
                if step.stop_reason:
                    return
                live = [i for i in range(self.num_beams) if not search.pool_of(i).is_done]
                state = state.advance(
                    [rows[step.beams[i].beam_indices[-1]] for i in live], [step.beams[i].token_ids[-1] for i in live]
                )
                rows = {beam: row for row, beam in enumerate(live)}
        finally:
            state.release()


class _GroupSearch:
    """The state of one search between its steps: per group its beams and its pool."""

    def __init__(
        self, settings: DiverseBeamSearch, eos_ids: Sequence[int], prompt_ids: tuple[int, ...], max_new_tokens: int
    ) -> None:
        self.settings = settings
        self.eos_ids = tuple(eos_ids)
        self.prompt_ids = prompt_ids
        self.max_new_tokens = max_new_tokens
        self.size = settings.num_beams // settings.num_beam_groups
        minimum = MinNewTokens(settings.min_new_tokens, len(prompt_ids), self.eos_ids)
        self.processors = (minimum, *settings.processors)
        groups = range(settings.num_beam_groups)
        self.beams = [beam for group in groups for beam in starting_beams(self.size, group)]
        self.pools = [
            HypothesisPool(self.size, settings.length_penalty, settings.early_stopping, max_new_tokens, group)
            for group in groups
        ]
        self.bounds = [Bound(0.0, None, True, group=group) for group in groups]
        self.total = Cost()

    def pool_of(self, beam: int) -> HypothesisPool:
        return self.pools[beam // self.size]

    @torch.inference_mode()
    def step(self, logits: Tensor, rows: dict[int, int]) -> BeamStep:
        """Take one step from the logits (rows, V) of the beams of the groups that are not done."""
        if bool(logits.isnan().any()):
            raise InvalidLogitsError("the model returned logits that are not numbers")
        length = 1 + max(len(beam.token_ids) for beam in self.beams)
        live = [beam for i, beam in enumerate(self.beams) if not self.pool_of(i).is_done]
        cost = cost_of(len(self.prompt_ids), live, *logits.shape)
        self.total += cost
        before = self._merged()
        logprobs = torch.log_softmax(logits, dim=-1)
        taken: list[int] = []  # by the groups before, at this step
        turns = []
        for group, pool in enumerate(self.pools):
            if pool.is_done:
                taken += [self.eos_ids[0]] * self.size  # what 4.49 pads its rows with
                continue
            turn = _Turn(self, group, logprobs[[rows[i] for i in self._members(group)]], taken, length)
            turns.append(turn)
            taken += [hypothesis.token_ids[-1] for hypothesis in turn.kept]
        merged = self._merged()
        return BeamStep(
            index=length - 1,
            candidates=tuple(candidate for turn in turns for candidate in turn.candidates(merged)),
            beams=tuple(self.beams),
            finished=tuple(merged),
            bound=next((bound for bound in self.bounds if bound.is_open), self.bounds[0]),
            stop_reason=self._stop_reason(length),
            evicted=evicted(before, merged),
            cost=cost,
            total=self.total,
            bounds=tuple(self.bounds),
        )

    def _members(self, group: int) -> range:
        return range(group * self.size, (group + 1) * self.size)

    def _merged(self) -> list[Hypothesis]:
        entries = [hypothesis for pool in self.pools for hypothesis in pool.entries]
        return sorted(entries, key=lambda hypothesis: hypothesis.score)[::-1]

    def _stop_reason(self, length: int) -> StopReason | None:
        if all(pool.is_done for pool in self.pools):
            return "full" if self.settings.early_stopping is True else "no_improvement"
        return "length" if length == self.max_new_tokens else None


class _Turn:
    """One group's part of a step: its candidates, which of them run on, and what ended.

    Attributes:
        considered: all candidates, by rank.
        kept: those that run on.
    """

    def __init__(self, search: _GroupSearch, group: int, logprobs: Tensor, taken: Sequence[int], length: int) -> None:
        self.search, self.pool, self.size = search, search.pools[group], search.size
        self.members = search._members(group)
        penalties = search.settings.diversity_penalty * torch.bincount(
            torch.tensor(taken, dtype=torch.long), minlength=logprobs.shape[-1]
        )
        self.penalties = penalties  # (V,), in nats
        beams = [search.beams[i] for i in self.members]
        contexts = torch.tensor([search.prompt_ids + beam.token_ids for beam in beams])
        penalised = logprobs - penalties if taken else logprobs
        processed = pipeline.processed_logits(pipeline.run(search.processors, contexts, penalised), penalised)
        running = torch.tensor([beam.cum_logprob for beam in beams])
        accumulated = (processed + running[:, None]).reshape(-1)  # (size * V,)
        scores, indices = torch.topk(accumulated, max(2, 1 + len(search.eos_ids)) * self.size)
        if bool(scores[0].isneginf()):
            raise NothingLeftError("every token of the vocabulary was removed")
        parents, tokens = indices // logprobs.shape[-1], indices % logprobs.shape[-1]
        columns = (parents, tokens, processed[parents, tokens], logprobs[parents, tokens], scores)
        self.considered = [
            self._grown(parent, token, logprob, raw, total, length)
            for parent, token, logprob, raw, total in zip(*(c.tolist() for c in columns), strict=True)
        ]
        self.kept = [h for h in self.considered if h.ended_by != "eos"][: self.size]
        self._finish(length)

    def _grown(self, parent: int, token: int, logprob: float, raw: float, total: float, length: int) -> Hypothesis:
        parent += self.members.start
        grown = self.search.beams[parent].grown(parent, token, logprob, raw, total, total / self.pool.norm(length))
        if token in self.search.eos_ids:
            return replace(grown, ended_by="eos")
        return replace(grown, ended_by="length") if length == self.search.max_new_tokens else grown

    def _finish(self, length: int) -> None:
        """Let into the pool what ended, at the length limit also what runs; keep the rest as the group's beams."""
        for hypothesis in self.considered[: self.size]:
            if hypothesis.ended_by == "eos":
                self.pool.add(hypothesis)
        self.search.bounds[self.pool.group] = self.pool.close_if_done(self.considered[0].cum_logprob, length)
        is_over = self.pool.is_done
        if not is_over and length == self.search.max_new_tokens:
            for hypothesis in self.kept:
                self.pool.add(hypothesis)
        for place, hypothesis in zip(self.members, self.kept, strict=True):
            self.search.beams[place] = replace(hypothesis, is_ghost=True) if is_over else hypothesis

    def candidates(self, merged: Sequence[Hypothesis]) -> Iterator[BeamCandidate]:
        """All of them with their fates; `merged` is the pool of all groups after the step."""
        places = {id(hypothesis): place for place, hypothesis in enumerate(merged)}
        beams = {id(hypothesis): beam for beam, hypothesis in zip(self.members, self.kept, strict=True)}
        for rank, hypothesis in enumerate(self.considered):
            place, beam = places.get(id(hypothesis)), beams.get(id(hypothesis))
            fate: Fate = "pruned"
            if place is not None:
                fate = "finished"
            elif hypothesis.ended_by:
                fate = "outscored" if beam is not None or rank < self.size else "late"
            elif beam is not None:
                fate = "kept"
            candidate = hypothesis.as_candidate(rank, fate, beam if fate == "kept" else None, place)
            yield replace(candidate, penalty=float(self.penalties[hypothesis.token_ids[-1]]))
