"""The trajectory: a bar and a point for each token, in the unit on show; a click gives the index."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from playground.figures import theme
from playground.views.notation import BITS

Figures = dict[str, dict[str, Any]]
P = (0.5, 0.25, 0.125, 0.125)


def test_each_token_has_its_surprisal_and_entropy(figures: Callable[..., Figures]) -> None:
    _, surprisal, entropy = figures(P, chosen=2, steps=4)["trajectory"]["data"]
    assert surprisal["x"] == entropy["x"] == [1, 2, 3, 4]
    assert surprisal["y"] == pytest.approx([3 * math.log(2)] * 4, rel=1e-5)
    assert entropy["y"] == pytest.approx([1.75 * math.log(2)] * 4, rel=1e-5)


def test_in_bits_the_numbers_are_bits(figures: Callable[..., Figures]) -> None:
    _, surprisal, entropy = figures(P, chosen=2, unit=BITS)["trajectory"]["data"]
    assert surprisal["y"][0] == pytest.approx(3, rel=1e-5)
    assert entropy["y"][0] == pytest.approx(1.75, rel=1e-5)


def test_a_click_anywhere_above_a_token_gives_its_index(figures: Callable[..., Figures]) -> None:
    target, surprisal, _ = figures(P, chosen=2, steps=4)["trajectory"]["data"]
    assert target["customdata"] == [0, 1, 2, 3]
    assert min(target["y"]) > max(surprisal["y"])


def test_only_the_inspected_token_is_lit(figures: Callable[..., Figures]) -> None:
    _, surprisal, _ = figures(P, steps=3)["trajectory"]["data"]  # the second is inspected
    lit = [colour == theme.colour("chosen") for colour in surprisal["marker"]["color"]]
    assert lit == [False, True, False]
