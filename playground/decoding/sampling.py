"""Sampling: one token after another; greedy search and every sampler are this strategy with other parts."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor

from playground.decoding import pipeline
from playground.decoding.model import DecodingState, LanguageModel
from playground.decoding.orders import SAMPLING_ONLY, TRANSFORMERS_ORDER
from playground.decoding.processors import Processor, Situation
from playground.decoding.processors_guidance import Guidance
from playground.decoding.selection import Argmax, InvalidLogitsError, Multinomial, dice
from playground.decoding.stopping import StopStrings
from playground.decoding.trace import FinishReason, GenerationRequest, Step


@dataclass(frozen=True)
class Sampling:
    """Process the logits, take a token, go on: transformers' `_sample`, step by step.

    Attributes:
        processors: in the order of application.
        selection: Argmax (greedy search) or Multinomial (sampling).
        stop: strings that end the text, or None.
    """

    processors: tuple[Processor, ...] = ()
    selection: Argmax | Multinomial = field(default_factory=Argmax)
    stop: StopStrings | None = None

    def decode(self, model: LanguageModel, request: GenerationRequest) -> Iterator[Step]:
        """Yield one Step per token until an end-of-text token, a stop string or the length limit.

        With guidance the model reads a second text, the negative prompt, which goes on with the same tokens.
        Raises InvalidLogitsError if the model returns NaN, NothingLeftError if the processors removed every token.
        """
        index = len(request.taken_ids)
        generator = dice(self.selection.seed, index, model.vocab_size)
        ids = [*request.prompt_ids, *request.taken_ids]
        context = torch.tensor([ids])  # (1, L)
        carried = request.states
        state = model.prefill(request.prompt_ids, request.taken_ids)
        negative: DecodingState | None = None
        try:
            if self.guidance:
                negative = model.prefill(self.guidance.negative_prompt(request.prompt_ids), request.taken_ids)
            while index < request.max_new_tokens:
                logits = _checked(state.logits)  # (1, V)
                situation = Situation(
                    prompt_length=len(request.prompt_ids),
                    eos_ids=model.eos_ids,
                    seed=self.selection.seed,
                    guidance=_checked(negative.logits)[0] if negative else None,
                    states=pipeline.states_before(self.processors, carried),
                )
                stages = pipeline.run(self.processors, context, logits, situation)
                choice = self.selection(pipeline.processed_logits(stages, logits)[0], generator)
                index += 1
                ids.append(choice.token_id)
                reason: FinishReason | None = None
                if choice.token_id in model.eos_ids:
                    reason = "stop"
                elif self.stop and self.stop.completed_by(ids[:-1], ids[-1]):
                    reason = "stop_string"
                elif index == request.max_new_tokens:
                    reason = "length"
                yield Step(index - 1, logits[0], self.processors, self.selection, choice, reason, situation)
                if reason:
                    return
                carried = pipeline.states_after(stages, situation, choice.token_id)
                state = state.advance([0], [choice.token_id])
                negative = negative.advance([0], [choice.token_id]) if negative else None
                context = torch.cat([context, torch.tensor([[choice.token_id]])], dim=1)
        finally:
            state.release()
            if negative:
                negative.release()

    @property
    def guidance(self) -> Guidance | None:
        return next((p for p in self.processors if isinstance(p, Guidance) and not p.is_neutral), None)

    @property
    def beyond_generate(self) -> tuple[str, ...]:
        """Names of the processors for which `generate` has no argument."""
        return tuple(p.name for p in self.processors if not p.is_neutral and p.arguments is None)

    @property
    def is_reordered(self) -> bool:
        """Whether `generate`, by its arguments, would apply these processors in another order, or not all of them."""
        names = [p.name for p in self.processors if not p.is_neutral]
        if isinstance(self.selection, Argmax) and SAMPLING_ONLY & set(names):
            return True
        return any(TRANSFORMERS_ORDER.index(a) >= TRANSFORMERS_ORDER.index(b) for a, b in pairwise(names))

    def generate_arguments(self) -> dict[str, object]:
        """The keyword arguments with which transformers' `generate` does the same, as plain numbers, lists and dicts;
        top_k is always named, because sampling with `generate` silently keeps 50 tokens.

        Raises ValueError where it can't: a processor that it does not have, or another order.
        """
        if self.beyond_generate or self.is_reordered:
            raise ValueError(f"generate has no arguments for {self.beyond_generate or 'this order'}")
        arguments = self.bare_arguments()
        for processor in self.processors:
            if not processor.is_neutral:
                arguments |= processor.arguments or {}
        return arguments

    def bare_arguments(self) -> dict[str, object]:
        """The keyword arguments of everything but the processors."""
        arguments: dict[str, object] = {"do_sample": isinstance(self.selection, Multinomial)}
        if arguments["do_sample"]:
            arguments["top_k"] = 0
        if self.stop:
            arguments["stop_strings"] = list(self.stop.strings)
        return arguments


def _checked(logits: Tensor) -> Tensor:
    if not math.isfinite(float(logits.numpy().max())):  # NaN anywhere is the largest too
        raise InvalidLogitsError("the model returned logits that are not numbers")
    return logits
