"""How often samples took each token at one place, beside the exact probabilities, and whether the two agree (χ²)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from playground.decoding import pipeline
from playground.decoding.distribution import Distribution, Floats
from playground.decoding.processors import Processor
from playground.decoding.processors_community import XTC
from playground.decoding.selection import Multinomial
from playground.decoding.trace import Trace
from playground.vocabulary import Vocabulary

LEAST_EXPECTED = 5.0  # in a bin; below it χ² is not what its table says (Cochran 1954)


@dataclass(frozen=True)
class Bar:
    """One token: how often it was taken, and how often that was to be expected."""

    token_id: int
    label: str
    count: int
    expected: float


@dataclass(frozen=True)
class TokenHistogram:
    """Pearson's test of the counts.

    Attributes:
        bars: the most probable tokens and those taken most often, most probable first.
        draws: how many were counted.
        chi_square: Σ (count - expected)² / expected over the bins; infinite if a token was taken that can't be. None
            where fewer than two bins are left.
        degrees: of freedom, bins less one.
        p_value: the chance that draws of these probabilities are at least so far from them.
        bins: of the test: one a token that is expected LEAST_EXPECTED times or oftener, and one for all others.
        pooled: how many tokens share that one bin.
    """

    bars: tuple[Bar, ...]
    draws: int
    chi_square: float | None
    degrees: int
    p_value: float | None
    bins: int
    pooled: int


def taken_after(texts: Sequence[Sequence[int]], before: Sequence[int]) -> list[int]:
    """The ids that follow `before` in those texts that begin with it."""
    k = len(before)
    return [ids[k] for ids in texts if len(ids) > k and tuple(ids[:k]) == tuple(before)]


def exact_probabilities(trace: Trace, index: int) -> Floats | None:
    """(V,): what token `index` is drawn with after the tokens of this trace, by a run with dice of its own. With XTC,
    whose coin every run throws for itself, the mean over its two sides. None for a run that does not draw."""
    step = trace.steps[index]
    if not isinstance(step.selection, Multinomial):
        return None
    coin = next((p for p in step.processors if isinstance(p, XTC) and not p.is_neutral), None)
    if coin is None:
        return _probabilities(trace, index, step.processors)
    heads = tuple(replace(p, value=1) if isinstance(p, XTC) else p for p in step.processors)
    tails = tuple(p for p in step.processors if not isinstance(p, XTC))
    mixed: Floats = coin.value * _probabilities(trace, index, heads) + (1 - coin.value) * _probabilities(
        trace, index, tails
    )
    return mixed


def _probabilities(trace: Trace, index: int, processors: Sequence[Processor]) -> Floats:
    stages = trace.stages_at(index, processors)
    return Distribution.of(pipeline.processed_logits(stages, trace.steps[index].logits[None])[0]).probabilities


def token_histogram(
    ids: Sequence[int], probabilities: Floats, vocabulary: Vocabulary, shown: int = 12
) -> TokenHistogram:
    """Of the ids that samples took at one place, which are drawn with these probabilities (V,), 1 in all."""
    counts = Counter(ids)
    draws = len(ids)
    likely = np.argsort(-probabilities, kind="stable")[:shown].tolist()
    wanted = {i for i in likely if probabilities[i] > 0} | {i for i, _ in counts.most_common(shown)}
    bars = tuple(
        Bar(i, vocabulary.label(i), counts[i], draws * float(probabilities[i]))
        for i in sorted(wanted, key=lambda i: (-float(probabilities[i]), i))
    )
    bins, pooled = _bins(counts, draws * probabilities.astype(np.float64))
    if any(not probabilities[i] > 0 for i in counts):
        return TokenHistogram(bars, draws, float("inf"), max(1, len(bins) - 1), 0.0, len(bins), pooled)
    if len(bins) < 2:
        return TokenHistogram(bars, draws, None, 0, None, len(bins), pooled)
    statistic = sum((count - expected) ** 2 / expected for count, expected in bins)
    degrees = len(bins) - 1
    return TokenHistogram(bars, draws, statistic, degrees, chance_beyond(statistic, degrees), len(bins), pooled)


def chance_beyond(statistic: float, degrees: int) -> float:
    """P(χ² >= statistic) with so many degrees of freedom: the regularised upper incomplete gamma function."""
    return float(torch.special.gammaincc(_double(degrees / 2), _double(statistic / 2)))


def _double(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def _bins(counts: Counter[int], expected: np.ndarray) -> tuple[list[tuple[int, float]], int]:
    """(count, expected) of each bin, and how many tokens share the last. A rest that is expected too rarely to stand
    alone joins the rarest of the others."""
    often = np.flatnonzero(expected >= LEAST_EXPECTED).tolist()
    rest = np.flatnonzero((expected > 0) & (expected < LEAST_EXPECTED))
    bins = [(counts[i], float(expected[i])) for i in sorted(often, key=lambda i: -expected[i])]
    if not len(rest):
        return bins, 0
    rare = (sum(counts[i] for i in rest.tolist()), float(expected[rest].sum()))
    pooled = len(rest)
    if rare[1] < LEAST_EXPECTED and bins:
        count, least = bins.pop()
        rare, pooled = (rare[0] + count, rare[1] + least), pooled + 1
    return [*bins, rare], pooled
