"""Verification: replay a run through transformers itself, and say whether tokens and numbers are equal."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    StoppingCriteria,
    StoppingCriteriaList,
)

from playground.decoding import pipeline
from playground.decoding.processors import Processor
from playground.decoding.processors_guidance import Guidance
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Multinomial, skip_race
from playground.decoding.trace import Step, Trace
from playground.engines.huggingface import in_generate
from playground.engines.huggingface.backend import HuggingFaceModel
from playground.engines.huggingface.tokenizer import HuggingFaceTokenizer

TOLERANCE = 1e-5  # nats, where the call shapes differ; where they are equal the difference must be 0

DECAY = "exponential_decay_length_penalty"  # transformers fails on it where no token ends a text: nothing to raise

RECORDED_TOLERANCE = 1e-3  # nats, where our side was computed on another machine, or by another number of threads

global_generator = threading.Lock()  # held by who seeds it: `generate` draws from torch's one global generator


@dataclass(frozen=True)
class Difference:
    """The first step at which the two disagree: its index, our token, theirs."""

    index: int
    ours: int
    theirs: int | None


@dataclass(frozen=True)
class Verification:
    """What the comparison found.

    Attributes:
        method: "generate" (one call of `model.generate` on the same prompt, settings and seed) or "teacher-forced"
            (a steered run: `generate` is led along its tokens, transformers' own processors compared at every step).
        tokens: how many were compared.
        equal: how many are equal before the first that differs.
        by_hand: how many were chosen by a person; they are given, and their distributions compared.
        largest_difference: the largest |Δ| in nats over all V raw log-probabilities and all V processed scores of
            the compared steps; infinite where one side removed a token that the other kept.
        first_difference: None if all are equal.
        tolerance: what `passed` allows, in nats.
        own: processors that transformers does not have: inside `generate` they were ours, so that they themselves have
            not been compared with anything.
        is_listed: whether the processors were handed to `generate` as a list, in the order of the run, because its
            arguments can't say them.
        finds_stops: whether the stop strings were compared too. On some tokenizers those of transformers fail; then
            the length of the run ended `generate`.
        elsewhere: for a run with recorded steps, which transformers was given the recorded logits of, the largest |Δ|
            in nats between the recorded raw log-probabilities and those that the model gives here: processors differ
            in the last bits. None if nothing was recorded.
        kernels: what the model runs on, `generate` too: "packed" (the lean pass, `engines.huggingface.lean`),
            "bfloat16", "int8", or "" for transformers' own kernels in float32.
    """

    method: Literal["generate", "teacher-forced"]
    tokens: int
    equal: int
    by_hand: int
    largest_difference: float
    first_difference: Difference | None
    tolerance: float = TOLERANCE
    own: tuple[str, ...] = ()
    is_listed: bool = False
    finds_stops: bool = True
    elsewhere: float | None = None
    kernels: str = ""

    @property
    def passed(self) -> bool:
        is_near = self.elsewhere is None or self.elsewhere <= RECORDED_TOLERANCE
        return self.equal == self.tokens and self.largest_difference <= self.tolerance and is_near


class Cancelled(Exception):
    """The verification was given up before it ended, because nobody waits for it any more."""


def is_steered(trace: Trace) -> bool:
    """Whether a person chose a token or changed the settings on the way: `generate` can't do that in one call."""
    ways = {(step.processors, step.selection) for step in trace.steps}
    return len(ways) > 1 or any(step.choice.by == "hand" for step in trace.steps) or trace.passed_a_stop >= 0


def verify(
    trace: Trace,
    model: HuggingFaceModel,
    is_wanted: Callable[[], bool] = lambda: True,
    tolerance: float = TOLERANCE,
    tokenizer: HuggingFaceTokenizer | None = None,
    recorded: int = 0,
) -> Verification:
    """Compare a run (at least one step) with transformers. Raises Cancelled once `is_wanted()` says no.

    The logits of the first `recorded` steps are from a file: at those, transformers chooses from what was recorded.
    `tokenizer` is needed for a run with stop strings: without it (ValueError), transformers can't look for them.
    """
    if is_steered(trace):
        found = _by_teacher(trace, model, is_wanted, recorded)
    else:
        found = _by_generate(trace, model, is_wanted, tokenizer, recorded)
    guided = [s.processors for s in trace.steps if any(isinstance(p, Guidance) for p in s.processors)]
    scale = max((abs(p.value) for chain in guided for p in chain if isinstance(p, Guidance)), default=0.0)
    # guidance multiplies what the last bits differ by
    return replace(found, tolerance=tolerance * (1 + 2 * scale), kernels=model.kernels)


class Until(StoppingCriteria):
    """Ends `generate` once nobody waits for it."""

    def __init__(self, is_wanted: Callable[[], bool]) -> None:
        self.is_wanted = is_wanted

    def __call__(self, input_ids: Tensor, scores: Any, **_: Any) -> Tensor:
        return torch.full((input_ids.shape[0],), not self.is_wanted(), dtype=torch.bool)


class Lead(LogitsProcessor):
    """Leaves `generate` no choice but the given tokens."""

    def __init__(self, prompt_length: int, token_ids: tuple[int, ...]) -> None:
        self.prompt_length = prompt_length
        self.token_ids = token_ids

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        led = torch.full_like(scores, -float("inf"))
        led[:, self.token_ids[input_ids.shape[1] - self.prompt_length]] = 0
        return led


class _Recorded(LogitsProcessor):
    """Puts the recorded logits of the first steps in the place of the model's."""

    def __init__(self, trace: Trace, recorded: int) -> None:
        self.trace = trace
        self.recorded = recorded

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        index = input_ids.shape[1] - len(self.trace.request.prompt_ids)
        return self.trace.steps[index].logits[None].clone() if index < self.recorded else scores


def _by_generate(
    trace: Trace, model: HuggingFaceModel, is_wanted: Callable[[], bool], tokenizer: HuggingFaceTokenizer | None,
    recorded: int,
) -> Verification:  # fmt: skip
    stop = trace.request.strategy.stop
    if stop and tokenizer is None:
        raise ValueError("a run with stop strings is compared with a tokenizer")
    finds_stops = not stop or tokenizer is None or tokenizer.finds(stop.strings)
    stop = stop if finds_stops else None
    strategy = Sampling(trace.steps[0].processors, trace.steps[0].selection, stop)  # type: ignore[arg-type]
    prompt = torch.tensor([trace.request.prompt_ids])
    is_listed = bool(strategy.beyond_generate) or strategy.is_reordered
    arguments = strategy.bare_arguments() if is_listed or recorded else strategy.generate_arguments()
    listed = _chain(trace, strategy.processors, model) if is_listed or recorded else LogitsProcessorList()
    if recorded:
        listed.insert(0, _Recorded(trace, recorded))
    with global_generator, torch.random.fork_rng(devices=[]):
        torch.manual_seed(strategy.selection.seed)
        output = model.module.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            generation_config=_configuration(arguments, model, trace),
            logits_processor=listed,
            stopping_criteria=StoppingCriteriaList([Until(is_wanted)]),
            negative_prompt_ids=in_generate.negative_prompt(arguments),
            tokenizer=tokenizer.tokenizer if stop and tokenizer else None,
        )
    if not is_wanted():
        raise Cancelled
    theirs = output.sequences[0, prompt.shape[1] :].tolist()
    ours = list(trace.token_ids)
    equal = _equal_until(ours, theirs)
    differs = None
    if equal < len(ours):
        differs = Difference(equal, ours[equal], theirs[equal] if equal < len(theirs) else None)
    compared = range(min(equal + 1, len(ours), len(theirs)))
    read = [trace.steps[i].logits if i < recorded else output.logits[i][0] for i in compared]
    largest = max(
        (_difference(trace, i, read[i], output.scores[i][0]) for i in compared), default=float("inf")
    )  # fmt: skip
    elsewhere = _elsewhere(trace, recorded, output.logits)
    own = strategy.beyond_generate
    return Verification(
        "generate",
        len(ours),
        equal,
        0,
        largest,
        differs,
        own=own,
        is_listed=is_listed,
        finds_stops=finds_stops,
        elsewhere=elsewhere,
    )


def _chain(trace: Trace, processors: Sequence[Processor], model: HuggingFaceModel) -> LogitsProcessorList:
    seed = trace.steps[0].situation.seed
    return in_generate.chain(model.module, processors, len(trace.request.prompt_ids), trace.request.ends(model), seed)


def _configuration(arguments: dict[str, Any], model: HuggingFaceModel, trace: Trace) -> GenerationConfig:
    eos_ids = list(trace.request.ends(model))
    return GenerationConfig(
        max_new_tokens=len(trace.steps),
        eos_token_id=eos_ids or None,
        pad_token_id=eos_ids[0] if eos_ids else 0,
        return_dict_in_generate=True,
        output_logits=True,
        output_scores=True,
        **{name: value for name, value in in_generate.configured(arguments).items() if eos_ids or name != DECAY},
    )


def _elsewhere(trace: Trace, recorded: int, logits: Sequence[Tensor]) -> float | None:
    """How far the recorded raw log-probabilities are from those of the model here."""
    pairs = zip(trace.steps[:recorded], logits, strict=False)
    found = [_largest(torch.log_softmax(s.logits, -1), torch.log_softmax(here[0], -1)) for s, here in pairs]
    return max(found) if found else None


def _by_teacher(
    trace: Trace, model: HuggingFaceModel, is_wanted: Callable[[], bool], recorded: int
) -> Verification:  # fmt: skip
    """Lead `generate` along the run's own tokens; compare its logits, and what transformers would choose from them."""
    prompt = torch.tensor([trace.request.prompt_ids])
    output = model.module.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        generation_config=_configuration(Sampling().generate_arguments(), model, trace),
        logits_processor=LogitsProcessorList([Lead(prompt.shape[1], trace.token_ids)]),
        stopping_criteria=StoppingCriteriaList([Until(is_wanted)]),
    )
    if not is_wanted():
        raise Cancelled
    equal, largest = 0, 0.0
    chains = _Chains(trace, model)
    differs: Difference | None = None
    for step, here in zip(trace.steps, output.logits, strict=False):  # here: (1, V)
        logits = step.logits[None] if step.index < recorded else here
        scores = chains.scores(step, logits)
        largest = max(largest, _difference(trace, step.index, logits[0], scores[0]))
        theirs = step.choice.token_id if step.choice.by == "hand" else _their_choice(step, scores, model.vocab_size)
        if differs is None and theirs != step.choice.token_id:
            differs = Difference(step.index, step.choice.token_id, theirs)
        equal += differs is None
    if differs is None and equal < len(trace.steps):  # `generate` had come to an end of text
        differs = Difference(equal, trace.token_ids[equal], None)
    by_hand = sum(step.choice.by == "hand" for step in trace.steps)
    own = {p.name for step in trace.steps for p in step.processors if p.arguments is None}
    return Verification(
        "teacher-forced", len(trace.steps), equal, by_hand, largest, differs, own=tuple(sorted(own)), is_listed=True,
        elsewhere=_elsewhere(trace, recorded, output.logits),
    )  # fmt: skip


class _Chains:
    """What the processors of a step make of its logits: transformers' own where it has them, ours where it has not."""

    def __init__(self, trace: Trace, model: HuggingFaceModel) -> None:
        self.trace = trace
        self.model = model
        self._guides: dict[Guidance, Any] = {}  # each with a KV cache of its own, which grows with the text
        self._read: dict[Guidance, int] = {}

    @torch.inference_mode()
    def scores(self, step: Step, logits: Tensor) -> Tensor:
        """(1, V), from raw logits (1, V)."""
        context, scores = torch.tensor([self.trace.context(step.index)]), logits.clone()
        for processor in step.processors:
            if processor.is_neutral:
                continue
            if isinstance(processor, Guidance):
                scores = self._guided(processor, step.index, scores)
            elif processor.arguments is None:
                scores = processor.at(step.situation)(context, scores)
            else:
                scores = _chain(self.trace, [processor], self.model)(context, scores)
        return scores

    def _guided(self, guidance: Guidance, index: int, scores: Tensor) -> Tensor:
        """The guide has to read every token, also those of steps at which it was not in force."""
        if guidance not in self._guides:
            self._guides[guidance] = _chain(self.trace, [guidance], self.model)
            self._read[guidance] = 0
        guided = scores
        for step in range(self._read[guidance], index + 1):
            guided = self._guides[guidance](torch.tensor([self.trace.context(step)]), scores)
        self._read[guidance] = index + 1
        return guided


def _their_choice(step: Step, scores: Tensor, vocab_size: int) -> int:
    if not isinstance(step.selection, Multinomial):
        return int(scores[0].argmax())
    with global_generator, torch.random.fork_rng(devices=[]):
        torch.manual_seed(step.selection.seed)
        for _ in range(step.index):
            skip_race(torch.default_generator, vocab_size)
        return int(torch.multinomial(scores.softmax(dim=-1), 1))


def _equal_until(ours: list[int], theirs: list[int]) -> int:
    for index, (one, other) in enumerate(zip(ours, theirs, strict=False)):
        if one != other:
            return index
    return min(len(ours), len(theirs))


def _difference(trace: Trace, index: int, logits: Tensor, scores: Tensor) -> float:
    """The largest |Δ| of one step over raw log-probabilities and processed scores."""
    step = trace.steps[index]
    stages = trace.stages_at(index)
    processed = pipeline.processed_logits(stages, step.logits[None])[0]
    raw = _largest(torch.log_softmax(step.logits, -1), torch.log_softmax(logits, -1))
    return max(raw, _largest(torch.log_softmax(processed, -1), torch.log_softmax(scores, -1)))


def _largest(ours: Tensor, theirs: Tensor) -> float:
    if not torch.equal(ours.isneginf(), theirs.isneginf()):
        return float("inf")
    kept = ~ours.isneginf()
    return float((ours[kept] - theirs[kept]).abs().max())
