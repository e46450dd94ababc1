"""Sampling: one token after another; greedy search and every sampler are this strategy with other parts."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Self

import torch
from torch import Tensor

from playground.decoding.model import DecodingState, LanguageModel
from playground.decoding.orders import SAMPLING_ONLY, TRANSFORMERS_ORDER
from playground.decoding.processors import Processor
from playground.decoding.processors_guidance import Guidance
from playground.decoding.selection import Argmax, InfiniteLogitsError, Multinomial
from playground.decoding.stopping import StopStrings
from playground.decoding.trace import GenerationRequest, Step
from playground.decoding.walk import Walk


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
        Raises InvalidLogitsError if the model returns NaN, InfiniteLogitsError if it returns an infinite logit under
        guidance, NothingLeftError if the processors removed every token.
        """
        walk = Walk(self, model, request)
        state = model.prefill(request.prompt_ids, request.taken_ids)
        negative: DecodingState | None = None
        try:
            if self.guidance:
                negative = model.prefill(self.guidance.negative_prompt(request.prompt_ids), request.taken_ids)
            while walk.index < request.max_new_tokens:
                if negative:
                    check_finite(state.logits, negative.logits)
                step = walk.take(state.row(0, request.desk), negative.row(0, request.desk) if negative else None)
                yield step
                if step.finish_reason:
                    return
                state = state.advance([0], [step.choice.token_id])
                negative = negative.advance([0], [step.choice.token_id]) if negative else None
        finally:
            state.release()
            if negative:
                negative.release()

    @property
    def name(self) -> str:
        return "sample" if self.is_drawn else "greedy"

    @property
    def seed(self) -> int:
        return self.selection.seed

    @property
    def min_new_tokens(self) -> int:
        return 0  # a processor sees to that

    @property
    def is_drawn(self) -> bool:
        return isinstance(self.selection, Multinomial)

    @property
    def has_beams(self) -> bool:
        return False

    @property
    def is_row_by_row(self) -> bool:
        return True

    def reseeded(self, seed: int) -> Self:
        return replace(self, selection=replace(self.selection, seed=seed))

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
        arguments: dict[str, object] = {"do_sample": self.is_drawn}
        if arguments["do_sample"]:
            arguments["top_k"] = 0
        if self.stop:
            arguments["stop_strings"] = list(self.stop.strings)
        return arguments


def check_finite(*rows: Tensor) -> None:
    """Before guidance. Raises InfiniteLogitsError, with the value, for the first logit that is infinite."""
    for logits in rows:
        infinite = logits[torch.isinf(logits)]
        if infinite.numel():
            raise InfiniteLogitsError("+∞" if float(infinite[0]) > 0 else "−∞")
