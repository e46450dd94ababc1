"""Before the algorithm: the library's normalizer and pre-tokenizer cut the text into the words that it works on."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tokenizers import NormalizedString, PreTokenizedString, Tokenizer


@dataclass(frozen=True)
class Word:
    """What the algorithm gets at once, or an added token that it never sees.

    Attributes:
        text: normalised, and spelt as the vocabulary spells it (Ġ for a space in GPT-2's).
        start, end: the characters of the original text.
        added_id: the id of an added token (`<|endoftext|>`), else None.
    """

    text: str
    start: int
    end: int
    added_id: int | None = None


def words_of(text: str, library: Tokenizer, added: dict[str, int]) -> list[Word]:
    """The words of a text, in order. `added` are the tokens that are cut out first, by content."""
    marks = _added_in(text, library, added)
    cut = PreTokenizedString(text)
    if marks:
        cut.split(lambda _, whole: _parts(whole, marks, len(text)))
    if library.normalizer is not None:
        cut.normalize(lambda part: None if part.original in added else _normalise(part, library.normalizer))
    if library.pre_tokenizer is not None:
        library.pre_tokenizer.pre_tokenize(cut)
    words = []
    ends = {end: mark_id for _, end, mark_id in marks}
    starts = {start: end for start, end, _ in marks}
    skip_to = -1
    for piece, (start, end), _ in cut.get_splits("original", "char"):
        if start in starts and start >= skip_to:
            skip_to = starts[start]
            words.append(Word(text[start:skip_to], start, skip_to, ends[skip_to]))
        if start < skip_to:
            continue
        words.append(Word(piece, start, end))
    return words


def _normalise(part: NormalizedString, normalizer: Any) -> None:
    normalizer.normalize(part)


def _parts(whole: NormalizedString, marks: Sequence[tuple[int, int, int]], length: int) -> list[NormalizedString]:
    edges = sorted({0, length, *(edge for start, end, _ in marks for edge in (start, end))})
    parts: Any = whole  # its slices are never empty here, which the library's types can't say
    return [parts[a:b] for a, b in itertools.pairwise(edges)]


def _added_in(text: str, library: Tokenizer, added: dict[str, int]) -> list[tuple[int, int, int]]:
    """Where the library finds added tokens: (start, end, id). The token for the unknown stands elsewhere too, and
    is no added token there: the text does not spell it."""
    if not any(content in text for content in added):
        return []
    encoding = library.encode(text, add_special_tokens=False)
    names = {token_id: content for content, token_id in added.items()}
    found: list[tuple[int, int, int]] = []
    reached = 0
    for token_id, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
        if token_id in names and text[start:end].strip() == names[token_id].strip():
            # one that takes the white space after it along may lie over the beginning of the next
            found.append((max(start, reached), end, token_id))
            reached = end
    return found
