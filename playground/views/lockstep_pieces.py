"""Two models with other tokens in lockstep: a text cut wherever both cut it, and each piece under both."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from playground.errors import OtherTextError
from playground.views.lane_alignment import id_of, piece
from playground.views.lockstep import Lockstep, Place, Word, rank
from playground.vocabulary import Vocabulary, printable


@dataclass(frozen=True)
class Reading:
    """A text as one model reads it: its name, its ids, its logits (n, V) after each, its vocabulary."""

    name: str
    ids: Sequence[int]
    logits: Tensor
    vocabulary: Vocabulary

    @property
    def bytes(self) -> bytes:
        """The text, without the space that a tokenizer puts before it."""
        return b"".join(piece(i, self.vocabulary) for i in self.ids).removeprefix(b" ")

    @property
    def ends(self) -> list[int]:
        """The byte of `bytes` behind each token."""
        lengths = [len(piece(i, self.vocabulary)) for i in self.ids]
        put_before = sum(lengths) - len(self.bytes)
        return [max(0, sum(lengths[: i + 1]) - put_before) for i in range(len(lengths))]


@torch.inference_mode()
def pieces(first: Reading, second: Reading) -> Lockstep:
    """The places are the shortest pieces that are whole tokens to both, from the first of which both could expect.

    Raises OtherTextError where the two don't read the same characters, or nothing of it can be compared.
    """
    text = first.bytes
    if text != second.bytes:
        raise OtherTextError(first=first.name, second=second.name)
    sides = (first, second)
    cuts = sorted(set(first.ends) & set(second.ends) & _between_characters(text))
    start = max(first.ends[0], second.ends[0])
    cuts = [cut for cut in cuts if cut >= start]
    if len(cuts) < 2:
        raise OtherTextError(first=first.name, second=second.name)
    logs = [torch.log_softmax(side.logits.double(), -1) for side in sides]
    places: list[Place] = []
    total = 0.0
    for begin, end in pairwise(cuts):
        taken = [_tokens(side, begin, end) for side in sides]
        said = [
            math.fsum(float(log[i - 1, side.ids[i]]) for i in at)
            for side, log, at in zip(sides, logs, taken, strict=True)
        ]
        ranks = [
            rank(log[at[0] - 1], side.ids[at[0]]) if len(at) == 1 else None
            for side, log, at in zip(sides, logs, taken, strict=True)
        ]
        total += said[1] - said[0]
        label = printable(text[begin:end])
        places.append(
            Place(
                len(places) + 1, label, label.replace("␣", " "), (taken[0][0] - 1, taken[1][0] - 1),
                (tuple(first.ids[i] for i in taken[0]), tuple(second.ids[i] for i in taken[1])),
                (math.exp(said[0]), math.exp(said[1])), (ranks[0], ranks[1]), None, None, said[1] - said[0], total,
            )
        )  # fmt: skip
    return Lockstep(printable(text[: cuts[0]]).replace("␣", " "), tuple(places), is_one=False)


def _between_characters(text: bytes) -> set[int]:
    """The places of a text in UTF-8 at which no character is cut in two; its ends are among them."""
    return {i for i in range(len(text)) if text[i] & 0xC0 != 0x80} | {len(text)}


def _tokens(side: Reading, begin: int, end: int) -> list[int]:
    """The places of the tokens that make up a piece; of those without text, the ones inside it."""
    ends = side.ends
    return [i for i in range(1, len(ends)) if begin < ends[i] <= end and (ends[i] > ends[i - 1] or ends[i] < end)]


@torch.inference_mode()
def next_spellings(first: Reading, second: Reading, place: Place, count: int = 6) -> tuple[Word, ...]:
    """The `count` most probable tokens of either before a place, those of the same spelling as one; those first that
    the two together find likeliest."""
    sides, found = (first, second), set()
    rows = [torch.softmax(side.logits[row].double(), -1) for side, row in zip(sides, place.rows, strict=True)]
    for side, row in zip(sides, rows, strict=True):
        found |= {side.vocabulary.piece(i) for i in row.topk(min(count, len(row))).indices.tolist()}
    following = {side.vocabulary.piece(ids[0]) for side, ids in zip(sides, place.tokens, strict=True)}
    words = []
    for spelling in sorted(found):
        p, q = (_probability(side, row, spelling) for side, row in zip(sides, rows, strict=True))
        words.append(Word(printable(spelling) or "∅", (p, q), spelling in following))
    return tuple(sorted(words, key=lambda word: (-sum(p or 0.0 for p in word.probabilities), word.label)))


def _probability(side: Reading, row: Tensor, spelling: bytes) -> float | None:
    found = id_of(spelling, side.vocabulary)
    return None if found is None or found >= len(row) else float(row[found])
