"""The bars: the length of each is its probability, the rest is a row, and what is clicked is an id."""

from collections.abc import Callable
from typing import Any

import pytest

from playground.decoding.processors import Temperature, TopK
from playground.figures import theme

Figures = dict[str, dict[str, Any]]
P = (0.05, 0.40, 0.20, 0.10, 0.15, 0.04, 0.03, 0.03)


def parts(figure: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The bars that take the click, those after the settings, those of the model, and the row of the rest."""
    bars = [part for part in figure["data"] if part["type"] == "bar"]
    (target,) = (bar for bar in bars if "customdata" in bar)
    (raw,) = (bar for bar in bars if "line" in bar["marker"])
    (rest,) = (bar for bar in bars if len(bar["y"]) == 1 and bar["y"][0] < min(target["y"]))
    (final,) = (bar for bar in bars if bar not in (target, raw, rest))
    return target, final, raw, rest


def written(figure: dict[str, Any]) -> dict[float, str]:
    """The numbers beside each row."""
    found = {}
    for part in figure["data"]:
        if part.get("mode") == "text":
            found |= dict(zip(part["y"], part["text"], strict=True))
    return found


def test_the_outline_is_the_model_and_the_fill_is_what_the_settings_leave(figures: Callable[..., Figures]) -> None:
    _, final, raw, _ = parts(figures(P, (TopK(2),), n=4)["next_token"])
    assert raw["x"] == pytest.approx([0.40, 0.20, 0.15, 0.10, 0.05], rel=1e-5)  # the chosen one, id 0, comes last
    assert final["x"] == pytest.approx([2 / 3, 1 / 3, 0, 0, 0], rel=1e-5)
    assert raw["y"] == final["y"] == sorted(raw["y"], reverse=True)


def test_a_click_gives_the_id_of_the_token(figures: Callable[..., Figures]) -> None:
    target, final, raw, rest = parts(figures(P, n=4)["next_token"])
    assert target["customdata"] == [1, 2, 4, 3, 0]
    assert all(part.get("hoverinfo") == "skip" for part in (final, raw))  # so that the pointer meets the row
    assert "customdata" not in rest
    assert len(set(target["x"])) == 1  # a row is a target along its whole length, however short the bar
    assert target["x"][0] > max(raw["x"] + final["x"])


def test_the_chosen_token_has_a_colour_of_its_own(figures: Callable[..., Figures]) -> None:
    _, final, _, _ = parts(figures(P, n=4, chosen=2)["next_token"])
    assert final["marker"]["color"] == [theme.colour("chosen" if i == 1 else "accent") for i in range(4)]


def test_what_is_removed_stays_in_the_colour_of_what_removed_it(figures: Callable[..., Figures]) -> None:
    _, _, raw, _ = parts(figures(P, (Temperature(0.5), TopK(2)), n=4, chosen=1)["next_token"])
    cut = theme.cut_colour("top_k")
    assert raw["marker"]["line"]["color"] == [theme.colour("ink")] * 2 + [cut] * 2
    assert cut != theme.colour("ink")


def test_the_rest_is_a_row_below_all_others_with_its_count_and_share(figures: Callable[..., Figures]) -> None:
    figure = figures(P, n=3, chosen=1)["next_token"]
    *_, rest = parts(figure)
    assert rest["y"][0] < min(figure["data"][0]["y"])
    words = written(figure)[rest["y"][0]]
    assert "5" in words
    assert "25.0 %" in words


def test_each_row_has_its_numbers_beside_it(figures: Callable[..., Figures]) -> None:
    figure = figures(P, (TopK(2),), n=3, chosen=1)["next_token"]
    first, second, third = (text for _, text in sorted(written(figure).items(), reverse=True)[:3])
    assert ("40.0 %" in first, "66.7 %" in first) == (True, True)
    assert ("20.0 %" in second, "33.3 %" in second) == (True, True)
    assert ("15.0 %" in third, "top-k" in third) == (True, True)


def test_every_row_is_in_the_picture(figures: Callable[..., Figures]) -> None:
    figure = figures(P, (TopK(1),), n=4)["next_token"]
    low, high = figure["layout"]["yaxis"]["range"]
    assert all(low < y < high for part in figure["data"] for y in part["y"])
    assert figure["layout"]["xaxis"]["range"][1] >= 1  # the bar of the only token left
    assert len(figure["layout"]["yaxis"]["ticktext"]) == len(figure["layout"]["yaxis"]["tickvals"]) == 6
