"""Beam search: keep the num_beams most probable sequences, and record every candidate considered."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import torch
from torch import Generator, Tensor

from playground.decoding import pipeline
from playground.decoding.beam_steps import (
    SHUT_OUT,
    BeamCandidate,
    BeamStep,
    Bound,
    Cost,
    EarlyStopping,
    Ending,
    Fate,
    Hypothesis,
    Search,
    StopReason,
    cost_of,
    evicted,
    is_shut_out,
    searched,
    starting_beams,
)
from playground.decoding.model import LanguageModel
from playground.decoding.processors import MinNewTokens, Processor, keeping
from playground.decoding.selection import Argmax, InvalidLogitsError, Multinomial, NothingLeftError, dice
from playground.decoding.stopping import StopStrings
from playground.decoding.trace import GenerationRequest

__all__ = ["BeamCandidate", "BeamSearch", "BeamStep", "Bound", "EarlyStopping", "Fate", "Hypothesis", "StopReason"]


@dataclass(frozen=True)
class BeamSearch(Search):
    """transformers' `_beam_search` for one prompt, step by step; with Multinomial, beam sampling.

    Attributes:
        num_beams: how many sequences run at once, K.
        length_penalty: exponent of the length in the score; above 0 favours long sequences.
        early_stopping: True: stop at K finished sequences; False: when the best running one, at its present length,
            can't beat the worst finished one; "never": the same at the best possible length.
        processors: applied to log-probabilities here, not to logits.
        selection: Argmax takes the best candidates, Multinomial draws them without replacement.
        min_new_tokens: no sequence ends before it has so many tokens.
        stop: texts that end a sequence, as an end-of-text token does; None: only the model's own ids do.
    """

    num_beams: int
    length_penalty: float = 1.0
    early_stopping: EarlyStopping = False
    processors: tuple[Processor, ...] = ()
    selection: Argmax | Multinomial = field(default_factory=Argmax)
    min_new_tokens: int = 0
    stop: StopStrings | None = None

    @property
    def name(self) -> str:
        return "beam_sample" if self.is_drawn else "beam"

    @property
    def seed(self) -> int:
        return self.selection.seed

    @property
    def pool_rule(self) -> EarlyStopping:
        return self.early_stopping

    @property
    def phrases(self) -> tuple[tuple[int, ...], ...]:
        return ()

    @property
    def is_drawn(self) -> bool:
        return isinstance(self.selection, Multinomial)

    def reseeded(self, seed: int) -> Self:
        return replace(self, selection=replace(self.selection, seed=seed))

    def decode(self, model: LanguageModel, request: GenerationRequest) -> Iterator[BeamStep]:
        """Yield one BeamStep per token. The prompt is read once, whatever the number of beams.

        Raises InvalidLogitsError if the model returns NaN, NothingLeftError if the processors removed every token.
        """
        generator = dice(self.selection.seed, 0, model.vocab_size)
        search = _Search(self, request.ends(model), request.prompt_ids, request.max_new_tokens, generator)
        yield from searched(search, model, request.prompt_ids)

    def processors_for(self, prompt_length: int, eos_ids: Sequence[int]) -> tuple[Processor, ...]:
        """What is applied to the log-probabilities, in order. (Removing the ends commutes with the bans after it.)"""
        minimum = MinNewTokens(self.min_new_tokens, prompt_length, tuple(eos_ids))
        is_beam_sampling = self.is_drawn and self.num_beams > 1
        return (minimum, *keeping(self.processors, max(2, 1 + len(eos_ids)) if is_beam_sampling else 1))


class _Search:
    """The state of one search between its steps: the running beams and the finished pool."""

    def __init__(
        self, settings: BeamSearch, eos_ids: Sequence[int], prompt_ids: tuple[int, ...], max_new_tokens: int,
        generator: Generator,
    ) -> None:  # fmt: skip
        k = settings.num_beams
        self.generator = generator
        self.settings = settings
        self.processors = settings.processors_for(len(prompt_ids), eos_ids)
        self.eos_ids = frozenset(eos_ids)
        self.prompt_ids = prompt_ids
        self.max_new_tokens = max_new_tokens
        self.candidate_count = max(2, 1 + len(eos_ids)) * k
        self.beams = starting_beams(k)
        self.running_scores = torch.tensor([0.0] + [SHUT_OUT] * (k - 1))
        self.contexts = torch.tensor([prompt_ids] * k)  # (K, L)
        self.pool: list[Hypothesis | None] = [None] * k
        self.pool_scores = torch.full((k,), SHUT_OUT)
        self.is_open = True
        self.total = Cost()

    @torch.inference_mode()
    def step(self, logits: Tensor) -> BeamStep:
        """Take one step from the logits (K, V), or (1, V) for the prompt alone."""
        k, length = self.settings.num_beams, len(self.beams[0].token_ids) + 1
        if bool(logits.isnan().any()):
            raise InvalidLogitsError("the model returned logits that are not numbers")
        logprobs = torch.log_softmax(logits, dim=-1).expand(k, -1)  # (K, V)
        processed = pipeline.processed_logits(pipeline.run(self.processors, self.contexts, logprobs), logprobs)
        scores, parents, token_ids = self._candidates(processed)
        normalised = scores / self._norm(length)
        extended = self._extend(parents, token_ids, scores, normalised, processed, logprobs)
        ended = torch.tensor([h.ended_by is not None for h in extended])

        cost = cost_of(len(self.prompt_ids), self.beams, *logits.shape)
        self.total += cost
        before = self.pool
        kept = self._keep_running(extended, scores, ended)
        entered = self._update_pool(extended, normalised, ended)
        self.contexts = torch.cat([self.contexts[parents[kept]], token_ids[kept, None]], dim=1)
        places = {rank: beam for beam, rank in enumerate(kept.tolist())}
        pool = [h for h in self.pool if h is not None]
        bound = self._bound(length)
        return BeamStep(
            index=length - 1,
            candidates=tuple(
                self._candidate(rank, hypothesis, None if hypothesis.ended_by else places.get(rank), entered.get(rank))
                for rank, hypothesis in enumerate(extended)
            ),
            beams=tuple(self.beams),
            finished=tuple(pool),
            bound=bound,
            stop_reason=self._stop_reason(bool(ended.all())),
            evicted=evicted(before, pool),
            cost=cost,
            total=self.total,
        )

    def _candidates(self, processed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Scores (C,), parents (C,) and token ids (C,) of the candidates over all beams."""
        vocab_size = processed.shape[-1]
        accumulated = (processed + self.running_scores[:, None]).reshape(1, -1)  # (1, K * V)
        if bool(accumulated.amax().isneginf()):
            raise NothingLeftError("every token of the vocabulary was removed")
        if self.settings.is_drawn:
            drawn = torch.softmax(accumulated, dim=-1)
            indices = torch.multinomial(drawn, self.candidate_count, generator=self.generator)
            scores = accumulated.gather(1, indices)
        else:
            scores, indices = torch.topk(accumulated, self.candidate_count)
        return scores[0], indices[0] // vocab_size, indices[0] % vocab_size

    def _extend(
        self, parents: Tensor, token_ids: Tensor, scores: Tensor, normalised: Tensor, processed: Tensor, raw: Tensor
    ) -> list[Hypothesis]:
        """The sequences that the candidates would make."""
        columns = (parents, token_ids, processed[parents, token_ids], raw[parents, token_ids], scores, normalised)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        grown = (self.beams[parent].grown(parent, *numbers) for parent, *numbers in rows)
        return [replace(hypothesis, ended_by=self._ended_by(hypothesis.token_ids)) for hypothesis in grown]

    def _ended_by(self, token_ids: tuple[int, ...]) -> Ending | None:
        *before, last = token_ids
        if last in self.eos_ids:
            return "eos"
        if self.settings.stop is not None and self.settings.stop.completed_by((*self.prompt_ids, *before), last):
            return "stop_string"
        return "length" if len(token_ids) == self.max_new_tokens else None

    def _keep_running(self, extended: list[Hypothesis], scores: Tensor, ended: Tensor) -> Tensor:
        """Go on with the best that have not ended; return their ranks (K,)."""
        running = scores + ended.to(torch.float32) * SHUT_OUT
        kept = torch.topk(running[None], self.settings.num_beams)[1][0]
        self.running_scores = running[kept]
        self.beams = [
            extended[rank] if not is_shut_out(score) else replace(extended[rank], cum_logprob=score, is_ghost=True)
            for rank, score in zip(kept.tolist(), self.running_scores.tolist(), strict=True)
        ]
        return kept

    def _update_pool(self, extended: list[Hypothesis], normalised: Tensor, ended: Tensor) -> dict[int, int]:
        """Let what ended among the first K candidates into the pool; return the ranks of those that got in, and the
        places that they got."""
        k = self.settings.num_beams
        may_finish = ended & (torch.arange(len(extended)) < k)
        normalised = normalised + (~may_finish) * SHUT_OUT
        merged = torch.cat([self.pool_scores, normalised])
        best = torch.topk(merged[None], k)[1][0]
        self.pool_scores = merged[best]
        entries: list[Hypothesis | None] = [
            *self.pool, *(h if ends else None for h, ends in zip(extended, may_finish.tolist(), strict=True))
        ]  # fmt: skip
        self.pool = [entries[i] for i in best.tolist()]
        got_in = [i - k for i, h in zip(best.tolist(), self.pool, strict=True) if h is not None]
        return {rank: place for place, rank in enumerate(got_in) if rank >= 0}

    def _candidate(self, rank: int, hypothesis: Hypothesis, beam: int | None, pool_place: int | None) -> BeamCandidate:
        fate: Fate = "pruned"
        if pool_place is not None:
            fate = "finished"
        elif beam is not None:
            fate = "kept"
        elif hypothesis.ended_by:
            fate = "outscored" if rank < self.settings.num_beams else "late"
        return hypothesis.as_candidate(rank, fate, beam, pool_place)

    def _bound(self, length: int) -> Bound:
        if self.settings.early_stopping == "never" and self.settings.length_penalty > 0:
            length = self.max_new_tokens
        best_possible = self.running_scores[0] / self._norm(length)
        worst = self.pool_scores.min() if self._is_full() else None
        self.is_open = worst is None or bool(best_possible > worst)  # closed, the search of one prompt ends
        return Bound(
            best_possible=float(best_possible),
            worst_finished=None if worst is None else float(worst),
            is_open=self.is_open,
            best_sum=float(self.running_scores[0]),
            length=length,
        )

    def _stop_reason(self, all_ended: bool) -> StopReason | None:
        if self.settings.early_stopping is True and self._is_full():
            return "full"
        if not self.is_open:
            return "no_improvement"
        return "length" if all_ended else None

    def _is_full(self) -> bool:
        return all(h is not None for h in self.pool)

    def _norm(self, length: int) -> float:
        return float(length**self.settings.length_penalty)
