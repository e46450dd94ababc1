"""Penalties of the community: what has been said already becomes less probable, by how often or by how long a copy."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from playground.decoding.processors import OfTheCommunity, require

_FLOAT_MAX_LOG = 88.7228391  # ln of the largest float32, as llama.cpp caps the exponent


def _counts(context: Tensor, vocab_size: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """(B, V): how often each id occurs; one that has no logit is passed over."""
    return np.stack(
        [np.bincount(row[row < vocab_size], minlength=vocab_size).astype(np.float32) for row in context.numpy()]
    )


@dataclass(frozen=True)
class PresencePenalty(OfTheCommunity):
    """Subtract a constant from the logit of every token that occurs already, however often.

    OpenAI API. Convention here: the whole context counts, the prompt too (vLLM counts the generated tokens, llama.cpp
    the last 64). A negative value rewards. Raises ValueError unless it is finite.
    """

    value: float
    name: ClassVar[str] = "presence_penalty"
    truncates: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require(math.isfinite(self.value), self.name, "a number (0 is off)", self.value)

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        if self.is_neutral:
            return logits
        seen = _counts(context, logits.shape[-1]) > 0
        return torch.from_numpy(logits.numpy() - np.float32(self.value) * seen)


@dataclass(frozen=True)
class FrequencyPenalty(OfTheCommunity):
    """Subtract from the logit of a token a constant for every time that it occurs already.

    OpenAI API. Convention here: the whole context counts, the prompt too. Raises ValueError unless it is finite.
    """

    value: float
    name: ClassVar[str] = "frequency_penalty"
    truncates: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require(math.isfinite(self.value), self.name, "a number (0 is off)", self.value)

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        if self.is_neutral:
            return logits
        return torch.from_numpy(logits.numpy() - np.float32(self.value) * _counts(context, logits.shape[-1]))


@dataclass(frozen=True)
class DRY(OfTheCommunity):
    """Don't repeat yourself: lower the token that would lengthen a copy of earlier text, the longer the copy the more.

    p-e-w, text-generation-webui PR #5677 (2024). A token that followed an earlier copy of the last L tokens loses
    multiplier · base^(L - allowed_length), where L >= allowed_length. Conventions here: the longest copy counts, once
    (exllamav2 multiplies by how many there are); a copy ends at a breaker, and a breaker is never lowered; the exponent
    is capped where float32 ends, as in llama.cpp (the web UI caps L at 50); the prompt counts.

    Attributes:
        value: the multiplier.
        last_n: only the last so many tokens of the context count; -1 all of them, as in llama.cpp.
        breaker_ids: tokens that end a copy.
    Raises ValueError unless the multiplier is >= 0, the base >= 1, the allowed length >= 1 and last_n >= -1.
    """

    value: float
    base: float = 1.75
    allowed_length: int = 2
    last_n: int = -1
    breaker_ids: frozenset[int] = frozenset()
    name: ClassVar[str] = "dry_multiplier"
    truncates: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require(self.value >= 0, self.name, ">= 0 (0 is off)", self.value)
        require(self.base >= 1, "dry_base", ">= 1", self.base)
        require(self.allowed_length >= 1, "dry_allowed_length", ">= 1", self.allowed_length)
        require(self.last_n >= -1, "dry_penalty_last_n", ">= -1", self.last_n)

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        if self.is_neutral:
            return logits
        left = logits.numpy().copy()
        for row, ids in enumerate(context.numpy()):
            for token_id, length in self.copies(ids).items():
                if token_id < left.shape[-1]:
                    left[row, token_id] -= np.float32(self.penalty(length))
        return torch.from_numpy(left)

    def penalty(self, length: int) -> float:
        """Of a token that lengthens a copy of `length` tokens."""
        if length < self.allowed_length:
            return 0.0
        exponent = float(length - self.allowed_length)
        if self.base > 1:
            exponent = min(exponent, _FLOAT_MAX_LOG / math.log(self.base))
        return min(self.value * math.pow(self.base, exponent), float(np.finfo(np.float32).max))

    def copies(self, context: np.ndarray[tuple[int], np.dtype[np.int64]]) -> dict[int, int]:
        """For each token that followed a copy of the end of the context, the length of the longest copy."""
        ids = (context if self.last_n < 0 else context[len(context) - min(self.last_n, len(context)) :]).tolist()
        lengths: dict[int, int] = {}
        if not ids or ids[-1] in self.breaker_ids:
            return lengths
        for end in np.flatnonzero(np.asarray(ids[:-1]) == ids[-1]).tolist():
            follower, length = ids[end + 1], 1
            if follower in self.breaker_ids:
                continue
            while length <= end and ids[end - length] == ids[-1 - length] and ids[-1 - length] not in self.breaker_ids:
                length += 1
            lengths[follower] = max(length, lengths.get(follower, 0))
        return lengths
