"""A tokenizer as the page reads with it: the library's encoding, our rules, and what every id stands for."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tokenizers import Tokenizer

from playground.tokenization.model import Algorithm, Rules, algorithm_of, rules_from
from playground.tokenization.pretokens import Word, words_of
from playground.vocabulary import Vocabulary, from_tokenizer_json

REPLACEMENT = "?"  # what stands in for half a surrogate pair, which UTF-8 can't hold
_PROBE = "a text"
Encoded = tuple[Sequence[int], Sequence[tuple[int, int]] | None]  # ids, and their characters where the library says


@dataclass(frozen=True)
class TextTokenizer:
    """One tokenizer. Shared by all sessions and read-only.

    Attributes:
        name: to show.
        vocabulary: what every id stands for.
        vocab_size: how many ids there are.
        algorithm: how it cuts words; `rules` are those of our algorithm, None where we have none for it.
        context_length: how many tokens its model reads, None if nobody says.
        pad_id: the token that fills a batch up, None if there is none.
        spelling: the name of each id in the vocabulary, by id.
    """

    name: str
    vocabulary: Vocabulary
    vocab_size: int
    algorithm: Algorithm
    rules: Rules | None
    context_length: int | None
    pad_id: int | None
    spelling: dict[int, str]
    _library: Tokenizer | None
    _encode: Callable[[str, bool], Encoded]
    _decode: Callable[[Sequence[int]], str]
    _added: dict[str, int]

    def encode(self, text: str, with_special: bool = True) -> Encoded:
        """The ids of a text without surrogates, with the special tokens that the tokenizer adds unless told."""
        return self._encode(text, with_special)

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of ids as the library puts it, special tokens kept."""
        return self._decode(token_ids)

    def words(self, text: str) -> list[Word] | None:
        """What the algorithm gets, word by word; None where the pre-tokenizer is not known."""
        if self._library is None or self.rules is None:
            return None
        return words_of(text, self._library, self._added)

    def label(self, token_id: int) -> str:
        """Printable, as everywhere; a WordPiece as it is spelt, for it holds no space: `the`, `##ing`."""
        if self.algorithm == "wordpiece":
            return self.spelling.get(token_id, f"<id {token_id}>")
        return self.vocabulary.label(token_id)

    def piece(self, token_id: int) -> bytes:
        """The bytes of text that a token stands for."""
        if self.algorithm == "wordpiece" and token_id not in self.vocabulary.special_ids:
            return self.spelling.get(token_id, "").removeprefix("##").encode()
        return self.vocabulary.piece(token_id)

    @cached_property
    def unknown_id(self) -> int | None:
        """The id that stands for what the vocabulary lacks."""
        if self.rules is None:
            return None
        if hasattr(self.rules, "unknown_id"):
            return self.rules.unknown_id
        return self.rules.vocab.get(self.rules.unknown or "")

    @cached_property
    def template(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The special tokens that it puts before and after every text; none where it does otherwise."""
        (whole, _), (inside, _) = self.encode(_PROBE), self.encode(_PROBE, False)
        for start in range(len(whole) - len(inside) + 1):
            if tuple(whole[start : start + len(inside)]) == tuple(inside):
                return tuple(whole[:start]), tuple(whole[start + len(inside) :])
        return (), ()

    @cached_property
    def special_labels(self) -> list[str]:
        return [self.label(token_id) for token_id in sorted(self.vocabulary.special_ids)]


def from_json(
    name: str, text: str, context_length: int | None = None, pad_id: int | None = None, finds_pad: bool = True
) -> TextTokenizer:
    """The tokenizer of a `tokenizers` file (tokenizer.json, as text). Such a file does not say which token pads: with
    `finds_pad` it is the special one whose name says so."""
    parsed: dict[str, Any] = json.loads(text)
    library = Tokenizer.from_str(text)
    library.no_truncation()
    library.no_padding()
    try:
        rules = rules_from(parsed)
    except (ValueError, KeyError):
        rules = None
    added = {entry["content"]: entry["id"] for entry in parsed.get("added_tokens") or []}
    special = [entry for entry in parsed.get("added_tokens") or [] if entry["special"]]
    if pad_id is None and finds_pad:
        pad_id = next((entry["id"] for entry in special if "pad" in entry["content"].lower()), None)
    spelling = {token_id: token for token, token_id in library.get_vocab(with_added_tokens=True).items()}

    def encode(text: str, with_special: bool) -> Encoded:
        encoding = library.encode(text, add_special_tokens=with_special)
        return encoding.ids, encoding.offsets

    return TextTokenizer(
        name=name,
        vocabulary=from_tokenizer_json(parsed, max(spelling, default=-1) + 1),
        vocab_size=library.get_vocab_size(with_added_tokens=True),
        algorithm=algorithm_of(parsed, rules),
        rules=rules,
        context_length=context_length,
        pad_id=pad_id,
        spelling=spelling,
        _library=library,
        _encode=encode,
        _decode=lambda ids: library.decode(list(ids), skip_special_tokens=False),
        _added=added,
    )


def from_functions(
    name: str, vocabulary: Vocabulary, encode: Callable[[str, bool], Sequence[int]],
    decode: Callable[[Sequence[int]], str], context_length: int | None = None,
) -> TextTokenizer:  # fmt: skip
    """A tokenizer of which only its ids are known (tiktoken, Python tokenizers)."""
    return TextTokenizer(
        name=name,
        vocabulary=vocabulary,
        vocab_size=len(vocabulary.pieces),
        algorithm="unknown",
        rules=None,
        context_length=context_length,
        pad_id=None,
        spelling={},
        _library=None,
        _encode=lambda text, with_special: (encode(text, with_special), None),
        _decode=decode,
        _added={},
    )


def readable(text: str) -> tuple[str, int]:
    """The text as UTF-8 can hold it, and how many halves of surrogate pairs were replaced."""
    clean = "".join(REPLACEMENT if "\ud800" <= c <= "\udfff" else c for c in text)
    return clean, sum(a != b for a, b in zip(text, clean, strict=True))
