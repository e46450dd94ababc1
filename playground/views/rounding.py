"""What rounding does: one text read by the same weights in float32 and in fewer bits, token by token."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from playground.vocabulary import Vocabulary


@dataclass(frozen=True)
class RoundedStep:
    """The step before one token of the text.

    Attributes:
        label: the token.
        probability, rounded_probability: what it had in float32, and rounded.
        divergence: KL(float32 ‖ rounded) over the vocabulary, in nats.
        top, rounded_top: the most probable token of each.
    """

    label: str
    probability: float
    rounded_probability: float
    divergence: float
    top: str
    rounded_top: str

    @property
    def change(self) -> float:
        """Of the probability, rounded minus float32."""
        return self.rounded_probability - self.probability


@dataclass(frozen=True)
class Rounding:
    """A text of n tokens, at the n - 1 steps after its first.

    Attributes:
        parts: the first step at which greedy decoding would take another token; None if it takes the same at all.
    """

    steps: tuple[RoundedStep, ...]
    parts: int | None

    @property
    def mean_divergence(self) -> float:
        return sum(step.divergence for step in self.steps) / max(1, len(self.steps))

    @property
    def largest_change(self) -> RoundedStep:
        return max(self.steps, key=lambda step: abs(step.change))


def rounding(exact: Tensor, rounded: Tensor, ids: Sequence[int], vocabulary: Vocabulary) -> Rounding:
    """Of the logits (n, V) after each of n token ids, in float32 and rounded; n at least 2."""
    ours, theirs = (torch.log_softmax(logits[:-1].double(), -1) for logits in (exact, rounded))
    divergences = (ours.exp() * (ours - theirs)).sum(-1)
    tops, rounded_tops = ours.argmax(-1), theirs.argmax(-1)
    steps = tuple(
        RoundedStep(
            vocabulary.label(token_id), float(ours[i, token_id].exp()), float(theirs[i, token_id].exp()),
            max(0.0, float(divergences[i])), vocabulary.label(int(tops[i])), vocabulary.label(int(rounded_tops[i])),
        )
        for i, token_id in enumerate(ids[1:])
    )  # fmt: skip
    others = (tops != rounded_tops).nonzero()[:, 0].tolist()
    return Rounding(steps, others[0] if others else None)
