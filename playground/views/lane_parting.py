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
from playground.views import lane_alignment
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
    index: of the first token that is not the same in all lanes, from 0; of lanes with other tokens that of the first
        lane (the last place and one more where it had ended).
    taken: one a lane, in order.
    same_dice: whether all that drew threw the same dice; False if fewer than two drew.
    character: of lanes that are cut into other tokens: the number, from 1, of the first character of their texts that
        differs.
    places: of each lane the place of that token; None where it had ended.
    """

    index: int
    taken: tuple[Taken, ...]
    same_dice: bool
    character: int | None = None
    places: tuple[int | None, ...] = ()


def first_difference(texts: Sequence[Sequence[int]], may_grow: Sequence[bool] = ()) -> int | None:
    """The first place at which not all texts have the same id; None if there is none. A text that has ended where
    another goes on differs from it there, unless it may grow yet."""
    growing = may_grow or [False] * len(texts)
    for index, ids in enumerate(zip_longest(*texts)):
        here = {i for i, may in zip(ids, growing, strict=True) if i is not None or not may}
        if len(here) > 1:
            return index
    return None


def lane_parting(comparison: Comparison, vocabularies: Sequence[Vocabulary]) -> LaneParting | None:
    """None while all lanes are the same, as far as they are: by ids where all have the same tokens, else by the
    characters of their texts, so that a word written in one token or in two is the same word."""
    lanes = comparison.lanes
    growing = [not lane.is_over for lane in lanes]
    if lane_alignment.is_one(vocabularies):
        index = first_difference([lane.token_ids for lane in lanes], growing)
        if index is None:
            return None
        places: list[int | None] = [index if index < len(lane.token_ids) else None for lane in lanes]
        return _parting(lanes, vocabularies, index, places, None)
    pairs = list(zip([lane.token_ids for lane in lanes], vocabularies, strict=True))
    texts = [lane_alignment.text_of(*pair) for pair in pairs]
    byte = first_difference(texts, growing)
    if byte is None:
        return None
    places = [lane_alignment.holding(*pair, byte) for pair in pairs]
    first = len(lanes[0].token_ids) if places[0] is None else places[0]
    character = lane_alignment.character_of(max(texts, key=len), byte)
    return _parting(lanes, vocabularies, first, places, character)


def _parting(
    lanes: Sequence[Lane], vocabularies: Sequence[Vocabulary], index: int, places: Sequence[int | None],
    character: int | None,
) -> LaneParting:  # fmt: skip
    seeds = [
        step.selection.seed
        for lane, place in zip(lanes, places, strict=True)
        if isinstance(lane.trace, Trace) and place is not None
        for step in lane.trace.steps[place : place + 1]
        if step.choice.by == "multinomial"
    ]
    taken = tuple(_taken(*one) for one in zip(lanes, places, vocabularies, strict=True))
    same_dice = len(seeds) > 1 and len(set(seeds)) == 1
    return LaneParting(index, taken, same_dice, character, tuple(places))


def _taken(lane: Lane, index: int | None, vocabulary: Vocabulary) -> Taken:
    if index is None:
        return Taken(None, "", None, None)
    token_id = lane.token_ids[index]
    label = vocabulary.label(token_id)
    if not isinstance(lane.trace, Trace):
        return Taken(token_id, label, math.exp(lane.logprobs[index]), "beams")
    step = lane.trace.steps[index]
    processed = pipeline.processed_logits(lane.trace.stages_at(index), step.logits[None])[0]
    return Taken(token_id, label, math.exp(Distribution.of(processed).logprob(token_id)), step.choice.by)
