"""A dialogue as it was read: the words of each turn, what the chat template put around them, its special tokens."""

from collections.abc import Sequence
from itertools import groupby
from typing import TypedDict

from playground.decoding.dialogue import Rendered
from playground.views.strip import spelt_together
from playground.vocabulary import Vocabulary


class Piece(TypedDict):
    """Neighbouring tokens of one kind: "own" (a turn's words), "added" (the template's), "special" (the template's
    too, and no text)."""

    text: str
    kind: str


def dialogue_parts(ids: Sequence[int], rendered: Rendered, vocabulary: Vocabulary) -> list[Piece]:
    """The ids of a prompt as pieces; none where it is not known what the template added."""
    if len(rendered.is_added) != len(ids):
        return []

    def kind(place: int) -> str:
        if not rendered.is_added[place]:
            return "own"
        return "special" if ids[place] in vocabulary.special_ids else "added"

    groups = ((kind, [ids[place] for place in places]) for kind, places in groupby(range(len(ids)), kind))
    return [{"text": spelt_together(some, vocabulary), "kind": kind} for kind, some in groups]
