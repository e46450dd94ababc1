"""Kept: what the cuts of a step leave to choose from: how many tokens, and how much of the model's probability."""

from dataclasses import dataclass

import torch

from playground.decoding import pipeline
from playground.decoding.trace import Trace


@dataclass(frozen=True)
class Kept:
    """Attributes:
    tokens: that were not removed.
    vocab_size: how many there are.
    mass: probability that those hold together under the raw model, 0 to 1.
    """

    tokens: int
    vocab_size: int
    mass: float


def kept(trace: Trace, index: int) -> Kept:
    """Of step `index`."""
    step = trace.steps[index]
    left = ~pipeline.processed_logits(trace.stages_at(index), step.logits[None])[0].isneginf()
    mass = float(torch.softmax(step.logits.double(), -1)[left].sum())
    return Kept(int(left.sum()), len(left), mass)
