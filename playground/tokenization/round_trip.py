"""There and back: whether a text survives encoding, and whether chosen ids survive being a text."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from playground.tokenization.text_tokenizer import TextTokenizer, readable

Ids = tuple[int, ...]


@dataclass(frozen=True)
class RoundTrip:
    """decode(encode(text)) beside the text."""

    text: str
    back: str

    @property
    def is_exact(self) -> bool:
        return self.text == self.back

    @cached_property
    def first_difference(self) -> int | None:
        """The index of the first character that did not come back."""
        if self.is_exact:
            return None
        shared = zip(self.text, self.back, strict=False)
        return next((i for i, (a, b) in enumerate(shared) if a != b), min(len(self.text), len(self.back)))


def round_trip(text: str, tokenizer: TextTokenizer) -> RoundTrip:
    clean, _ = readable(text)
    ids, _ = tokenizer.encode(clean, False)
    return RoundTrip(clean, tokenizer.decode(ids))


@dataclass(frozen=True)
class Retokenization:
    """Chosen ids, the text that they make, and the ids that this text is read as.

    Attributes:
        ids: as chosen.
        text: what they spell, without the special tokens that the tokenizer puts around every text; bytes that are no
            character as U+FFFD.
        read_as: the ids of that text, between the same special tokens.
        is_text: whether the ids spell valid UTF-8; if not, no text can bring them back.
    """

    ids: tuple[int, ...]
    text: str
    read_as: tuple[int, ...]
    is_text: bool

    @property
    def is_stable(self) -> bool:
        return self.ids == self.read_as

    @property
    def first_difference(self) -> int:
        """The index of the first token that changes; the length of the shorter where one continues the other."""
        pairs = zip(self.ids, self.read_as, strict=False)
        return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(self.ids), len(self.read_as)))


def retokenize(ids: Sequence[int], tokenizer: TextTokenizer) -> Retokenization:
    before, inside, after = _framed(tuple(ids), tokenizer)
    pieces = b"".join(tokenizer.vocabulary.piece(token_id) for token_id in inside)
    try:
        text, is_text = pieces.decode(), True
    except UnicodeDecodeError:
        text, is_text = pieces.decode(errors="replace"), False
    if tokenizer.algorithm != "byte_level_bpe":
        text = tokenizer.decode(inside)  # spaces and ## are put together by rules of its own
    read_as = tuple(tokenizer.encode(text, False)[0])
    if read_as != inside and text.startswith(" "):  # one that puts a space before every text, and shows it
        again = tuple(tokenizer.encode(text[1:], False)[0])
        text, read_as = (text[1:], again) if again == inside else (text, read_as)
    return Retokenization(tuple(ids), text, (*before, *read_as, *after), is_text)


def _framed(ids: Ids, tokenizer: TextTokenizer) -> tuple[Ids, Ids, Ids]:
    """The ids of the text itself, between the special tokens that the tokenizer puts around every text, if it is they
    that stand there."""
    before, after = tokenizer.template
    if not before or ids[: len(before)] != before:
        before = ()
    if not after or ids[len(before) :][-len(after) :] != after:
        after = ()
    return before, ids[len(before) : len(ids) - len(after)], after
