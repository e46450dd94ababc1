"""The trajectory: a bar and a point for each token, in the unit on show; a click gives the index."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from playground.panels.figures import theme
from playground.views.notation import BITS

Figures = dict[str, dict[str, Any]]
P = (0.5, 0.25, 0.125, 0.125)


def parts(figure: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The bars of surprisal, which take the click, and the line of entropy."""
    (surprisal,) = (part for part in figure["data"] if "customdata" in part)
    (entropy,) = (part for part in figure["data"] if part["type"] == "scatter")
    return surprisal, entropy


def test_each_token_has_its_surprisal_and_entropy(figures: Callable[..., Figures]) -> None:
    surprisal, entropy = parts(figures(P, chosen=2, steps=4)["trajectory"])
    assert surprisal["x"] == entropy["x"] == [1, 2, 3, 4]
    assert surprisal["y"] == pytest.approx([3 * math.log(2)] * 4, rel=1e-4)
    assert entropy["y"] == pytest.approx([1.75 * math.log(2)] * 4, rel=1e-4)


def test_in_bits_the_numbers_are_bits(figures: Callable[..., Figures]) -> None:
    surprisal, entropy = parts(figures(P, chosen=2, unit=BITS)["trajectory"])
    assert surprisal["y"][0] == pytest.approx(3, rel=1e-4)
    assert entropy["y"][0] == pytest.approx(1.75, rel=1e-4)


def test_a_click_gives_the_index_of_the_token(figures: Callable[..., Figures]) -> None:
    surprisal, _ = parts(figures(P, chosen=2, steps=4)["trajectory"])
    assert surprisal["customdata"] == [0, 1, 2, 3]


def test_only_the_inspected_token_is_lit(figures: Callable[..., Figures]) -> None:
    figure = figures(P, steps=3)["trajectory"]  # the second is inspected
    (lit,) = (part for part in figure["data"] if part["marker"].get("color") == theme.colour("chosen"))
    assert (lit["x"], lit["y"]) == ([2], [parts(figure)[0]["y"][1]])


def test_everything_is_within_the_axes(figures: Callable[..., Figures]) -> None:
    for steps in (2, 3, 40):
        figure = figures(P, chosen=2, steps=steps)["trajectory"]
        for axis, key in (("xaxis", "x"), ("yaxis", "y")):
            low, high = figure["layout"][axis]["range"]
            assert all(low <= value <= high for part in figure["data"] for value in part[key])
