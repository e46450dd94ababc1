"""A dialogue as it was read: the words of each turn, what the chat template put around them, its special tokens."""

from collections.abc import Sequence
from itertools import groupby
from typing import TypedDict

from playground.decoding.dialogue import Rendered
from playground.views.strip import spelt_together
from playground.vocabulary import Vocabulary


class Piece(TypedDict):
    """Neighbouring tokens of one kind: "own" (a turn's words), "added" (the template's), "special" (the template's
    too, and no text), "own_special" (somebody has written the name of a special token, and it is read as one)."""

    text: str
    kind: str


def dialogue_parts(ids: Sequence[int], rendered: Rendered, vocabulary: Vocabulary) -> list[Piece]:
    """The ids of a prompt as pieces; none where it is not known what the template added."""
    if len(rendered.is_added) != len(ids):
        return []

    def kind(place: int) -> str:
        is_special = ids[place] in vocabulary.special_ids
        if rendered.is_added[place]:
            return "special" if is_special else "added"
        return "own_special" if is_special else "own"

    groups = ((kind, [ids[place] for place in places]) for kind, places in groupby(range(len(ids)), kind))
    return [{"text": spelt_together(some, vocabulary), "kind": kind} for kind, some in groups]
