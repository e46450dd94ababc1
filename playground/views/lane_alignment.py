"""Lanes whose models cut text into other tokens, laid beside each other by the characters of their texts."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate

from playground.vocabulary import Vocabulary

Ids = Sequence[int]


def is_one(vocabularies: Sequence[Vocabulary]) -> bool:
    """Whether all have the same tokens: then ids compare, and token n stands beside token n."""
    return all(one is vocabularies[0] or one.pieces == vocabularies[0].pieces for one in vocabularies[1:])


def piece(token_id: int, vocabulary: Vocabulary) -> bytes:
    """The bytes that a token adds to a text: none for a special one."""
    return b"" if token_id in vocabulary.special_ids else vocabulary.piece(token_id)


def text_of(ids: Ids, vocabulary: Vocabulary) -> bytes:
    return b"".join(piece(i, vocabulary) for i in ids)


def starts(ids: Ids, vocabulary: Vocabulary) -> tuple[int, ...]:
    """The byte of the text at which each token begins, from 0."""
    return tuple(accumulate((len(piece(i, vocabulary)) for i in ids[:-1]), initial=0)) if ids else ()


def characters(ids: Ids, vocabulary: Vocabulary) -> tuple[int, ...]:
    """The number of the character, from 1, at which each token begins, or inside which it does."""
    text = text_of(ids, vocabulary)
    return tuple(character_of(text, start) for start in starts(ids, vocabulary))


def holding(ids: Ids, vocabulary: Vocabulary, at: int) -> int | None:
    """The place of the token that holds byte `at` of the text; the one that ends it, if it is special and the text is
    as long; None where the text ends before."""
    found = None
    for place, start in enumerate(starts(ids, vocabulary)):
        end = start + len(piece(ids[place], vocabulary))
        if start <= at < end or start == at == end:
            found = place
    return found


def character_of(text: bytes, at: int) -> int:
    """The number of the character, from 1, that byte `at` of a text belongs to."""
    return len(text[:at].decode("utf-8", errors="ignore")) + 1


def id_of(spelling: bytes, vocabulary: Vocabulary) -> int | None:
    """The token of these bytes; None where there is none. Special tokens are found by their names."""
    return _ids(vocabulary).get(spelling)


@lru_cache(maxsize=8)
def _ids(vocabulary: Vocabulary) -> dict[bytes, int]:
    return {spelling: i for i, spelling in reversed(list(enumerate(vocabulary.pieces)))}
