"""WordPiece of one word: from the left, always the longest piece of the vocabulary that fits (BERT, Chinese GPT-2s)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Try:
    """One piece held against the vocabulary.

    Attributes:
        start, end: which characters of the word.
        piece: its spelling, `##` before it unless it begins the word.
        token_id: its id, None if the vocabulary lacks it.
    """

    start: int
    end: int
    piece: str
    token_id: int | None


@dataclass(frozen=True)
class WordPieceRules:
    """The `model` of a WordPiece tokenizer.json."""

    vocab: Mapping[str, int]
    unknown: str = "[UNK]"
    prefix: str = "##"
    longest_word: int = 100

    def encode(self, word: str) -> tuple[int, ...]:
        if not word:
            return ()
        found = [one for one in self.tries(word) if one.token_id is not None]
        if not found or found[-1].end < len(word):
            return (self.vocab[self.unknown],)  # one piece that can't be had, and the whole word is unknown
        return tuple(one.token_id for one in found if one.token_id is not None)

    def tries(self, word: str) -> Iterator[Try]:
        """Every piece that is tried, in order. Ends early where nothing fits, and at once for a word too long."""
        start, end = 0, len(word)
        if end > self.longest_word:
            return
        while start < len(word) and start < end:
            piece = (self.prefix if start else "") + word[start:end]
            token_id = self.vocab.get(piece)
            yield Try(start, end, piece, token_id)
            if token_id is None:
                end -= 1
            else:
                start, end = end, len(word)


@dataclass(frozen=True)
class WordLevelRules:
    """The `model` of a word-level tokenizer.json: a word is in the vocabulary, or it is unknown."""

    vocab: Mapping[str, int]
    unknown: str = "<unk>"

    def encode(self, word: str) -> tuple[int, ...]:
        token_id = self.vocab.get(word, self.vocab.get(self.unknown))
        return () if token_id is None else (token_id,)
