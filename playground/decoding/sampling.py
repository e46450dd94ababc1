"""Sampling: one token after another; greedy search and every sampler are this strategy with other parts."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch

from playground.decoding import pipeline
from playground.decoding.model import LanguageModel
from playground.decoding.processors import Processor
from playground.decoding.selection import Argmax, InvalidLogitsError, Multinomial, dice
from playground.decoding.trace import FinishReason, GenerationRequest, Step


@dataclass(frozen=True)
class Sampling:
    """Process the logits, take a token, go on: transformers' `_sample`, step by step.

    Attributes:
        processors: in the order of application.
        selection: Argmax (greedy search) or Multinomial (sampling).
    """

    processors: tuple[Processor, ...] = ()
    selection: Argmax | Multinomial = field(default_factory=Argmax)

    def decode(self, model: LanguageModel, request: GenerationRequest) -> Iterator[Step]:
        """Yield one Step per token until an end-of-text token or the length limit.

        Raises InvalidLogitsError if the model returns NaN, NothingLeftError if the processors removed every token.
        """
        index = len(request.taken_ids)
        generator = dice(self.selection.seed, index, model.vocab_size)
        context = torch.tensor([request.prompt_ids + request.taken_ids])  # (1, L)
        state = model.prefill(request.prompt_ids, request.taken_ids)
        try:
            while index < request.max_new_tokens:
                logits = state.logits  # (1, V)
                if not math.isfinite(float(logits.numpy().max())):  # NaN anywhere is the largest too
                    raise InvalidLogitsError("the model returned logits that are not numbers")
                stages = pipeline.run(self.processors, context, logits)
                choice = self.selection(pipeline.processed_logits(stages, logits)[0], generator)
                index += 1
                reason: FinishReason | None = None
                if choice.token_id in model.eos_ids:
                    reason = "stop"
                elif index == request.max_new_tokens:
                    reason = "length"
                yield Step(index - 1, logits[0], self.processors, self.selection, choice, reason)
                if reason:
                    return
                state = state.advance([0], [choice.token_id])
                context = torch.cat([context, torch.tensor([[choice.token_id]])], dim=1)
        finally:
            state.release()

    def generate_arguments(self) -> dict[str, bool | int | float]:
        """The keyword arguments with which transformers' `generate` does the same; top_k is always named,
        because sampling with `generate` silently keeps 50 tokens."""
        arguments: dict[str, bool | int | float] = {"do_sample": isinstance(self.selection, Multinomial)}
        if arguments["do_sample"]:
            arguments["top_k"] = 0
        arguments |= {p.name: p.value for p in self.processors if not p.is_neutral}
        return arguments
