"""Tokenizers of transformers: text to ids as the model expects them, and their vocabulary."""

import json
from collections.abc import Sequence
from typing import Any

from transformers import StopStringCriteria

from playground.errors import UnreadableTokenError
from playground.tokenization.text_tokenizer import TextTokenizer, from_functions, from_json
from playground.vocabulary import Vocabulary, from_tokenizer_json, whole_characters


class HuggingFaceTokenizer:
    """A transformers tokenizer: text to ids as the model expects them.

    `size` is how many ids the model can read, from 0 on; None where there is no model. A tokenizer may have more (a
    token added without resizing the embedding): a text with one raises UnreadableTokenError.
    """

    def __init__(self, tokenizer: Any, size: int | None = None) -> None:
        self._tokenizer = tokenizer
        self._size = size

    @property
    def tokenizer(self) -> Any:
        """transformers' own, for what only it can do."""
        return self._tokenizer

    def encode(self, text: str) -> tuple[int, ...]:
        """The ids of a text, with the special tokens that the model's own tokenizer adds."""
        return self._readable(
            self._tokenizer(whole_characters(text), verbose=False).input_ids
        )  # its length is checked where it matters

    def encode_inside(self, text: str) -> tuple[int, ...]:
        """The ids of a text that stands inside another: without special tokens."""
        return self._readable(
            self._tokenizer(whole_characters(text), add_special_tokens=False, verbose=False).input_ids
        )

    def dropped(self, text: str) -> str:
        """The characters, spaces aside, of which no token is made: each once, in order. A tokenizer without an unknown
        token leaves out what it doesn't know. Asked character by character: its offsets don't tell (tokenizers' BPE
        counts on as if they had not been there)."""
        characters = dict.fromkeys(whole_characters(text))
        return "".join(c for c in characters if not c.isspace() and self._is_dropped(c))

    def _is_dropped(self, character: str) -> bool:
        try:
            return not self._tokenizer(character, add_special_tokens=False, verbose=False).input_ids
        except Exception:  # one of whole words, without a token for unknown ones: it refuses a text, and drops nothing
            return False

    def _readable(self, ids: Sequence[int]) -> tuple[int, ...]:
        beyond = [] if self._size is None else [i for i in ids if not 0 <= i < self._size]
        if beyond:
            token = str(self._tokenizer.convert_ids_to_tokens(beyond[0]))
            raise UnreadableTokenError(token=token, token_id=beyond[0], last=(self._size or 0) - 1)
        return tuple(ids)

    def decode(self, token_ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(token_ids), skip_special_tokens=True))

    def finds(self, strings: Sequence[str]) -> bool:
        """Whether transformers' own stop strings work here: they fail where tokens do not spell themselves."""
        try:
            StopStringCriteria(self._tokenizer, list(strings))
        except (ValueError, IndexError, KeyError, TypeError):
            return False
        return True

    def text_tokenizer(self, name: str, context_length: int | None) -> TextTokenizer:
        """The same tokenizer with its inner workings (merges, offsets), as the Tokenizer tab shows it."""
        inner = self._tokenizer
        if getattr(inner, "is_fast", False):
            return from_json(name, inner.backend_tokenizer.to_str(), context_length, inner.pad_token_id, False)
        return from_functions(
            name,
            vocabulary_of(inner, len(inner)),
            lambda text, special: list(inner(text, add_special_tokens=special, verbose=False).input_ids),
            lambda ids: str(inner.decode(list(ids), skip_special_tokens=False)),
            context_length,
        )


def vocabulary_of(tokenizer: Any, size: int) -> Vocabulary:
    """The pieces of a tokenizer: from its `tokenizers` file, or id by id where it has none."""
    if getattr(tokenizer, "is_fast", False):
        return from_tokenizer_json(json.loads(tokenizer.backend_tokenizer.to_str()), size)
    known = min(size, len(tokenizer))
    pieces = tuple(str(tokenizer.decode([i])).encode("utf-8", errors="replace") for i in range(known))
    return Vocabulary(pieces, frozenset(tokenizer.all_special_ids))
