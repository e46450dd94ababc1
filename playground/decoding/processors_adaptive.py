"""Adaptive-p: tokens near a wanted probability become the likely ones, and the aim corrects itself step by step."""

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from playground.decoding.distribution import Distribution
from playground.decoding.processors import REMOVED, OfTheCommunity, Situation, require

_PEAK, _SHARPNESS = np.float32(5), np.float32(10)
_PER_WIDTH = np.float32(1) / np.float32(0.3)


@dataclass(frozen=True)
class AdaptiveP(OfTheCommunity):
    """Give a token of probability p the logit 5 - 10 d² / (1 + d), d = |p - aim| / 0.3, whatever it had before.

    MrJackSpade 2025; exactly as llama.cpp's `adaptive-p` computes it. The aim is 2 · target - the mean probability of
    the tokens taken, kept between 0 and 1; the mean forgets by `decay` and begins at the target. The probabilities are
    those that come into this stage; what has been removed stays removed. It is made to come last. A token taken by hand
    counts in the mean like any other (llama.cpp leaves such a one out).

    Attributes:
        value: the target, 0 to 1; below 0 is off.
        decay: how much of the mean is kept from token to token: about 1 / (1 - decay) tokens.
        weighted_sum: Σ decay^i · p of the token taken i tokens ago.
    Raises ValueError for a target above 1, or unless 0 <= decay <= 0.99.
    """

    value: float
    decay: float = 0.9
    weighted_sum: float | None = field(default=None, compare=False, repr=False)
    name: ClassVar[str] = "adaptive_target"
    truncates: ClassVar[bool] = False
    neutral: ClassVar[float] = -0.01  # next to 0, so that a slider reaches it; llama.cpp's own is -1

    def __post_init__(self) -> None:
        require(self.value <= 1, self.name, "at most 1 (below 0 is off)", self.value)
        require(0 <= self.decay <= 0.99, "adaptive_decay", "between 0 and 0.99", self.decay)

    @property
    def is_neutral(self) -> bool:
        return self.value < 0

    @property
    def first_state(self) -> float:
        return self.value / (1 - self.decay)

    @property
    def aim(self) -> float:
        """The probability aimed at in this step; a step that has no sum recorded is looked at as a first one."""
        total = self.first_state if self.weighted_sum is None else self.weighted_sum
        return min(
            1.0, max(0.0, 2 * self.value - total * (1 - self.decay))
        )  # Σ decay^i is 1 / (1 - decay) from the start

    def at(self, situation: Situation) -> "AdaptiveP":
        return replace(self, weighted_sum=situation.states.get(self.name))

    def state_after(self, state: float, before: Tensor, token_id: int) -> float:
        return float(Distribution.of(before).probabilities[token_id]) + self.decay * state

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        if self.is_neutral:
            return logits
        probabilities = torch.softmax(logits, dim=-1).numpy()
        distance = np.abs((probabilities - np.float32(self.aim)) * _PER_WIDTH)
        reshaped = _PEAK - _SHARPNESS * distance * distance / (np.float32(1) + distance)
        return torch.from_numpy(np.where(logits.numpy() > REMOVED, reshaped, np.float32(REMOVED)))
