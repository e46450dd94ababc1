"""Surprisals: how little the raw model expected each token of a lane."""

from dataclasses import dataclass

from playground.decoding.lanes import Lane
from playground.vocabulary import Vocabulary


@dataclass(frozen=True)
class Surprisals:
    """Per token of a text: its label, and -ln p under the raw model in nats; the character, from 1, at which it begins,
    where characters are counted."""

    labels: tuple[str, ...]
    nats: tuple[float, ...]
    begins: tuple[int, ...] = ()

    @property
    def places(self) -> tuple[int, ...]:
        """Where each token stands: its number from 1, or the character at which it begins."""
        return self.begins or tuple(range(1, len(self.nats) + 1))

    @property
    def mean(self) -> float:
        """Nats a token; its exponential is the perplexity."""
        return sum(self.nats) / len(self.nats)


def surprisals(lane: Lane, vocabulary: Vocabulary) -> Surprisals:
    """Of a lane with at least one token."""
    return Surprisals(tuple(vocabulary.labels(lane.token_ids)), tuple(-logprob for logprob in lane.logprobs))
