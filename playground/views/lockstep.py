"""Two models in lockstep: at every place of one text what each says, how far apart, and who would have written it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from playground.views.padding_lab import divergence
from playground.views.strip import spelt
from playground.vocabulary import Vocabulary


@dataclass(frozen=True)
class Place:
    """One token of the text, as both expected it after all before it; or one piece of it, of several tokens, where the
    two cut texts into other tokens.

    Attributes:
        index: from 1: nothing is said of what the text begins with.
        label, text: as a label, and as it stands in a line.
        rows: the row of each model's logits that stands before it.
        tokens: the ids that it is to each.
        probabilities: under the first and the second model, of several tokens their product.
        ranks: of a single token; of equals the lowest id comes first. None of several.
        kl: KL(second ‖ first) in nats, of the two distributions; js: the Jensen–Shannon divergence, at most ln 2. None
            where the two have other tokens: then there is nothing that both are distributions over.
        ratio: ln p₂ − ln p₁; total: of all places up to it.
    """

    index: int
    label: str
    text: str
    rows: tuple[int, int]
    tokens: tuple[tuple[int, ...], tuple[int, ...]]
    probabilities: tuple[float, float]
    ranks: tuple[int | None, int | None]
    kl: float | None
    js: float | None
    ratio: float
    total: float


@dataclass(frozen=True)
class Word:
    """A token and its probability under the first and the second model, None where that has no such token; `is_next`:
    whether the text goes on with it."""

    label: str
    probabilities: tuple[float | None, float | None]
    is_next: bool = False

    @property
    def change(self) -> float:
        first, second = self.probabilities
        return (second or 0.0) - (first or 0.0)


@dataclass(frozen=True)
class Lockstep:
    """A text under two models: its places, and the words that the second favours or disfavours most, by the mean of
    their probabilities over all places that a token may follow (none where the two have other tokens).

    Attributes:
        start: what the text begins with, of which nothing is said, as it stands in a line.
        is_one: whether both have the same tokens: then a place is a token.
    """

    start: str
    places: tuple[Place, ...]
    lifted: tuple[Word, ...] = ()
    lowered: tuple[Word, ...] = ()
    is_one: bool = True

    @property
    def mean_kl(self) -> float:
        return math.fsum(place.kl or 0.0 for place in self.places) / len(self.places)

    @property
    def total(self) -> float:
        """ln p₂ − ln p₁ of the whole text."""
        return self.places[-1].total

    def apart(self, count: int) -> tuple[Place, ...]:
        """The places where the two disagree most: by their JS, where there is none by the ratio, either way."""
        by = [(abs(place.ratio) if place.js is None else place.js, place) for place in self.places]
        return tuple(place for _, place in sorted(by, key=lambda one: (-one[0], one[1].index))[:count])


@torch.inference_mode()
def lockstep(ids: Sequence[int], first: Tensor, second: Tensor, vocabulary: Vocabulary, count: int = 8) -> Lockstep:
    """Of a text of n ≥ 2 ids and both models' logits (n, V) after each of them; `count` words either way."""
    logs = [torch.log_softmax(logits.double(), -1) for logits in (first, second)]
    places, total = [], 0.0
    for i, token_id in enumerate(ids[1:]):
        p, q = logs[0][i], logs[1][i]
        ratio = float(q[token_id] - p[token_id])
        total += ratio
        places.append(
            Place(
                i + 1, vocabulary.label(token_id), spelt(token_id, vocabulary), (i, i), ((token_id,), (token_id,)),
                (math.exp(p[token_id]), math.exp(q[token_id])), (rank(p, token_id), rank(q, token_id)),
                divergence(q, p), js(p, q), ratio, total,
            )
        )  # fmt: skip
    means = [log.exp().mean(0) for log in logs]
    order = torch.argsort(means[1] - means[0], descending=True, stable=True).tolist()
    lifted = [word for word in _words(order[:count], means, vocabulary) if word.change > 0]
    lowered = [word for word in _words(order[: -count - 1 : -1], means, vocabulary) if word.change < 0]
    return Lockstep(spelt(ids[0], vocabulary), tuple(places), tuple(lifted), tuple(lowered))


def js(p: Tensor, q: Tensor) -> float:
    """The Jensen–Shannon divergence in nats, of log-probabilities (V,): the mean KL of the two from their middle."""
    middle = torch.logaddexp(p, q) - math.log(2)
    return (divergence(p, middle) + divergence(q, middle)) / 2


def rank(logs: Tensor, token_id: int) -> int:
    """From 1, of log-probabilities (V,); of equals the lowest id comes first."""
    own = logs[token_id]
    return 1 + int((logs > own).sum()) + int((logs[:token_id] == own).sum())


@torch.inference_mode()
def next_words(
    first: Tensor, second: Tensor, vocabulary: Vocabulary, count: int = 6, taken: int | None = None
) -> tuple[Word, ...]:
    """The `count` most probable tokens of either, by logits (V,); those first that the two together find likeliest.
    `taken` is the one that the text goes on with."""
    both = [torch.softmax(logits.double(), -1) for logits in (first, second)]
    ids = sorted({i for row in both for i in row.topk(min(count, len(row))).indices.tolist()})
    ids.sort(key=lambda i: (-float(both[0][i] + both[1][i]), i))
    return tuple(_words(ids, both, vocabulary, taken))


def _words(ids: Sequence[int], both: Sequence[Tensor], vocabulary: Vocabulary, taken: int | None = None) -> list[Word]:
    return [Word(vocabulary.label(i), (float(both[0][i]), float(both[1][i])), i == taken) for i in ids]
