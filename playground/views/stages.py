"""The stages of a step as a table: what each processor leaves of the tokens, of the mass and of the entropy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from playground.decoding.distribution import Distribution
from playground.decoding.pipeline import Stage
from playground.decoding.processors import REMOVED


@dataclass(frozen=True)
class StageRow:
    """What is left after one stage.

    Attributes:
        name, value: the processor and its setting; None for the raw model.
        tokens_kept: tokens that no stage so far has removed.
        probability_kept: their probability under the raw model.
        incoming_kept: the share kept of the distribution that came into this stage (what top-p speaks of).
        entropy: of the distribution after the stage, in nats.
        at_least: whether tokens and mass are the least that there may be, `entropy_at_most` whether the entropy is the
            most: of a partial row.
    """

    name: str | None
    value: float | None
    tokens_kept: int
    probability_kept: float
    incoming_kept: float
    entropy: float
    at_least: bool = False
    entropy_at_most: bool = False


def stage_rows(logits: Tensor, stages: Sequence[Stage]) -> tuple[StageRow, ...]:
    """One row for the raw `logits` (V,), then one a stage."""
    raw = Distribution.of(logits)
    rows = [StageRow(None, None, raw.kept, 1.0, 1.0, raw.entropy)]
    before = raw
    for stage in stages:
        after = stage.outgoing
        survive = after.logits > REMOVED
        incoming = mass(before, survive) if after.kept < before.kept else 1.0
        rows.append(
            StageRow(
                name=stage.processor.name,
                value=stage.processor.value,
                tokens_kept=after.kept,
                probability_kept=mass(raw, survive),
                incoming_kept=incoming,
                entropy=after.entropy,
            )
        )
        before = after
    return tuple(rows)


def mass(distribution: Distribution, tokens: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float:
    """The probability of some tokens, at most 1."""
    return min(1.0, float(distribution.probabilities[tokens].sum(dtype=np.float64)))
