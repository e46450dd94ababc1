"""The stages of a step as a table: what each processor leaves of the tokens, of the mass and of the entropy."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from playground.decoding.pipeline import Stage
from playground.decoding.trace import entropy


@dataclass(frozen=True)
class StageRow:
    """What is left after one stage.

    Attributes:
        name, value: the processor and its setting; None for the raw model.
        tokens_kept: tokens that no stage so far has removed.
        probability_kept: their probability under the raw model.
        incoming_kept: the share kept of the distribution that came into this stage (what top-p speaks of).
        entropy: of the distribution after the stage, in nats.
    """

    name: str | None
    value: float | None
    tokens_kept: int
    probability_kept: float
    incoming_kept: float
    entropy: float


def stage_rows(logits: Tensor, stages: Sequence[Stage]) -> tuple[StageRow, ...]:
    """One row for the raw `logits` (V,), then one a stage."""
    raw = torch.softmax(logits, dim=-1)
    rows = [StageRow(None, None, int((~logits.isneginf()).sum()), 1.0, 1.0, entropy(torch.log_softmax(logits, -1)))]
    for stage in stages:
        after, before = stage.logits[0], stage.before[0]
        kept = ~after.isneginf()
        incoming = 1.0 if not bool(stage.removed.any()) else float(torch.softmax(before, -1)[kept].double().sum())
        rows.append(
            StageRow(
                name=stage.processor.name,
                value=stage.processor.value,
                tokens_kept=int(kept.sum()),
                probability_kept=min(1.0, float(raw[kept].double().sum())),
                incoming_kept=min(1.0, incoming),
                entropy=entropy(torch.log_softmax(after, -1)),
            )
        )
    return tuple(rows)
