"""The likelihood trap: what a class thinks of texts, beside how probable each is under the model.

Zhang et al. 2021, Trading Off Diversity and Quality in Natural Language Generation: people's ratings rise with the
probability of a text up to a point, and fall beyond it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Votes:
    """Thumbs of a class for one text."""

    up: int = 0
    down: int = 0

    @property
    def count(self) -> int:
        return self.up + self.down

    @property
    def share(self) -> float:
        """Thumbs up / thumbs, of at least one."""
        return self.up / self.count

    def with_one(self, is_up: bool) -> "Votes":
        return Votes(self.up + is_up, self.down + (not is_up))


@dataclass(frozen=True)
class Rated:
    """A text with at least one thumb.

    Attributes:
        key: of the lane that wrote it.
        number: of the sample in its cloud.
        mean_logprob: of the text under the raw model, in nats a token.
    """

    key: int
    number: int
    mean_logprob: float
    votes: Votes


@dataclass(frozen=True)
class LaneRating:
    """The texts of one lane that were rated: their mean log-probability, and thumbs up / thumbs of all together."""

    key: int
    texts: int
    mean_logprob: float
    votes: Votes


def lane_ratings(rated: Sequence[Rated]) -> tuple[LaneRating, ...]:
    """One a lane, in the order in which they come."""
    found = []
    for key in dict.fromkeys(one.key for one in rated):
        own = [one for one in rated if one.key == key]
        votes = Votes(sum(one.votes.up for one in own), sum(one.votes.down for one in own))
        found.append(LaneRating(key, len(own), math.fsum(one.mean_logprob for one in own) / len(own), votes))
    return tuple(found)


def next_to_rate(texts: Sequence[tuple[int, int, float]], rated: Sequence[float]) -> tuple[int, int] | None:
    """(key, number) of the text to be rated next, of (key, number, mean log-probability) of those without a thumb: the
    one farthest in mean log-probability from all that have one (`rated`), so that few thumbs soon span the whole axis;
    the middle one first. None where none is left."""
    if not texts:
        return None
    ordered = sorted(texts, key=lambda one: (one[2], one[:2]))
    if not rated:
        return ordered[len(ordered) // 2][:2]
    farthest = max(ordered, key=lambda one: min(abs(one[2] - other) for other in rated))
    return farthest[:2]
