"""Verification of a search with beams: against `generate(num_beams=…)`, or, where it can't be asked, rescored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import GenerationConfig, StoppingCriteriaList

from playground.backends.huggingface import Backend, HuggingFaceModel
from playground.decoding.beam_search import BeamSearch
from playground.decoding.beam_steps import BeamStep, BeamStrategy, Hypothesis, is_shut_out
from playground.decoding.constrained_beam_search import ConstrainedBeamSearch
from playground.decoding.diverse_beam_search import DiverseBeamSearch
from playground.decoding.sampling import Sampling
from playground.verification import TOLERANCE, Cancelled, Until, global_generator

Ids = tuple[int, ...]


@dataclass(frozen=True)
class BeamVerification:
    """What the comparison found.

    Attributes:
        method: "generate": one call of `model.generate` with the same prompt, settings and seed; its sequences, in its
            order, its `sequences_scores` and its beam indices were compared. "rescored": no `generate` that runs
            offline does this search; every sequence was read again in one pass of its own, without a cache: the
            log-probabilities of the raw model, their sums, the score's formula and, where phrases must appear, that
            they do were compared; that no better sequence was missed was not.
        sequences: how many were compared: all that one of the sides returned, but for what only fills the batch.
        equal: how many are equal: the same ids in the same place, or rescored within the tolerance.
        largest_difference: the largest |Δ| in nats a token, of the summed log-probabilities (generate) or of a single
            one (rescored); infinite where the ids differ.
        beam_indices_equal: whether every token continued the same beam; None where there is nothing to compare with.
        tolerance: what `passed` allows, in nats.
    """

    method: Literal["generate", "rescored"]
    sequences: int
    equal: int
    largest_difference: float
    beam_indices_equal: bool | None
    tolerance: float = TOLERANCE

    @property
    def passed(self) -> bool:
        is_equal = 0 < self.equal == self.sequences and self.beam_indices_equal is not False
        return is_equal and self.largest_difference <= self.tolerance


def can_be_generated(strategy: BeamStrategy) -> bool:
    """Whether `generate` does this search: one beam is greedy search to it, and the others have left transformers."""
    return isinstance(strategy, BeamSearch) and strategy.num_beams > 1


def verify_beams(
    last: BeamStep,
    strategy: BeamStrategy,
    prompt_ids: Ids,
    max_new_tokens: int,
    backend: Backend,
    is_wanted: Callable[[], bool] = lambda: True,
) -> BeamVerification:
    """Compare the result of a search, its last step, with transformers. Raises Cancelled once `is_wanted()` says no,
    ValueError for a step that is not the last."""
    if last.stop_reason is None:
        raise ValueError("the search has not ended")
    ours = [hypothesis for hypothesis in last.finished if not hypothesis.is_ghost]
    if isinstance(strategy, BeamSearch) and can_be_generated(strategy):
        return _by_generate(ours, strategy, prompt_ids, max_new_tokens, backend, is_wanted)
    return _rescored(ours, strategy, prompt_ids, backend.model, is_wanted)


def _by_generate(
    ours: Sequence[Hypothesis],
    strategy: BeamSearch,
    prompt_ids: Ids,
    max_new_tokens: int,
    backend: Backend,
    is_wanted: Callable[[], bool],
) -> BeamVerification:
    prompt = torch.tensor([prompt_ids])
    with global_generator, torch.random.fork_rng(devices=[]):
        torch.manual_seed(strategy.selection.seed)
        output = backend.model.module.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            generation_config=_configuration(strategy, backend.model, max_new_tokens),
            stopping_criteria=StoppingCriteriaList([Until(is_wanted)]),
            **({"tokenizer": backend.tokenizer._tokenizer} if strategy.stop else {}),
        )
    if not is_wanted():
        raise Cancelled
    theirs = [sequence for sequence in _sequences(output, len(prompt_ids)) if not is_shut_out(sequence[2])]
    equal, largest, same_beams = 0, 0.0, True
    for hypothesis, (token_ids, beam_indices, score) in zip(ours, theirs, strict=False):
        if token_ids != hypothesis.token_ids:
            largest = float("inf")
            continue
        equal += 1
        same_beams = same_beams and beam_indices == hypothesis.beam_indices
        length = len(token_ids)
        a_token = length**strategy.length_penalty / length  # from a score to the sum, and from the sum to one token
        largest = max(largest, abs(score - hypothesis.score) * a_token)
    count = max(len(ours), len(theirs))
    return BeamVerification("generate", count, equal, largest, same_beams and equal == count)


def _configuration(strategy: BeamSearch, model: HuggingFaceModel, max_new_tokens: int) -> GenerationConfig:
    eos_ids = list(model.eos_ids)
    return GenerationConfig(
        max_new_tokens=max_new_tokens,
        num_beams=strategy.num_beams,
        num_return_sequences=strategy.num_beams,
        length_penalty=strategy.length_penalty,
        early_stopping=strategy.early_stopping,
        eos_token_id=eos_ids or None,
        pad_token_id=eos_ids[0] if eos_ids else 0,
        return_dict_in_generate=True,
        output_scores=True,
        **({"min_new_tokens": strategy.min_new_tokens} if strategy.min_new_tokens else {}),
        **({"stop_strings": list(strategy.stop.strings)} if strategy.stop else {}),
        **Sampling(strategy.processors, strategy.selection).generate_arguments(),
    )


def _sequences(output: Any, prompt_length: int) -> list[tuple[Ids, Ids, float]]:
    """Ids, beam indices and score of what `generate` returned, without the padding."""
    found = []
    rows = zip(output.sequences, output.beam_indices, output.sequences_scores.tolist(), strict=True)
    for sequence, beam_indices, score in rows:
        length = int((beam_indices >= 0).sum())
        ids = sequence[prompt_length : prompt_length + length].tolist()
        found.append((tuple(ids), tuple(beam_indices[:length].tolist()), score))
    return found


def _rescored(
    ours: Sequence[Hypothesis],
    strategy: BeamStrategy,
    prompt_ids: Ids,
    model: HuggingFaceModel,
    is_wanted: Callable[[], bool],
) -> BeamVerification:
    equal, largest = 0, 0.0
    for hypothesis in ours:
        if not is_wanted():
            raise Cancelled
        logprobs = _read_again(prompt_ids, hypothesis.token_ids, model)
        difference = float((logprobs - torch.tensor(hypothesis.raw_logprobs, dtype=torch.float64)).abs().max())
        difference = max(difference, abs(sum(hypothesis.logprobs) - hypothesis.cum_logprob) / len(logprobs))
        difference = max(difference, abs(_score(hypothesis, strategy) - hypothesis.score) / len(logprobs))
        if isinstance(strategy, ConstrainedBeamSearch) and not hypothesis.missing:
            whole = prompt_ids + hypothesis.token_ids
            if not all(_holds(whole, phrase) for phrase in strategy.phrases):
                difference = float("inf")
        equal += difference <= TOLERANCE
        largest = max(largest, difference)
    return BeamVerification("rescored", len(ours), equal, largest, None)


@torch.inference_mode()
def _read_again(prompt_ids: Ids, token_ids: Ids, model: HuggingFaceModel) -> Tensor:
    """(length,) float64: the raw log-probability of every generated token, from one pass over the whole sequence."""
    logits = model.module(input_ids=torch.tensor([prompt_ids + token_ids]), use_cache=False).logits[0]
    rows = logits[len(prompt_ids) - 1 : -1].to(torch.float32).double()
    return torch.log_softmax(rows, dim=-1)[range(len(token_ids)), list(token_ids)]


def _score(hypothesis: Hypothesis, strategy: BeamStrategy) -> float:
    """The score by its formula; stochastic beam search has no length penalty."""
    penalised = isinstance(strategy, (BeamSearch, DiverseBeamSearch, ConstrainedBeamSearch))
    penalty = strategy.length_penalty if penalised else 0.0  # type: ignore[attr-defined]
    return float(hypothesis.cum_logprob / len(hypothesis.token_ids) ** penalty)


def _holds(token_ids: Ids, phrase: Ids) -> bool:
    return any(token_ids[i : i + len(phrase)] == phrase for i in range(len(token_ids) - len(phrase) + 1))
