"""Temperature: the same logits softened at several temperatures."""

from dataclasses import dataclass

from torch import Tensor

from playground.decoding.distribution import Distribution
from playground.vocabulary import Vocabulary

LANDMARKS = (0.5, 1.0, 2.0)


@dataclass(frozen=True)
class Softened:
    """One curve: softmax(logits / temperature) of the listed tokens, normalised over all; entropy in nats."""

    temperature: float
    is_current: bool
    probabilities: tuple[float, ...]
    entropy: float


@dataclass(frozen=True)
class TemperatureCurves:
    """The tokens on the axis, most probable first, and the curves, coldest first."""

    labels: tuple[str, ...]
    curves: tuple[Softened, ...]


def temperature_curves(logits: Tensor, current: float, vocabulary: Vocabulary, n: int = 24) -> TemperatureCurves:
    """Raw `logits` (V,) at the landmarks 0.5, 1, 2 and at the current temperature."""
    ids = Distribution.of(logits).most_probable(n)
    curves = []
    for temperature in sorted({*LANDMARKS, current}):
        softened = Distribution.of(logits, temperature)
        listed = tuple(softened.probabilities[ids].tolist())
        curves.append(Softened(temperature, temperature == current, listed, softened.entropy))
    return TemperatureCurves(tuple(vocabulary.labels(ids)), tuple(curves))
