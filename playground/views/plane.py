"""The plane of quality and diversity: a text of a cloud is a dot, a cloud its mean with its spread."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from playground.decoding.clouds import Sample
from playground.views.measures import Likeness, Measures, distinct, measures, text_of
from playground.vocabulary import Vocabulary


@dataclass(frozen=True)
class Dot:
    """One text of a cloud.

    Attributes:
        number: of the sample in its cloud.
        mean_logprob: Σ ln p / n under the raw model, in nats a token.
        self_bleu: its sentence BLEU against the cloud's other texts, 0 to 100; None where there are none.
        edit_distance: mean share of tokens to change to get another text of the cloud, 0 to 1; None likewise.
        distinct_2: different pairs of neighbouring tokens / all pairs; None for a text of one token.
        copies: how many texts of the cloud have these very tokens.
    """

    number: int
    mean_logprob: float
    self_bleu: float | None
    edit_distance: float | None
    distinct_2: float | None
    copies: int


@dataclass(frozen=True)
class Spread:
    """Of some values: mean, and the standard deviation of these values (not of a larger population they stand for)."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of at least one value."""
        mean = math.fsum(values) / len(values)
        return cls(mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values)))


@dataclass(frozen=True)
class CloudView:
    """Of one cloud.

    Attributes:
        dots: of the texts that have a token; identical texts have a dot each.
        measures: of all texts together.
        failed: how many texts an error ended.
    """

    dots: tuple[Dot, ...]
    measures: Measures
    failed: int

    def spread(self, name: str) -> Spread | None:
        """Of an attribute of the dots; None where no dot has it."""
        values = [value for dot in self.dots if (value := getattr(dot, name)) is not None]
        return Spread.of(values) if values else None


def cloud_view(samples: Sequence[Sample], vocabulary: Vocabulary) -> CloudView:
    """Of at least one sample. For 256 texts of 40 tokens half a second, so off the model's thread."""
    ids = [sample.token_ids for sample in samples]
    likeness = Likeness.of(ids)
    copies = Counter(ids)
    alone = (None,) * len(samples)
    rows = zip(samples, likeness.self_bleus or alone, likeness.edit_distances or alone, strict=True)
    dots = tuple(
        Dot(
            number, math.fsum(one.logprobs) / len(one.logprobs), bleu, distance, distinct([one.token_ids], 2),
            copies[one.token_ids],
        )
        for number, (one, bleu, distance) in enumerate(rows)
        if one.token_ids
    )  # fmt: skip
    found = measures([text_of(one, vocabulary) for one in samples], likeness)
    return CloudView(dots, found, sum(one.error is not None for one in samples))
