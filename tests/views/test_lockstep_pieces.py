"""Two models with other tokens in lockstep: pieces, sums and spellings counted by hand."""

import math

import pytest
import torch

from playground.errors import OtherTextError
from playground.views.lockstep_pieces import Reading, next_spellings, pieces
from playground.vocabulary import Vocabulary

# "the cat" as " the| cat" (a SentencePiece tokenizer puts a space before it) and as "<s>|th|e| c|at"
FIRST = Vocabulary((b" the", b" cat", b" dog"), frozenset())
SECOND = Vocabulary((b"<s>", b"th", b"e", b" c", b"at", b" dog"), frozenset({0}))
P = torch.tensor([[0.1, 0.6, 0.3], [0.2, 0.2, 0.6]]).log()
Q = torch.tensor([
    [0.1, 0.5, 0.1, 0.1, 0.1, 0.1],
    [0.1, 0.1, 0.4, 0.2, 0.1, 0.1],
    [0.1, 0.1, 0.1, 0.3, 0.1, 0.3],
    [0.1, 0.1, 0.1, 0.1, 0.2, 0.4],
    [0.1, 0.5, 0.1, 0.1, 0.1, 0.1],
]).log()  # fmt: skip
ONE, OTHER = Reading("one", (0, 1), P, FIRST), Reading("other", (0, 1, 2, 3, 4), Q, SECOND)


def test_a_piece_is_cut_where_both_cut_and_is_the_product_of_its_tokens() -> None:
    view = pieces(ONE, OTHER)
    (place,) = view.places
    assert (view.start, place.text, place.label, view.is_one) == ("the", " cat", "␣cat", False)
    assert place.tokens == ((1,), (3, 4)) and place.rows == (0, 2)
    assert place.probabilities == pytest.approx((0.6, 0.3 * 0.2)) and place.ranks == (1, None)
    assert place.ratio == view.total == pytest.approx(math.log(0.06 / 0.6)) and place.kl is place.js is None


def test_words_of_both_stand_beside_each_other_by_their_spelling() -> None:
    view = pieces(ONE, OTHER)
    words = {word.label: (word.probabilities, word.is_next) for word in next_spellings(ONE, OTHER, view.places[0], 2)}
    assert words == {
        "␣cat": ((pytest.approx(0.6), None), True),
        "␣dog": ((pytest.approx(0.3), pytest.approx(0.3)), False),
        "␣c": ((None, pytest.approx(0.3)), True),
    }


def test_both_begin_to_be_compared_where_both_have_something_before() -> None:
    with_start = Reading("third", (0, 1, 2, 3, 4), Q, SECOND)
    view = pieces(with_start, OTHER)
    assert view.start == "" and [place.text for place in view.places] == ["th", "e", " c", "at"]
    assert view.total == 0


def test_no_piece_ends_inside_a_character() -> None:
    halves = Vocabulary((b"a", b"\xc3", b"\xa9", b"b"), frozenset())
    rows = torch.randn(4, 4)
    view = pieces(Reading("x", (0, 1, 2, 3), rows, halves), Reading("y", (0, 1, 2, 3), rows, halves))
    assert [(place.text, place.tokens[0]) for place in view.places] == [("é", (1, 2)), ("b", (3,))]


@pytest.mark.parametrize("ids", [(0, 2), (0,)])
def test_another_text_and_too_little_of_it_are_refused(ids: tuple[int, ...]) -> None:
    with pytest.raises(OtherTextError):
        pieces(Reading("one", ids, P, FIRST), OTHER if len(ids) == 2 else Reading("x", (1, 2), Q, SECOND))
