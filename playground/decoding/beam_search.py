"""Beam search: keep the num_beams most probable sequences, and record every candidate considered."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Generator, Tensor

from playground.decoding import pipeline
from playground.decoding.model import LanguageModel
from playground.decoding.processors import Processor, Situation
from playground.decoding.selection import Argmax, InvalidLogitsError, Multinomial, NothingLeftError, dice

EarlyStopping = bool | Literal["never"]
Fate = Literal["kept", "finished", "outscored", "late", "pruned"]
StopReason = Literal["full", "no_improvement", "length"]
SHUT_OUT = -1.0e9  # transformers' score of what must not be chosen


@dataclass(frozen=True)
class BeamCandidate:
    """One continuation that was considered.

    Attributes:
        rank: its place among the candidates of the step, from 0.
        parent: the beam that it continues.
        logprob: of this token after the processors, in nats.
        cum_logprob: of all generated tokens, in nats.
        fate: "kept" as a running beam; "finished" and in the pool; "outscored" (it ended, but the pool is closed or
            full of better ones); "late" (it ended below the first num_beams candidates: only those may finish);
            "pruned".
    """

    rank: int
    parent: int
    token_id: int
    logprob: float
    cum_logprob: float
    fate: Fate


@dataclass(frozen=True)
class Hypothesis:
    """A generated sequence.

    Attributes:
        token_ids: the generated ids.
        beam_indices: the beam that each token continued.
        cum_logprob: sum of the log-probabilities, in nats.
        score: cum_logprob / length ** length_penalty; the length counts the generated tokens, the end-of-text token
            included and the prompt not.
    """

    token_ids: tuple[int, ...]
    beam_indices: tuple[int, ...]
    cum_logprob: float
    score: float


@dataclass(frozen=True)
class Bound:
    """Whether going on can still change the result.

    Attributes:
        best_possible: the score that the best running beam could reach, by the rule of early_stopping.
        worst_finished: the lowest score of the pool, or None while it has room.
        is_open: whether a finished sequence may still enter the pool; once closed it stays closed.
    """

    best_possible: float
    worst_finished: float | None
    is_open: bool


@dataclass(frozen=True)
class BeamStep:
    """One step of the search.

    Attributes:
        candidates: all that were considered, by rank.
        beams: the running sequences after the step, best first.
        finished: the pool after the step, best first.
        stop_reason: "full" (early_stopping is True and the pool is full), "no_improvement" (the bound is closed),
            "length" (every candidate ended), or None.
    """

    index: int
    candidates: tuple[BeamCandidate, ...]
    beams: tuple[Hypothesis, ...]
    finished: tuple[Hypothesis, ...]
    bound: Bound
    stop_reason: StopReason | None = None


@dataclass(frozen=True)
class BeamSearch:
    """transformers' `_beam_search` for one prompt, step by step; with Multinomial, beam sampling.

    Attributes:
        num_beams: how many sequences run at once, K.
        length_penalty: exponent of the length in the score; above 0 favours long sequences.
        early_stopping: True: stop at K finished sequences; False: when the best running one, at its present length,
            can't beat the worst finished one; "never": the same at the best possible length.
        processors: applied to log-probabilities here, not to logits.
        selection: Argmax takes the best candidates, Multinomial draws them without replacement.
    """

    num_beams: int
    length_penalty: float = 1.0
    early_stopping: EarlyStopping = False
    processors: tuple[Processor, ...] = ()
    selection: Argmax | Multinomial = field(default_factory=Argmax)

    def decode(self, model: LanguageModel, prompt_ids: tuple[int, ...], max_new_tokens: int) -> Iterator[BeamStep]:
        """Yield one BeamStep per token. The prompt is read once, whatever the number of beams.

        Raises InvalidLogitsError if the model returns NaN, NothingLeftError if the processors removed every token.
        """
        generator = dice(self.selection.seed, 0, model.vocab_size)
        search = _Search(self, model.eos_ids, max_new_tokens)
        state = model.prefill(prompt_ids)
        try:
            while True:
                step = search.step(state.logits, prompt_ids, generator)
                yield step
                if step.stop_reason:
                    return
                rows = state.logits.shape[0]
                parents = [min(beam.beam_indices[-1], rows - 1) for beam in step.beams]
                state = state.advance(parents, [beam.token_ids[-1] for beam in step.beams])
        finally:
            state.release()


class _Search:
    """The state of one search between its steps: the running beams and the finished pool."""

    def __init__(self, settings: BeamSearch, eos_ids: Sequence[int], max_new_tokens: int) -> None:
        self.settings = settings
        self.eos_ids = frozenset(eos_ids)
        self.max_new_tokens = max_new_tokens
        self.candidate_count = max(2, 1 + len(eos_ids)) * settings.num_beams
        k = settings.num_beams
        self.beams: list[Hypothesis] = [Hypothesis((), (), 0.0, 0.0)] * k
        # only the first beam counts at first: they are all the same prompt
        self.running_scores = torch.tensor([0.0] + [SHUT_OUT] * (k - 1))
        self.pool: list[Hypothesis | None] = [None] * k
        self.pool_scores = torch.full((k,), SHUT_OUT)
        self.is_open = True

    def step(self, logits: Tensor, prompt_ids: tuple[int, ...], generator: Generator) -> BeamStep:
        """Take one step from the logits (K, V), or (1, V) for the prompt alone."""
        k, length = self.settings.num_beams, len(self.beams[0].token_ids) + 1
        if bool(logits.isnan().any()):
            raise InvalidLogitsError("the model returned logits that are not numbers")
        logprobs = torch.log_softmax(logits, dim=-1).expand(k, -1)  # (K, V)
        contexts = torch.tensor([prompt_ids + beam.token_ids for beam in self.beams])
        situation = Situation(len(prompt_ids), tuple(sorted(self.eos_ids)), self.settings.selection.seed)
        stages = pipeline.run(self.settings.processors, contexts, logprobs, situation)
        processed = pipeline.processed_logits(stages, logprobs)
        if bool(processed.isneginf().all()):
            raise NothingLeftError("every token of the vocabulary was removed")
        scores, parents, token_ids = self._candidates(processed, generator)

        normalised = scores / self._norm(length)
        extended = [
            Hypothesis((*self.beams[p].token_ids, i), (*self.beams[p].beam_indices, p), float(s), float(n))
            for p, i, s, n in zip(parents, token_ids, scores, normalised, strict=True)
        ]
        ended = torch.tensor([i in self.eos_ids or length == self.max_new_tokens for i in token_ids])
        kept = self._keep_running(extended, scores, ended)
        entered = self._update_pool(extended, normalised, ended)
        bound = self._bound(length)
        fates: list[Fate] = [
            "finished"
            if i in entered
            else "kept"
            if i in kept and not bool(ended[i])
            else self._lost(i, bool(ended[i]))
            for i in range(len(extended))
        ]
        return BeamStep(
            index=length - 1,
            candidates=tuple(
                BeamCandidate(rank, p, i, float(processed[p, i]), float(s), fate)
                for rank, (p, i, s, fate) in enumerate(zip(parents, token_ids, scores, fates, strict=True))
            ),
            beams=tuple(self.beams),
            finished=tuple(h for h in self.pool if h is not None),
            bound=bound,
            stop_reason=self._stop_reason(bool(ended.all())),
        )

    def _candidates(self, processed: Tensor, generator: Generator) -> tuple[Tensor, list[int], list[int]]:
        """Scores (C,), parents and token ids of the candidates over all beams."""
        vocab_size = processed.shape[-1]
        accumulated = (processed + self.running_scores[:, None]).reshape(1, -1)  # (1, K * V)
        if isinstance(self.settings.selection, Multinomial):
            drawn = torch.softmax(accumulated, dim=-1)
            indices = torch.multinomial(drawn, self.candidate_count, generator=generator)
            scores = accumulated.gather(1, indices)
        else:
            scores, indices = torch.topk(accumulated, self.candidate_count)
        flat = indices[0].tolist()
        return scores[0], [i // vocab_size for i in flat], [i % vocab_size for i in flat]

    def _keep_running(self, extended: list[Hypothesis], scores: Tensor, ended: Tensor) -> set[int]:
        running = scores + ended.to(torch.float32) * SHUT_OUT
        kept = torch.topk(running[None], self.settings.num_beams)[1][0]
        self.running_scores = running[kept]
        self.beams = [extended[i] for i in kept.tolist()]
        return set(kept.tolist())

    def _update_pool(self, extended: list[Hypothesis], normalised: Tensor, ended: Tensor) -> set[int]:
        """Let what ended among the first K candidates into the pool; return the indices of those that got in."""
        k = self.settings.num_beams
        may_finish = ended & (torch.arange(len(extended)) < k)
        if self._is_full() and self.settings.early_stopping is True:
            normalised = normalised + SHUT_OUT
        if not self.is_open:
            normalised = normalised + SHUT_OUT
        normalised = normalised + (~may_finish) * SHUT_OUT
        merged = torch.cat([self.pool_scores, normalised])
        best = torch.topk(merged[None], k)[1][0]
        self.pool_scores = merged[best]
        entries: list[Hypothesis | None] = [
            *self.pool, *(h if ends else None for h, ends in zip(extended, may_finish.tolist(), strict=True))
        ]  # fmt: skip
        self.pool = [entries[i] for i in best.tolist()]
        return {i - k for i in best.tolist() if i >= k and entries[i] is not None}

    def _bound(self, length: int) -> Bound:
        longest = self.settings.early_stopping == "never" and self.settings.length_penalty > 0
        best_possible = self.running_scores[0] / self._norm(self.max_new_tokens if longest else length)
        worst = self.pool_scores.min() if self._is_full() else None
        self.is_open = self.is_open and (worst is None or bool(best_possible > worst))
        return Bound(float(best_possible), None if worst is None else float(worst), self.is_open)

    def _stop_reason(self, all_ended: bool) -> StopReason | None:
        if self.settings.early_stopping is True and self._is_full():
            return "full"
        if not self.is_open:
            return "no_improvement"
        return "length" if all_ended else None

    def _lost(self, rank: int, ended: bool) -> Fate:
        if not ended:
            return "pruned"
        return "outscored" if rank < self.settings.num_beams else "late"

    def _is_full(self) -> bool:
        return all(h is not None for h in self.pool)

    def _norm(self, length: int) -> float:
        return float(length**self.settings.length_penalty)
