"""The numbers of one stage at one step, for the help beside its knob: what its formula reads and what it does."""

import math
from dataclasses import dataclass

import numpy as np

from playground.decoding.distribution import Distribution
from playground.decoding.pipeline import Stage
from playground.decoding.processors import REMOVED
from playground.vocabulary import Vocabulary


@dataclass(frozen=True)
class KnobNumbers:
    """What came into a stage and what went out.

    Attributes:
        tokens_before, tokens_after: with a chance.
        kept_mass: what is kept of the incoming probability.
        mass_without_last: the same without the least probable token that is kept.
        entropy_before, entropy_after: in nats.
        top, top_logit_before, top_logit_after, top_before, top_after: the most probable incoming token: label, logits,
            probabilities.
        last, last_before: the least probable token that is kept, and its incoming probability.
        first_gone, first_gone_before: the most probable one that is removed; "" and 0 if none is.
        collision: Σ p² of the incoming distribution.
        highest_logit, spread: the largest incoming logit, and the standard deviation of them all.
    """

    tokens_before: int
    tokens_after: int
    kept_mass: float
    mass_without_last: float
    entropy_before: float
    entropy_after: float
    top: str
    top_logit_before: float
    top_logit_after: float
    top_before: float
    top_after: float
    last: str
    last_before: float
    first_gone: str
    first_gone_before: float
    collision: float
    highest_logit: float
    spread: float

    @property
    def removed(self) -> int:
        return self.tokens_before - self.tokens_after

    @property
    def eta_threshold(self) -> float:
        """exp(-entropy): with √ε the second border of eta sampling."""
        return math.exp(-self.entropy_before)


def knob_numbers(stage: Stage, vocabulary: Vocabulary) -> KnobNumbers:
    before, after = Distribution.of(stage.before[0]), stage.outgoing
    chances = before.probabilities
    kept = after.logits > REMOVED
    gone = (before.logits > REMOVED) & ~kept
    top = int(before.logits.argmax())
    kept_mass = float(chances[kept].sum(dtype=np.float64))
    last = int(np.flatnonzero(kept)[chances[kept].argmin()]) if kept.any() else top
    first_gone = int(np.flatnonzero(gone)[chances[gone].argmax()]) if gone.any() else None
    finite = before.logits[before.logits > REMOVED].astype(np.float64)
    return KnobNumbers(
        tokens_before=before.kept,
        tokens_after=after.kept,
        kept_mass=min(1.0, kept_mass),
        mass_without_last=max(0.0, kept_mass - float(chances[last])),
        entropy_before=before.entropy,
        entropy_after=after.entropy,
        top=vocabulary.label(top),
        top_logit_before=float(before.logits[top]),
        top_logit_after=float(after.logits[top]),
        top_before=float(chances[top]),
        top_after=float(after.probabilities[top]),
        last=vocabulary.label(last),
        last_before=float(chances[last]),
        first_gone="" if first_gone is None else vocabulary.label(first_gone),
        first_gone_before=0.0 if first_gone is None else float(chances[first_gone]),
        collision=float(np.square(chances, dtype=np.float64).sum()),
        highest_logit=float(finite.max()),
        spread=float(finite.std(ddof=1)) if finite.size > 1 else 0.0,
    )
