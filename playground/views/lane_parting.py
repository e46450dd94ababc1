"""Where lanes part: the first token that is not the same in all of them, and how each came to its own."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

from playground.decoding import pipeline
from playground.decoding.distribution import Distribution
from playground.decoding.lanes import Comparison, Lane
from playground.decoding.trace import Trace
from playground.vocabulary import Vocabulary


@dataclass(frozen=True)
class Taken:
    """What one lane took where they part.

    Attributes:
        token_id: None if it had ended before; its label is empty then.
        probability: of the token after the lane's processors: that with which it was drawn, or which was the largest.
            Of a sequence of beams the raw model's. None if it had ended.
        by: how it came to it: "beams" for a search with beams; None if it had ended.
    """

    token_id: int | None
    label: str
    probability: float | None
    by: Literal["argmax", "multinomial", "hand", "beams"] | None


@dataclass(frozen=True)
class LaneParting:
    """Attributes:
    index: of the first token that is not the same in all lanes, from 0.
    taken: one a lane, in order.
    same_dice: whether all that drew threw the same dice; False if fewer than two drew.
    """

    index: int
    taken: tuple[Taken, ...]
    same_dice: bool


def first_difference(texts: Sequence[Sequence[int]], may_grow: Sequence[bool] = ()) -> int | None:
    """The first place at which not all texts have the same id; None if there is none. A text that has ended where
    another goes on differs from it there, unless it may grow yet."""
    growing = may_grow or [False] * len(texts)
    for index, ids in enumerate(zip_longest(*texts)):
        here = {i for i, may in zip(ids, growing, strict=True) if i is not None or not may}
        if len(here) > 1:
            return index
    return None


def lane_parting(comparison: Comparison, vocabulary: Vocabulary) -> LaneParting | None:
    """None while all lanes are the same, as far as they are."""
    lanes = comparison.lanes
    index = first_difference([lane.token_ids for lane in lanes], [not lane.is_over for lane in lanes])
    if index is None:
        return None
    seeds = [
        step.selection.seed
        for lane in lanes
        if isinstance(lane.trace, Trace)
        for step in lane.trace.steps[index : index + 1]
        if step.choice.by == "multinomial"
    ]
    taken = tuple(_taken(lane, index, vocabulary) for lane in lanes)
    return LaneParting(index, taken, len(seeds) > 1 and len(set(seeds)) == 1)


def _taken(lane: Lane, index: int, vocabulary: Vocabulary) -> Taken:
    if index >= len(lane.token_ids):
        return Taken(None, "", None, None)
    token_id = lane.token_ids[index]
    label = vocabulary.label(token_id)
    if not isinstance(lane.trace, Trace):
        return Taken(token_id, label, math.exp(lane.logprobs[index]), "beams")
    step = lane.trace.steps[index]
    processed = pipeline.processed_logits(lane.trace.stages_at(index), step.logits[None])[0]
    return Taken(token_id, label, math.exp(Distribution.of(processed).logprob(token_id)), step.choice.by)
