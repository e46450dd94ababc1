"""Verification of a search with beams: against `generate(num_beams=…)`, or, where it can't be asked, rescored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessorList, StoppingCriteriaList

from playground.decoding.beam_steps import BeamStep, BeamStrategy, Hypothesis, is_shut_out
from playground.decoding.dialogue import Rendered
from playground.engines.huggingface.backend import Backend, HuggingFaceModel
from playground.runs.strategies import STRATEGIES
from playground.runs.verification.generate import TOLERANCE, Cancelled, Lead, Until, global_generator
from playground.views.beam_code import Call, chain

Ids = tuple[int, ...]

LED_TOLERANCE = 1e-4  # nats a token, token by token: what a recurrent state differs by, in one row or in many, adds up


@dataclass(frozen=True)
class BeamVerification:
    """What the comparison found.

    Attributes:
        method: "generate": one call of `model.generate` with the same prompt, settings and seed; its sequences, in its
            order, its `sequences_scores` and its beam indices were compared. "rescored": no `generate` that runs
            offline does this search; every sequence was read again in one pass of its own, without a cache: the
            log-probabilities of the raw model, their sums, the score's formula and, where phrases must appear, that
            they do were compared; that no better sequence was missed was not. Where one pass does not give the numbers
            of reading token by token, `generate` is led along the sequence instead. "none": its scores are no sums of
            the model's log-probabilities, so that nothing here can check them, and nothing was compared.
        sequences: how many were compared: all that one of the sides returned, but for what only fills the batch.
        equal: how many are equal: the same ids in the same place, or rescored within the tolerance.
        largest_difference: the largest |Δ| in nats a token, of the summed log-probabilities (generate) or of a single
            one (rescored); infinite where the ids differ.
        beam_indices_equal: whether every token continued the same beam; None where there is nothing to compare with.
        tolerance: what `passed` allows, in nats.
        is_generate_out_of_order: it was rescored because beam search in `generate` does not keep this architecture's
            cache in order, so that its own sums are not those of its sequences.
        kernels: as of Verification.
    """

    method: Literal["generate", "rescored", "none"]
    sequences: int
    equal: int
    largest_difference: float
    beam_indices_equal: bool | None
    tolerance: float = TOLERANCE
    is_generate_out_of_order: bool = False
    kernels: str = ""

    @property
    def passed(self) -> bool:
        is_equal = 0 < self.equal == self.sequences and self.beam_indices_equal is not False
        return is_equal and self.largest_difference <= self.tolerance


def verify_beams(
    last: BeamStep,
    strategy: BeamStrategy,
    prompt_ids: Ids,
    max_new_tokens: int,
    backend: Backend,
    is_wanted: Callable[[], bool] = lambda: True,
    rendered: Rendered | None = None,
) -> BeamVerification:
    """Compare the result of a search, its last step, with the witness that the catalogue has for it; `rendered`: the
    dialogue that the prompt is, whose turns end it too.

    Raises Cancelled once `is_wanted()` says no, ValueError for a step that is not the last.
    """
    if last.stop_reason is None:
        raise ValueError("the search has not ended")
    ours = [hypothesis for hypothesis in last.finished if not hypothesis.is_ghost]
    kind = STRATEGIES[strategy.name]
    witness = kind.witness(strategy)
    if witness == "none":
        return BeamVerification("none", len(ours), 0, 0.0, None)
    kernels, slack = backend.model.kernels, backend.model.slack
    if witness == "generate" and kind.call and backend.model.searches_in_generate:
        found = _by_generate(
            ours, strategy, kind.call(strategy), prompt_ids, max_new_tokens, backend, is_wanted, rendered
        )
        return replace(found, kernels=kernels, tolerance=found.tolerance + slack)
    found = _rescored(ours, strategy, prompt_ids, backend.model, is_wanted)
    return replace(found, is_generate_out_of_order=witness == "generate", kernels=kernels)


def _by_generate(
    ours: Sequence[Hypothesis],
    strategy: BeamStrategy,
    call: Call,
    prompt_ids: Ids,
    max_new_tokens: int,
    backend: Backend,
    is_wanted: Callable[[], bool],
    rendered: Rendered | None = None,
) -> BeamVerification:
    ends = (*backend.model.eos_ids, *(rendered.end_ids if rendered else ()))
    prompt = torch.tensor([prompt_ids])
    with global_generator, torch.random.fork_rng(devices=[]):
        torch.manual_seed(strategy.seed)
        output = backend.model.module.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            generation_config=_configuration(strategy, call, ends, max_new_tokens),
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


def _configuration(strategy: BeamStrategy, call: Call, ends: Sequence[int], max_new_tokens: int) -> GenerationConfig:
    eos_ids = list(ends)
    return GenerationConfig(
        max_new_tokens=max_new_tokens,
        num_return_sequences=strategy.num_beams,
        eos_token_id=eos_ids or None,
        pad_token_id=eos_ids[0] if eos_ids else 0,
        return_dict_in_generate=True,
        output_scores=True,
        **({"min_new_tokens": strategy.min_new_tokens} if strategy.min_new_tokens else {}),
        **({"stop_strings": list(strategy.stop.strings)} if strategy.stop else {}),
        **chain(strategy).generate_arguments(),
        **call.arguments,
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
    tolerance = model.slack + (TOLERANCE if model.reads_at_once else LED_TOLERANCE)
    for hypothesis in ours:
        if not is_wanted():
            raise Cancelled
        logprobs = _read_again(prompt_ids, hypothesis.token_ids, model)
        difference = float((logprobs - torch.tensor(hypothesis.raw_logprobs, dtype=torch.float64)).abs().max())
        difference = max(difference, abs(sum(hypothesis.logprobs) - hypothesis.cum_logprob) / len(logprobs))
        difference = max(difference, abs(_score(hypothesis, strategy) - hypothesis.score) / len(logprobs))
        if strategy.phrases:
            whole = prompt_ids + hypothesis.token_ids
            absent = {phrase for phrase in strategy.phrases if not _holds(whole, phrase)}
            if not absent <= set(hypothesis.lacks):
                difference = float("inf")
        equal += difference <= tolerance
        largest = max(largest, difference)
    return BeamVerification("rescored", len(ours), equal, largest, None, tolerance)


@torch.inference_mode()
def _read_again(prompt_ids: Ids, token_ids: Ids, model: HuggingFaceModel) -> Tensor:
    """(length,) float64: the raw log-probability of every generated token, from one pass over the whole sequence, or
    from `generate` led along it where that is not the same."""
    if model.reads_at_once:
        logits = model.logits(prompt_ids + token_ids)[len(prompt_ids) - 1 : -1]
    else:
        logits = _led(prompt_ids, token_ids, model)
    rows = logits.to(torch.float32).double()
    return torch.log_softmax(rows, dim=-1)[range(len(token_ids)), list(token_ids)]


def _led(prompt_ids: Ids, token_ids: Ids, model: HuggingFaceModel) -> Tensor:
    """(length, V): the raw logits of `generate` before each token of a sequence that it has no choice but to take."""
    prompt = torch.tensor([prompt_ids])
    output = model.module.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        generation_config=GenerationConfig(
            max_new_tokens=len(token_ids), do_sample=False, eos_token_id=None, pad_token_id=0,
            return_dict_in_generate=True, output_logits=True,
        ),
        logits_processor=LogitsProcessorList([Lead(len(prompt_ids), token_ids)]),
    )  # fmt: skip
    return torch.cat(output.logits)


def _score(hypothesis: Hypothesis, strategy: BeamStrategy) -> float:
    """The score by its formula; stochastic beam search has no length penalty."""
    return float(hypothesis.cum_logprob / len(hypothesis.token_ids) ** strategy.length_penalty)


def _holds(token_ids: Ids, phrase: Ids) -> bool:
    return any(token_ids[i : i + len(phrase)] == phrase for i in range(len(token_ids) - len(phrase) + 1))
