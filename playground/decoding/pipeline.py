"""The pipeline: processors applied in order, each leaving a Stage that records what it made of the logits."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from playground.decoding.distribution import Distribution
from playground.decoding.processors import Processor


@dataclass(frozen=True, eq=False)
class Stage:
    """One processor's work on the logits of a step.

    Attributes:
        processor: what was applied.
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


def run(processors: Sequence[Processor], context: Tensor, logits: Tensor) -> tuple[Stage, ...]:
    """Apply every processor that is not neutral to logits (B, V), given context (B, L); one Stage each, in order."""
    stages: list[Stage] = []
    for processor in processors:
        if not processor.is_neutral:
            processed = processor(context, logits)
            stages.append(Stage(processor, logits, processed))
            logits = processed
    return tuple(stages)


def processed_logits(stages: Sequence[Stage], logits: Tensor) -> Tensor:
    """The logits (B, V) from which the token is taken: those of the last stage, or the raw ones without any."""
    return stages[-1].logits if stages else logits
