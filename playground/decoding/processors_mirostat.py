"""Mirostat: the cut moves from token to token so that the text is as surprising as was asked for."""

import math
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from playground.decoding.distribution import Distribution
from playground.decoding.processors import OfTheCommunity, Situation, require, without

ZIPF_RATIOS = 100  # as in the authors' code (llama.cpp's m = 100 are tokens, so 99 ratios)


@dataclass(frozen=True)
class Mirostat(OfTheCommunity):
    """Keep what is not too surprising, and correct the bar μ after every token: μ -= η · (surprise - τ), in bits.

    Basu et al. 2021. Version 2 keeps the tokens of surprise -log2 p <= μ; version 1 keeps the k most probable, with k
    computed from μ and from the exponent of Zipf's law fitted to the first 100 ratios of neighbours, k rounded and one
    more kept, as in the authors' code; llama.cpp cuts k off and keeps no more, so 0 to 2 tokens fewer. μ starts at 2τ.
    The most probable token always stays.
    Convention of the paper and its code: the surprise is that of the distribution which comes into this stage, not of
    what the cut leaves of it (llama.cpp, the web UI). η = 0.1 as in llama.cpp; the authors' code has 1.

    Attributes:
        value: the version, 1 or 2; 0 is off.
        tau: the surprise aimed at, in bits.
        mu: the bar of the step.
    Raises ValueError for another version, or unless τ >= 0 and 0 <= η <= 1.
    """

    value: int
    tau: float = 5.0
    eta: float = 0.1
    mu: float | None = field(default=None, compare=False, repr=False)
    name: ClassVar[str] = "mirostat"
    truncates: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require(self.value in (0, 1, 2), self.name, "0, 1 or 2 (0 is off)", self.value)
        require(self.tau >= 0, "mirostat_tau", ">= 0", self.tau)
        require(0 <= self.eta <= 1, "mirostat_eta", "between 0 and 1", self.eta)

    @property
    def first_state(self) -> float:
        return 2 * self.tau

    @property
    def bar(self) -> float:
        """μ of the step, in bits; a step that has none recorded is looked at as a first one."""
        return self.first_state if self.mu is None else self.mu

    def at(self, situation: Situation) -> "Mirostat":
        return replace(self, mu=situation.states.get(self.name))

    def state_after(self, state: float, before: Tensor, token_id: int) -> float:
        """The next μ. A token without a chance here (taken by hand) has no surprise to learn from: μ stays."""
        surprise = -Distribution.of(before).logprob(token_id) / math.log(2)
        return state - self.eta * (surprise - self.tau) if math.isfinite(surprise) else state

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        if self.is_neutral:
            return logits
        if self.value == 1:
            return torch.cat([self._most_probable(row) for row in logits])
        logprobs = torch.log_softmax(logits, dim=-1).numpy()
        bar = np.float32(-self.bar * math.log(2))
        return without(logits, (logprobs < bar) & (logprobs < logprobs.max(axis=-1, keepdims=True)))

    def _most_probable(self, logits: Tensor) -> Tensor:
        row = Distribution.of(logits)
        k = tokens_for(self.bar, zipf_exponent(row), len(row.logits))
        if k >= row.kept:
            return logits[None]
        kept = row.most_probable(k)
        removed = np.ones((1, len(row.logits)), dtype=np.bool_)
        removed[0, kept] = False
        return without(logits[None], removed)


def zipf_exponent(row: Distribution) -> float:
    """ŝ of p(rank) ∝ rank^-s, least squares over the ratios of the most probable tokens; 1 where there are too few."""
    p = row.probabilities[row.most_probable(ZIPF_RATIOS + 1)].astype(np.float64)
    p = p[p > 0]
    if len(p) < 2:
        return 1.0
    ranks = np.arange(1, len(p) + 1, dtype=np.float64)
    t = np.log(ranks[1:] / ranks[:-1])
    return float((np.log(p[:-1] / p[1:]) * t).sum() / (t * t).sum())


def tokens_for(mu: float, exponent: float, vocab_size: int) -> int:
    """k = (ε 2^μ / (1 - N^-ε))^(1/s) with ε = s - 1, rounded, and one more; between 1 and N."""
    if exponent <= 0 or vocab_size < 2:
        return vocab_size  # flat: nothing tells the tokens apart
    epsilon = exponent - 1
    factor = 1 / math.log(vocab_size) if abs(epsilon) < 1e-9 else epsilon / (1 - vocab_size**-epsilon)
    log_k = (math.log(factor) + mu * math.log(2)) / exponent
    return vocab_size if log_k >= math.log(vocab_size) else min(vocab_size, max(0, round(math.exp(log_k))) + 1)
