"""Distribution: what one row of logits says, each number computed once and only when asked for.

numpy on purpose: for a single row torch spends most of its time waking threads (V = 50,257: 25 µs here, 160 µs there).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from torch import Tensor

Floats = np.ndarray[tuple[int], np.dtype[np.float32]]


@dataclass(frozen=True, eq=False)
class Distribution:
    """softmax of `logits` (V,) float32; -inf is a token without a chance. Sums are taken in float64."""

    logits: Floats

    @classmethod
    def of(cls, logits: Tensor, temperature: float = 1.0) -> "Distribution":
        """Of a row of logits (V,), divided by a temperature."""
        row: Floats = logits.numpy()
        return cls(row if temperature == 1 else row / temperature)

    @cached_property
    def _highest(self) -> float:
        return float(self.logits.max())

    @cached_property
    def _weights(self) -> Floats:
        """exp(logit - highest): 1 for the most probable token."""
        weights: Floats = np.exp(self.logits - np.float32(self._highest))
        return weights

    @cached_property
    def _total(self) -> float:
        return float(self._weights.sum(dtype=np.float64))

    @cached_property
    def log_normaliser(self) -> float:
        """ln Σ exp(logit): a logit less this is a log-probability."""
        return self._highest + math.log(self._total)

    @cached_property
    def probabilities(self) -> Floats:
        """(V,), 1 in all."""
        return self._weights / np.float32(self._total)

    def mass_beside(self, ids: Sequence[int]) -> float:
        """What all tokens but these share: their own sum, exactly 0 where none has a chance (one less the sum of
        these is only nearly that)."""
        others = self._weights.copy()
        others[list(ids)] = 0
        return float(others.sum(dtype=np.float64)) / self._total

    @cached_property
    def entropy(self) -> float:
        """-Σ p ln p in nats, with 0 ln 0 = 0."""
        below = np.maximum(self.logits - np.float32(self._highest), np.float32(-200))  # exp(-200) is 0 in float32
        return max(0.0, math.log(self._total) - float(np.dot(self._weights, below)) / self._total)

    @cached_property
    def descending(self) -> Floats:
        """The probabilities above 0, largest first."""
        ordered = np.sort(self.probabilities)[::-1]
        return ordered[: int(np.count_nonzero(ordered))]

    @cached_property
    def kept(self) -> int:
        """How many tokens have a logit above -inf."""
        return int(np.count_nonzero(self.logits > -np.inf))

    def logprob(self, token_id: int) -> float:
        """In nats."""
        return float(self.logits[token_id]) - self.log_normaliser

    def rank(self, token_id: int) -> int:
        """1 for the most probable token; of equals the lowest id comes first."""
        own = self.logits[token_id]
        before = int(np.count_nonzero(self.logits > own))
        return 1 + before + int(np.count_nonzero(self.logits[:token_id] == own))

    def most_probable(self, n: int) -> list[int]:
        """The ids of the n most probable tokens, those without a chance left out: a stable descending sort's first."""
        n = min(n, self.kept)
        if n == 0:
            return []
        smallest = np.partition(self.logits, self.logits.size - n)[self.logits.size - n]
        ids = np.flatnonzero(self.logits >= smallest)  # ascending, ties at the border included
        order = np.argsort(-self.logits[ids], kind="stable")
        return [int(i) for i in ids[order][:n]]
