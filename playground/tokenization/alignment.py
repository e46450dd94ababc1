"""Several tokenizers over one text: their tokens in columns of one width, broken into lines where all may break."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from playground.tokenization.segments import Segmentation, gaps
from playground.vocabulary import printable


@dataclass(frozen=True)
class Cell:
    """What one tokenizer makes of some characters.

    Attributes:
        text: the characters, spelt visibly.
        at, width: its columns in the line, from 0.
        tokens: how many tokens share these characters (bytes of one character); 0: no token covers them.
        is_shared: whether every other tokenizer cuts out the same characters, white space at their edges aside: a
            WordPiece never holds any.
    """

    text: str
    at: int
    width: int
    tokens: int
    is_shared: bool


@dataclass(frozen=True)
class Line:
    """A stretch of the text: how many columns it has, and its cells, one row a tokenizer."""

    columns: int
    rows: tuple[tuple[Cell, ...], ...]


def align(segmentations: Sequence[Segmentation], columns: int, most: int) -> list[Line]:
    """The first `most` characters of one text (all segmentations are of it), in lines of at most `columns`."""
    text = segmentations[0].text[:most]
    spelt = [_spelt(character) for character in text]
    cuts = [_pieces(segmentation, len(text)) for segmentation in segmentations]
    shared = _shared(cuts, text)
    common = set.intersection(*({start for start, _, _ in pieces} for pieces in cuts)) | {len(text)}
    lines, start = [], 0
    while start < len(text):
        end, width, fitting = start, 0, start
        while end < len(text) and width + _width(spelt[end]) <= columns:
            width += _width(spelt[end])
            end += 1
            fitting = end if end in common else fitting
            if text[end - 1] == "\n":
                break
        end = fitting if fitting > start else max(end, start + 1)
        places = [0]
        for character in spelt[start:end]:
            places.append(places[-1] + _width(character))
        rows = tuple(
            tuple(
                Cell(
                    "".join(spelt[max(a, start) : min(b, end)]),
                    places[max(a, start) - start],
                    places[min(b, end) - start] - places[max(a, start) - start],
                    tokens,
                    _core(text, a, b) in shared,
                )
                for a, b, tokens in pieces
                if a < end and b > start
            )
            for pieces in cuts
        )
        lines.append(Line(places[-1], rows))
        start = end
    return lines


def differences(segmentations: Sequence[Segmentation]) -> list[int]:
    """For each, how many of its pieces not every other one has."""
    text = segmentations[0].text
    cuts = [_pieces(segmentation, len(text)) for segmentation in segmentations]
    shared = _shared(cuts, text)
    return [sum(_core(text, a, b) not in shared for a, b, tokens in pieces if tokens) for pieces in cuts]


def _shared(cuts: Sequence[Sequence[tuple[int, int, int]]], text: str) -> set[tuple[int, int]]:
    """The stretches that every tokenizer cuts out; white space alone counts as such."""
    found = set.intersection(*({_core(text, a, b) for a, b, _ in pieces} for pieces in cuts))
    return found | {(a, a) for a in range(len(text) + 1)}


def _core(text: str, start: int, end: int) -> tuple[int, int]:
    """A stretch without the white space at its edges; (end, end) if there is nothing else."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return (start, end)


def _pieces(segmentation: Segmentation, length: int) -> list[tuple[int, int, int]]:
    """(start, end, tokens) over the first characters, without a hole; tokens that touch one another as one."""
    pieces: list[tuple[int, int, int]] = []
    holes = gaps(segmentation)
    for index, token in enumerate(segmentation.tokens):
        if token.end == token.start or token.start >= length:
            continue
        if index in holes:
            pieces.append((token.start - len(holes[index]), token.start, 0))
        end = min(token.end, length)
        if pieces and token.start < pieces[-1][1]:
            start, before, tokens = pieces[-1]
            pieces[-1] = (start, max(before, end), tokens + 1)
        else:
            pieces.append((token.start, end, 1))
    reached = pieces[-1][1] if pieces else 0
    return pieces if reached >= length else [*pieces, (reached, length, 0)]


def _spelt(character: str) -> str:
    return printable(character.encode())


def _width(spelt: str) -> int:
    """Columns of a fixed-width font."""
    return (
        sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in spelt) or 1
    )
