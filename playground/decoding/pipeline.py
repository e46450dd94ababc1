"""The pipeline: processors applied in order, each leaving a Stage that records what it made of the logits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from playground.decoding.distribution import Distribution
from playground.decoding.partial import OnlyTold
from playground.decoding.processors import Processor, Situation, is_stateful
from playground.decoding.rows import Row

NOWHERE = Situation()


@dataclass(frozen=True, eq=False)
class Stage:
    """One processor's work on the logits of a step.

    Attributes:
        processor: what was applied, knowing the situation of the step.
        before: (B, V) float32, the logits that came in.
        logits: (B, V) float32, the logits that went out.
    """

    processor: Processor
    before: Tensor
    logits: Tensor

    @cached_property
    def removed(self) -> Tensor:
        """(B, V) bool: the tokens that this stage, and none before it, set to -inf."""
        gone, were_gone = (np.isneginf(rows.numpy()) for rows in (self.logits, self.before))
        return torch.from_numpy(gone & ~were_gone)

    @cached_property
    def outgoing(self) -> Distribution:
        """What the stage leaves of the first row."""
        return Distribution.of(self.logits[0])

    @property
    def removes(self) -> bool:
        """Whether it removed any token of the first row."""
        return self.outgoing.kept < Distribution.of(self.before[0]).kept


def run(
    processors: Sequence[Processor], context: Tensor, logits: Tensor, situation: Situation = NOWHERE
) -> tuple[Stage, ...]:
    """Apply every processor that is not neutral to logits (B, V), given context (B, L); one Stage each, in order.

    Raises NotRecordedError if a processor needs what the situation does not hold.
    """
    stages: list[Stage] = []
    for processor in processors:
        if not processor.is_neutral:
            situated = processor.at(situation)
            processed = situated(context, logits)
            stages.append(Stage(situated, logits, processed))
            logits = processed
    return tuple(stages)


def chain(processors: Sequence[Processor], row: Row) -> tuple[Processor, ...]:
    """What is applied to a row: of a partial one, whatever was not told is removed at the end."""
    return (*processors, OnlyTold(row.told)) if row.told else tuple(processors)


def processed_logits(stages: Sequence[Stage], logits: Tensor) -> Tensor:
    """The logits (B, V) from which the token is taken: those of the last stage, or the raw ones without any."""
    return stages[-1].logits if stages else logits


def removers(stages: Sequence[Stage]) -> tuple[str, ...]:
    """The names of the processors that removed tokens of the first row."""
    return tuple(stage.processor.name for stage in stages if stage.removes)


def states_after(stages: Sequence[Stage], situation: Situation, token_id: int) -> dict[str, float]:
    """What the stateful processors among the stages carry on to the next step, once `token_id` has been taken."""
    states: dict[str, float] = {}
    for stage in stages:
        processor: Any = stage.processor
        if is_stateful(processor):
            state = situation.states.get(processor.name, processor.first_state)
            states[processor.name] = processor.state_after(state, stage.before[0], token_id)
    return states


def states_before(processors: Sequence[Processor], carried: Mapping[str, float]) -> dict[str, float]:
    """What the stateful processors stand at before a step: what was carried on, or where they begin."""
    stateful: list[Any] = [p for p in processors if is_stateful(p) and not p.is_neutral]
    return {p.name: carried.get(p.name, p.first_state) for p in stateful}
