"""Phrases that must appear: how far a sequence has brought them, counted as transformers 4.49 counts it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class PhraseProgress:
    """What a sequence has brought of its phrases (`ConstraintListState` of `PhrasalConstraint`s).

    One phrase at a time: the token that breaks it off is not looked at again, not even as the start of another phrase
    (so "a a b" does not bring "a b"), and a phrase that was broken off waits behind the others.

    Attributes:
        phrases: ids of each.
        pending: which have not begun, in the order in which they are looked for.
        current: which is under way, or None.
        matched: how many tokens of it are there.
    """

    phrases: tuple[tuple[int, ...], ...]
    pending: tuple[int, ...]
    current: int | None = None
    matched: int = 0

    @classmethod
    def start(cls, phrases: Sequence[Sequence[int]]) -> "PhraseProgress":
        """Raises ValueError without a phrase, or if one is empty."""
        if not phrases or not all(phrases):
            raise ValueError("there must be at least one phrase, and every phrase must have a token")
        return cls(tuple(map(tuple, phrases)), tuple(range(len(phrases))))

    @property
    def missing(self) -> int:
        """How many phrases are not complete."""
        return len(self.pending) + (self.current is not None)

    @property
    def bank(self) -> int:
        """The more of the phrases is there, the higher: each complete one counts as the longest."""
        longest = max(map(len, self.phrases))
        under_way = 0 if self.current is None else longest - len(self.phrases[self.current]) + self.matched
        return longest * (len(self.phrases) - self.missing) + under_way

    def proposals(self) -> list[int]:
        """The tokens that would bring it further: the next one of the phrase under way, or the first of each."""
        if self.current is not None:
            return [self.phrases[self.current][self.matched]]
        return [self.phrases[i][0] for i in self.pending]

    def after(self, token_ids: Iterable[int]) -> "PhraseProgress":
        progress = self
        for token_id in token_ids:
            progress = progress._with(token_id)
        return progress

    def _with(self, token_id: int) -> "PhraseProgress":
        if self.current is not None:
            phrase = self.phrases[self.current]
            if token_id != phrase[self.matched]:
                return replace(self, pending=(*self.pending, self.current), current=None, matched=0)
            return self._going_on(self.current, self.matched + 1)
        for i in self.pending:
            if self.phrases[i][0] == token_id:
                return replace(self, pending=tuple(p for p in self.pending if p != i))._going_on(i, 1)
        return self

    def _going_on(self, phrase: int, matched: int) -> "PhraseProgress":
        is_complete = matched == len(self.phrases[phrase])
        return replace(self, current=None if is_complete else phrase, matched=0 if is_complete else matched)


def lacking(phrases: Sequence[tuple[int, ...]], ids: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """The phrases, each once, that do not stand in `ids` as often as they are asked for: what a reader would miss.

    What PhraseProgress counts can be more: "a a b" holds "a b", though the count that was broken off passes it by.
    """
    return tuple(phrase for phrase in dict.fromkeys(phrases) if _occurrences(phrase, ids) < phrases.count(phrase))


def _occurrences(phrase: Sequence[int], ids: Sequence[int]) -> int:
    """How often it stands there, counted from the left, none over another."""
    found = start = 0
    while start + len(phrase) <= len(ids):
        is_there = tuple(ids[start : start + len(phrase)]) == tuple(phrase)
        found += is_there
        start += len(phrase) if is_there else 1
    return found
