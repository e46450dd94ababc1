"""Guidance: the model after the prompt against the same model after a negative prompt."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch
from torch import Tensor

from playground.decoding.processors import InTransformers, NotRecordedError, Situation, require


@dataclass(frozen=True)
class Guidance(InTransformers):
    """Classifier-free guidance: log q + g · (log p - log q), p after the prompt and q after the negative prompt.

    Sanchez et al. 2023; transformers `UnbatchedClassifierFreeGuidanceLogitsProcessor`. Both go on with the tokens
    taken. g = 1 is off; above 1 the text keeps to the prompt and away from the negative one.

    Attributes:
        negative_prompt_ids: empty: the last token of the prompt, as in transformers.
        negative_logits: (V,), of the step; raises NotRecordedError when applied without.
    """

    value: float
    negative_prompt_ids: tuple[int, ...] = ()
    negative_logits: Tensor | None = field(default=None, compare=False, repr=False)
    name: ClassVar[str] = "guidance_scale"
    truncates: ClassVar[bool] = False
    neutral: ClassVar[float] = 1

    def __post_init__(self) -> None:
        require(self.value >= 0, self.name, ">= 0 (1 is off)", self.value)

    @property
    def arguments(self) -> Mapping[str, object] | None:
        negative = {"negative_prompt_ids": [list(self.negative_prompt_ids)]} if self.negative_prompt_ids else {}
        return {self.name: self.value, **negative}

    def negative_prompt(self, prompt_ids: tuple[int, ...]) -> tuple[int, ...]:
        """What the second reading starts from."""
        return self.negative_prompt_ids or prompt_ids[-1:]

    def at(self, situation: Situation) -> "Guidance":
        return replace(self, negative_logits=situation.guidance.logits if situation.guidance else None)

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        if self.is_neutral:
            return logits
        if self.negative_logits is None:
            raise NotRecordedError("guidance needs the logits after the negative prompt")
        guided = torch.log_softmax(logits, dim=-1).numpy()
        unguided = torch.log_softmax(self.negative_logits[None], dim=-1).numpy()
        return torch.from_numpy(self.value * (guided - unguided) + unguided)
