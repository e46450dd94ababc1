"""Watermark: a secret quarter of the vocabulary is favoured at every step, and counting it gives the text away."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from playground.decoding.processors import InTransformers, require

HASHING_KEY = 15485863  # the millionth prime, transformers' default

Ints = np.ndarray[tuple[int], np.dtype[np.int64]]


def green_list(last_id: int, vocab_size: int, ratio: float) -> Ints:
    """The favoured ids after `last_id` (scheme "lefthash" of transformers, Algorithm 2 of the paper): the first part of
    a permutation whose seed is the key times the last id."""
    generator = torch.Generator().manual_seed(HASHING_KEY * last_id % (2**64 - 1))
    green: Ints = torch.randperm(vocab_size, generator=generator)[: int(vocab_size * ratio)].numpy()
    return green


@lru_cache(maxsize=2**14)
def is_green(last_id: int, token_id: int, vocab_size: int, ratio: float) -> bool:
    """Whether a token is favoured after `last_id`."""
    return bool((green_list(last_id, vocab_size, ratio) == token_id).any())


@dataclass(frozen=True)
class Watermark(InTransformers):
    """Add a bias to the green tokens, whose list depends on the last token.

    Kirchenbauer et al. 2023; transformers `WatermarkLogitsProcessor`. Raises ValueError unless the bias is >= 0 and
    the ratio between 0 and 1, both excluded.
    """

    value: float
    ratio: float = 0.25
    name: ClassVar[str] = "watermark_bias"
    truncates: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require(self.value >= 0, self.name, ">= 0 (0 is off)", self.value)
        require(0 < self.ratio < 1, "watermark_greenlist_ratio", "above 0 and below 1", self.ratio)

    @property
    def arguments(self) -> Mapping[str, object] | None:
        return {"watermarking_config": {"bias": self.value, "greenlist_ratio": self.ratio}}

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        if self.is_neutral:
            return logits
        left = logits.numpy().copy()
        for row, last_id in enumerate(context[:, -1].tolist()):
            left[row, green_list(last_id, logits.shape[-1], self.ratio)] += np.float32(self.value)
        return torch.from_numpy(left)


@dataclass(frozen=True)
class WatermarkScore:
    """How green a text is.

    Attributes:
        greens: for every token but the first, whether it is on the green list of the token before.
        expected: the share of green tokens in a text without a watermark.
        z: how many standard deviations above the number expected of a text without a watermark.
        p_value: the probability that a text without one is at least as green.
    """

    greens: tuple[bool, ...]
    expected: float
    z: float
    p_value: float

    @property
    def green(self) -> int:
        return sum(self.greens)


def watermark_score(token_ids: Sequence[int], vocab_size: int, ratio: float = 0.25) -> WatermarkScore:
    """Count the green tokens of a text (at least two ids; the first has no list): z = (g - γT) / √(Tγ(1 - γ)).

    To score a generated text alone, give the last id of its prompt first.
    """
    if len(token_ids) < 2:
        raise ValueError("a text of at least two tokens is needed: the list of a token depends on the one before")
    greens = [is_green(last, i, vocab_size, ratio) for last, i in pairwise(token_ids)]
    return score_of(greens, [ratio] * len(greens))


def score_of(greens: Sequence[bool], ratios: Sequence[float]) -> WatermarkScore:
    """The score of tokens (at least one) by whether they are green, and how large a part of the vocabulary was."""
    expected, variance = math.fsum(ratios), math.fsum(ratio * (1 - ratio) for ratio in ratios)
    z = (sum(greens) - expected) / math.sqrt(variance)
    return WatermarkScore(tuple(greens), expected / len(greens), z, 0.5 * math.erfc(z / math.sqrt(2)))
