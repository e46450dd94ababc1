"""A text as its tokens: for each its bytes, the characters that it covers, and what kind it is."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from playground.tokenization.text_tokenizer import TextTokenizer, readable

Kind = Literal["text", "bytes", "unknown", "special"]


@dataclass(frozen=True)
class Token:
    """One token of a text.

    Attributes:
        token_id: its id.
        start, end: the characters that it covers or, for part of a character, touches; equal where it covers none.
        kind: "bytes" for a piece that is no whole character, "unknown" for the stand-in, "special" for no text.
    """

    token_id: int
    start: int
    end: int
    kind: Kind


@dataclass(frozen=True)
class Segmentation:
    """A text and its tokens.

    Attributes:
        text: as it was read.
        replaced: how many halves of surrogate pairs were read as `?`.
        byte_count: of the text in UTF-8.
    """

    text: str
    tokens: tuple[Token, ...]
    replaced: int
    byte_count: int

    @property
    def ids(self) -> tuple[int, ...]:
        return tuple(token.token_id for token in self.tokens)


def segment(text: str, tokenizer: TextTokenizer, with_special: bool = True) -> Segmentation:
    clean, replaced = readable(text)
    ids, offsets = tokenizer.encode(clean, with_special)
    data = clean.encode()
    spans = _exact_spans(ids, clean, data, tokenizer) or offsets or [(0, 0)] * len(ids)
    kinds = {token_id: _kind(token_id, tokenizer) for token_id in set(ids)}
    tokens = tuple(
        Token(token_id, start, end, _in_place(kinds[token_id], clean[start:end], token_id, tokenizer))
        for token_id, (start, end) in zip(ids, spans, strict=True)
    )
    return Segmentation(clean, tokens, replaced, len(data))


def _kind(token_id: int, tokenizer: TextTokenizer) -> Kind:
    if token_id == tokenizer.unknown_id:
        return "unknown"
    if token_id in tokenizer.vocabulary.special_ids:
        return "special"
    try:
        tokenizer.piece(token_id).decode()
        return "text"
    except UnicodeDecodeError:
        return "bytes"


def _in_place(kind: Kind, covered: str, token_id: int, tokenizer: TextTokenizer) -> Kind:
    """The token for the unknown, where the text spells it out or covers nothing, is a special token like others."""
    if kind == "unknown" and (not covered or covered.strip() == tokenizer.label(token_id)):
        return "special"
    return kind


def _exact_spans(ids: Sequence[int], text: str, data: bytes, tokenizer: TextTokenizer) -> list[tuple[int, int]] | None:
    """From the tokens' own bytes, where they put together are the text's (byte-level BPE): None where they are not.

    The library's offsets may leave a token's space out; these never do.
    """
    pieces = [tokenizer.piece(token_id) for token_id in ids]
    if b"".join(pieces) != data:
        return None
    begins = [0, *accumulate(len(character.encode()) for character in text)]  # the byte at which each character begins
    spans, at = [], 0
    for piece in pieces:
        first = bisect_right(begins, at) - 1
        last = bisect_right(begins, at + max(len(piece), 1) - 1) - 1
        spans.append((first, last + 1) if piece else (first, first))
        at += len(piece)
    return spans


def gaps(segmentation: Segmentation) -> dict[int, str]:
    """The text that no token covers (spaces, in WordPiece), by the index of the token that follows it."""
    found, reached = {}, 0
    for index, token in enumerate(segmentation.tokens):
        if token.start == token.end:
            continue
        if token.start > reached:
            found[index] = segmentation.text[reached : token.start]
        reached = max(reached, token.end)
    if reached < len(segmentation.text):
        found[len(segmentation.tokens)] = segmentation.text[reached:]
    return found
