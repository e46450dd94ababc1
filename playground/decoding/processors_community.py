"""Cuts of the community, which transformers does not have; each names the convention taken where others differ."""

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from playground.decoding.processors import OfTheCommunity, Situation, require, without

XTC_STREAM = 0x58_54_43  # its coins come from a generator of their own, so the run's dice stay those of `generate`


def _probabilities(logits: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    p: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = torch.softmax(logits, dim=-1).numpy()
    return p


@dataclass(frozen=True)
class TopNSigma(OfTheCommunity):
    """Keep the tokens whose logit is at most n standard deviations below the highest.

    Tang et al. 2024. Convention of llama.cpp: σ of the population of logits not removed (the authors take all of them,
    which fails once one is removed), and a logit exactly at the border stays. What is kept does not depend on the
    temperature. Raises ValueError unless n >= 0; 0 is off (llama.cpp: below 0).
    """

    value: float
    name: ClassVar[str] = "top_n_sigma"
    truncates: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require(self.value >= 0, self.name, ">= 0 (0 is off)", self.value)

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        return logits if self.is_neutral else without(logits, logits.numpy() < self.border(logits))

    def border(self, logits: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        """(B, 1): the lowest logit that stays."""
        rows = logits.numpy()
        kept = np.isfinite(rows)
        highest = rows.max(axis=-1, keepdims=True)
        offsets = np.where(kept, rows - np.where(np.isfinite(highest), highest, 0), 0).astype(np.float64)
        count = np.maximum(kept.sum(axis=-1, keepdims=True), 1)
        mean = offsets.sum(axis=-1, keepdims=True) / count
        variance = (np.where(kept, offsets - mean, 0) ** 2).sum(axis=-1, keepdims=True) / count
        border: np.ndarray[tuple[int, ...], np.dtype[np.float32]]
        border = (highest - self.value * np.sqrt(variance)).astype(np.float32)
        np.minimum(border, highest, out=border)
        return border


@dataclass(frozen=True)
class PLess(OfTheCommunity):
    """Keep the tokens at least as probable as two draws are to agree: p >= Σp².

    Tan, Wu and Howard 2025 (p-less, without the variant that they normalise). No setting but on (1) and off (0). The
    most probable token always stays, also where rounding would not have it. Raises ValueError for another value.
    """

    value: int
    name: ClassVar[str] = "p_less"
    truncates: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require(self.value in (0, 1), self.name, "0 or 1 (0 is off)", self.value)

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        if self.is_neutral:
            return logits
        p = _probabilities(logits)
        agree = np.square(p, dtype=np.float64).sum(axis=-1, keepdims=True).astype(np.float32)
        return without(logits, p < np.minimum(agree, p.max(axis=-1, keepdims=True)))


@dataclass(frozen=True)
class TopA(OfTheCommunity):
    """Keep the tokens of at least a · (highest probability)²: strict where the model is sure.

    BlinkDL and KoboldAI, no paper. Raises ValueError unless 0 <= a <= 1.
    """

    value: float
    name: ClassVar[str] = "top_a"
    truncates: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require(0 <= self.value <= 1, self.name, "between 0 and 1 (0 is off)", self.value)

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        if self.is_neutral:
            return logits
        p = _probabilities(logits)
        return without(logits, p < np.float32(self.value) * p.max(axis=-1, keepdims=True) ** 2)


@dataclass(frozen=True)
class TailFree(OfTheCommunity):
    """Cut where the sorted probabilities have no more bends: keep until |second differences| add up to z of them all.

    Bricken 2019. Convention of the text-generation web UI: of the sorted tokens the first always stays, the
    last always goes, and between them the differences are centred. Where there is no bend at all (a flat row, or fewer
    than three tokens) nothing goes, which the web UI does not provide for. Raises ValueError unless 0 <= z <= 1.
    """

    value: float
    name: ClassVar[str] = "tfs_z"
    truncates: ClassVar[bool] = True
    neutral: ClassVar[float] = 1

    def __post_init__(self) -> None:
        require(0 <= self.value <= 1, self.name, "between 0 and 1 (1 is off)", self.value)

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        if self.is_neutral or logits.shape[-1] < 3:
            return logits
        rows = logits.numpy()
        descending = np.argsort(-rows, axis=-1, kind="stable")
        p = np.take_along_axis(_probabilities(logits), descending, axis=-1).astype(np.float64)
        bends = np.abs(np.diff(p, n=2, axis=-1))
        total = bends.sum(axis=-1, keepdims=True)
        tail = np.zeros(rows.shape, dtype=np.bool_)
        tail[:, 1:-1] = np.cumsum(bends, axis=-1) > self.value * total
        tail[:, -1:] = True
        tail &= total > 0
        removed = np.empty_like(tail)
        np.put_along_axis(removed, descending, tail, axis=-1)
        return without(logits, removed)


@dataclass(frozen=True)
class XTC(OfTheCommunity):
    """Exclude top choices: at times, remove all tokens of at least `threshold` but the least probable of them.

    p-e-w, text-generation-webui PR #6335 (2024). Conventions of llama.cpp: no token is exempt (the web UI spares line
    breaks and the end of text). A coin decides at every step: number i of torch's uniform stream seeded with
    XTC_STREAM + seed, so that step i has its coin whatever happened before, and the run's own dice are not touched.

    Attributes:
        value: the probability of the coin.
        coin: that of the step, between 0 and 1; XTC acts where it is below `value`.
    Raises ValueError unless the probability is between 0 and 1 and the threshold above 0 and at most 1.
    """

    value: float
    threshold: float = 0.1
    coin: float = field(default=0.0, compare=False, repr=False)
    prompt_length: int = field(default=0, compare=False, repr=False)
    seed: int | None = field(default=None, compare=False, repr=False)
    name: ClassVar[str] = "xtc_probability"
    truncates: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require(0 <= self.value <= 1, self.name, "between 0 and 1 (0 is off)", self.value)
        require(0 < self.threshold <= 1, "xtc_threshold", "above 0 and at most 1", self.threshold)

    def at(self, situation: Situation) -> "XTC":
        return replace(self, prompt_length=situation.prompt_length, seed=situation.seed)

    def coin_of(self, step: int) -> float:
        if self.seed is None:
            return self.coin
        generator = torch.Generator().manual_seed(XTC_STREAM + self.seed)
        return float(torch.rand(step + 1, generator=generator)[-1])

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        if self.is_neutral or self.coin_of(context.shape[-1] - self.prompt_length) >= self.value:
            return logits
        p = _probabilities(logits)
        removed = p >= np.float32(self.threshold)
        for row, top in enumerate(removed):
            ids = np.flatnonzero(top)
            if len(ids):  # of the least probable ones the last id stays, as a stable sort has it
                removed[row, ids[np.flatnonzero(p[row, ids] == p[row, ids].min())[-1]]] = False
        return without(logits, removed) if removed.any() else logits
