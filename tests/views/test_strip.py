"""The strip: a token as it reads in a line, and how strongly each measure shades it."""

import math
from collections.abc import Sequence

import pytest
import torch

from playground.decoding.rows import Row
from playground.decoding.selection import Argmax, Choice
from playground.decoding.trace import Step
from playground.views.strip import SURPRISAL_AT_FULL_SHADE, spelt, strip_tokens
from playground.vocabulary import Vocabulary


def step(logits: Sequence[float] | torch.Tensor, token_id: int, by: str = "argmax") -> Step:
    return Step(0, Row(torch.as_tensor(logits)), (), Argmax(), Choice(token_id, by))  # type: ignore[arg-type]


def test_each_token_tells_its_numbers(eight: Vocabulary) -> None:
    row = torch.tensor([0.5, 0.25, 0.125, 0.125]).log()
    first, second = strip_tokens([step(row, 2), step(row, 1, "hand")], eight)
    assert (first.text, first.label, first.by_hand, first.rank) == ("ing", "ing", False, 3)
    assert (second.text, second.label, second.by_hand, second.rank) == (" a", "␣a", True, 2)
    assert first.probability == pytest.approx(0.125, rel=1e-5)
    assert first.surprisal == pytest.approx(math.log(8), rel=1e-5)
    assert first.entropy == pytest.approx(1.75 * math.log(2), rel=1e-5)


def test_the_shades_are_probability_surprisal_rank_and_entropy_each_on_a_scale_to_one(eight: Vocabulary) -> None:
    row = torch.tensor([0.5, 0.25, 0.125, 0.125]).log()
    (token,) = strip_tokens([step(row, 2)], eight)
    expected = (0.125, math.log(8) / SURPRISAL_AT_FULL_SHADE, math.log(3) / math.log(4), 1.75 / 2)
    assert token.shades == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("size", [2, 3, 7, 1000, 8192, 50_257])
def test_no_shade_leaves_zero_to_one_however_flat_or_peaked(size: int) -> None:
    vocabulary = Vocabulary(tuple(b"%d" % i for i in range(size)))
    flat, peaked = torch.zeros(size), torch.full((size,), -500.0)
    peaked[0] = 0
    impossible = torch.full((size,), -float("inf"))
    impossible[0] = 0
    steps = [step(row, i) for row in (flat, flat + 7.3, peaked, impossible) for i in (0, size - 1)]
    for token in strip_tokens(steps, vocabulary):
        assert all(0 <= shade <= 1 for shade in token.shades), token.shades


def test_a_line_keeps_its_spaces_and_spells_what_is_invisible(eight: Vocabulary) -> None:
    assert [spelt(i, eight).strip("\n") for i in range(8)] == [
        " the", " a", "ing", "⏎", "<b>x</b>", "<0xE4>", "<|end|>", "狼",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("piece", "line"),
    [
        ("\u202e", "<U+202E>"), ("\u200b", "<U+200B>"), ("\x00", "<U+0000>"), ("\t", "⇥"), ("\r", "␍"),
        ("שלום", "שלום"), ("${x}", "${x}"), ("{{x}}", "{{x}}"),
    ],
)  # fmt: skip
def test_nothing_in_a_token_can_turn_the_line_around_or_vanish(piece: str, line: str) -> None:
    assert spelt(0, Vocabulary((piece.encode(),))) == line


def test_an_id_beyond_the_tokenizer_is_spelt_by_its_number(eight: Vocabulary) -> None:
    assert spelt(11, eight) == "<id 11>"
