"""Texts cut into other tokens are laid beside each other by their characters: all places counted by hand."""

import pytest

from playground.views import lane_alignment as align
from playground.vocabulary import Vocabulary

# 月 and 光 are three bytes each; the second vocabulary has the first one in two parts
CHARACTERS = Vocabulary((b"[END]", "月".encode(), "光".encode(), b"a"), frozenset({0}))
BYTES = Vocabulary((b"\xe6\x9c", b"\x88", "光a".encode(), b"<end>"), frozenset({3}))
WHOLE, PARTS = (1, 2, 3, 0), (0, 1, 2, 3)  # 月光a, ended


def test_both_say_the_same_text() -> None:
    assert align.text_of(WHOLE, CHARACTERS) == align.text_of(PARTS, BYTES) == "月光a".encode()


def test_a_token_begins_at_a_byte_and_in_a_character() -> None:
    assert align.starts(WHOLE, CHARACTERS) == (0, 3, 6, 7)
    assert align.characters(WHOLE, CHARACTERS) == (1, 2, 3, 4)
    assert align.starts(PARTS, BYTES) == (0, 2, 3, 7)
    assert align.characters(PARTS, BYTES) == (1, 1, 2, 4)  # the second is inside the first character
    assert align.starts((), BYTES) == ()


@pytest.mark.parametrize(
    ("at", "whole", "parts"), [(0, 0, 0), (2, 0, 1), (3, 1, 2), (5, 1, 2), (6, 2, 2), (7, 3, 3), (8, None, None)]
)
def test_a_byte_is_in_one_token_and_the_end_in_the_one_that_ends_the_text(
    at: int, whole: int | None, parts: int | None
) -> None:
    assert align.holding(WHOLE, CHARACTERS, at) == whole
    assert align.holding(PARTS, BYTES, at) == parts


def test_a_text_that_does_not_end_has_no_token_behind_it() -> None:
    assert align.holding(WHOLE[:3], CHARACTERS, 7) is None


def test_a_token_is_found_by_its_spelling() -> None:
    assert align.id_of("光".encode(), CHARACTERS) == 2
    assert align.id_of("光".encode(), BYTES) is None


def test_vocabularies_are_one_where_all_spellings_are() -> None:
    assert align.is_one([CHARACTERS, Vocabulary(CHARACTERS.pieces, CHARACTERS.special_ids)])
    assert not align.is_one([CHARACTERS, BYTES])
