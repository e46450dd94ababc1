"""Two models in lockstep: at every place of one text what each says, how far apart, and who would have written it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from playground.views.padding_lab import divergence
from playground.vocabulary import Vocabulary


@dataclass(frozen=True)
class Place:
    """One token of the text, as both expected it after all before it.

    Attributes:
        index: of the token, from 1: nothing is said of the first.
        probabilities, ranks: under the first and the second model; of equals the lowest id comes first.
        kl: KL(second ‖ first) in nats, of the two distributions; js: the Jensen–Shannon divergence, at most ln 2.
        ratio: ln p₂ − ln p₁ of the token; total: of all tokens up to it.
    """

    index: int
    token_id: int
    label: str
    probabilities: tuple[float, float]
    ranks: tuple[int, int]
    kl: float
    js: float
    ratio: float
    total: float


@dataclass(frozen=True)
class Word:
    """A token and its probability under the first and the second model."""

    token_id: int
    label: str
    probabilities: tuple[float, float]

    @property
    def change(self) -> float:
        return self.probabilities[1] - self.probabilities[0]


@dataclass(frozen=True)
class Lockstep:
    """A text of n tokens under two models: its n − 1 places, and the words that the second favours or disfavours most,
    by the mean of their probabilities over all n places that a token may follow."""

    places: tuple[Place, ...]
    lifted: tuple[Word, ...]
    lowered: tuple[Word, ...]

    @property
    def mean_kl(self) -> float:
        return math.fsum(place.kl for place in self.places) / len(self.places)

    @property
    def total(self) -> float:
        """ln p₂ − ln p₁ of the whole text."""
        return self.places[-1].total

    def apart(self, count: int) -> tuple[Place, ...]:
        """The places where the two disagree most, by their JS."""
        return tuple(sorted(self.places, key=lambda place: (-place.js, place.index))[:count])


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
                i + 1, token_id, vocabulary.label(token_id), (math.exp(p[token_id]), math.exp(q[token_id])),
                (_rank(p, token_id), _rank(q, token_id)), divergence(q, p), js(p, q), ratio, total,
            )
        )  # fmt: skip
    means = [log.exp().mean(0) for log in logs]
    order = torch.argsort(means[1] - means[0], descending=True, stable=True).tolist()
    lifted = [word for word in _words(order[:count], means, vocabulary) if word.change > 0]
    lowered = [word for word in _words(order[: -count - 1 : -1], means, vocabulary) if word.change < 0]
    return Lockstep(tuple(places), tuple(lifted), tuple(lowered))


def js(p: Tensor, q: Tensor) -> float:
    """The Jensen–Shannon divergence in nats, of log-probabilities (V,): the mean KL of the two from their middle."""
    middle = torch.logaddexp(p, q) - math.log(2)
    return (divergence(p, middle) + divergence(q, middle)) / 2


@torch.inference_mode()
def next_words(first: Tensor, second: Tensor, vocabulary: Vocabulary, count: int = 6) -> tuple[Word, ...]:
    """The `count` most probable tokens of either, by logits (V,); those first that the two together find likeliest."""
    both = [torch.softmax(logits.double(), -1) for logits in (first, second)]
    ids = sorted({i for row in both for i in row.topk(min(count, len(row))).indices.tolist()})
    found = _words(ids, both, vocabulary)
    return tuple(sorted(found, key=lambda word: (-sum(word.probabilities), word.token_id)))


def _words(ids: Sequence[int], both: Sequence[Tensor], vocabulary: Vocabulary) -> list[Word]:
    return [Word(i, vocabulary.label(i), (float(both[0][i]), float(both[1][i]))) for i in ids]


def _rank(logs: Tensor, token_id: int) -> int:
    own = logs[token_id]
    return 1 + int((logs > own).sum()) + int((logs[:token_id] == own).sum())
