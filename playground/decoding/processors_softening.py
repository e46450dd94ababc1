"""Softening of the community: temperatures that depend on the distribution, and a curve in place of a line."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from playground.decoding.distribution import Distribution
from playground.decoding.processors import OfTheCommunity, require

_COLDEST = 1e-3  # instead of 0, where greedy search would have to take over


@dataclass(frozen=True)
class DynamicTemperature(OfTheCommunity):
    """Divide the logits by a temperature that follows the entropy: low where the model is sure, high where it is not.

    kalomaze, no paper (Zhang et al. 2024, EDT, is a relative). Convention of llama.cpp: from max(0, T - range) to
    T + range, at (H / ln N)^exponent between them, N being the tokens not removed and H the entropy before any
    temperature. It takes the place of the plain temperature T. Never below 0.001.
    Raises ValueError unless the range is >= 0, T > 0 and the exponent > 0.
    """

    value: float
    temperature: float = 1.0
    exponent: float = 1.0
    name: ClassVar[str] = "dynatemp_range"
    truncates: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require(self.value >= 0, self.name, ">= 0 (0 is off)", self.value)
        require(self.temperature > 0, "temperature", "> 0", self.temperature)
        require(self.exponent > 0, "dynatemp_exponent", "> 0", self.exponent)

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        if self.is_neutral:
            return logits
        divisors = np.array([[self.chosen(row)] for row in logits], dtype=np.float32)
        return torch.from_numpy(logits.numpy() / divisors)

    def chosen(self, logits: Tensor) -> float:
        """The temperature for one row (V,)."""
        row = Distribution.of(logits)
        share = min(1.0, row.entropy / float(np.log(row.kept))) if row.kept > 1 else 0.0
        lowest, highest = max(0.0, self.temperature - self.value), self.temperature + self.value
        return max(_COLDEST, lowest + (highest - lowest) * math.pow(share, self.exponent))


@dataclass(frozen=True)
class QuadraticSmoothing(OfTheCommunity):
    """Bend the logits: a token d below the highest comes to lie k·f·d² + s·f·d³ below it, k = (3 - c)/2, s = (c - 1)/2.

    kalomaze, text-generation-webui PRs #5403 and #5551 (2024). Close tokens come closer, far ones go further. The curve
    c is 1 (a parabola) to 3 here: beyond, the formula would lift tokens above the most probable one.
    Raises ValueError unless the factor f is >= 0 and c between 1 and 3.
    """

    value: float
    curve: float = 1.0
    name: ClassVar[str] = "smoothing_factor"
    truncates: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require(self.value >= 0, self.name, ">= 0 (0 is off)", self.value)
        require(1 <= self.curve <= 3, "smoothing_curve", "between 1 and 3", self.curve)

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        if self.is_neutral:
            return logits
        rows = logits.numpy()
        highest = rows.max(axis=-1, keepdims=True)
        kept = rows > -np.inf
        below = np.where(kept, highest - rows, np.float32(0))
        k, s = (3 - self.curve) / 2 * self.value, (self.curve - 1) / 2 * self.value
        with np.errstate(over="ignore"):
            drop = below * below * (np.float32(k) + np.float32(s) * below)
            bent = np.where(kept, highest - drop, rows)
        return torch.from_numpy(bent.astype(np.float32))
