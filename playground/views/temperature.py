"""Temperature: the same logits softened at several temperatures."""

from dataclasses import dataclass

import torch
from torch import Tensor

from playground.decoding.trace import entropy
from playground.views.ranking import most_probable
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
    ids = most_probable(logits, n)
    curves = []
    for temperature in sorted({*LANDMARKS, current}):
        logprobs = torch.log_softmax(logits / temperature, dim=-1)
        listed = tuple(float(p) for p in logprobs[ids].exp())
        curves.append(Softened(temperature, temperature == current, listed, entropy(logprobs)))
    return TemperatureCurves(tuple(vocabulary.labels(ids)), tuple(curves))
