"""The temperature curves: the current one heavy and on top, each named with its entropy."""

from collections.abc import Callable
from typing import Any

import pytest

from playground.panels.figures import theme

Figures = dict[str, dict[str, Any]]
P = (0.05, 0.40, 0.20, 0.10, 0.15, 0.04, 0.03, 0.03)


@pytest.mark.parametrize(("temperature", "count"), [(0.8, 4), (1.0, 3), (0.05, 4), (30.0, 4)])
def test_the_current_curve_is_drawn_last_and_heavy(
    figures: Callable[..., Figures], temperature: float, count: int
) -> None:
    data = figures(P, temperature=temperature)["temperature"]["data"]
    assert len(data) == count
    assert data[-1]["line"]["color"] == theme.colour("chosen")
    assert all(curve["line"]["width"] < data[-1]["line"]["width"] for curve in data[:-1])
    assert len({curve["line"]["color"] for curve in data}) == count


def test_each_curve_is_a_softmax_over_the_tokens_on_the_axis(figures: Callable[..., Figures]) -> None:
    figure = figures(P, temperature=2.0)["temperature"]
    assert figure["layout"]["xaxis"]["ticktext"][:3] == ["␣w1", "␣w2", "␣w4"]
    for curve in figure["data"]:
        assert sum(curve["y"]) == pytest.approx(1, abs=1e-5)
        assert curve["y"] == sorted(curve["y"], reverse=True)
    roots = sorted((p**0.5 for p in P), reverse=True)
    assert figure["data"][-1]["y"] == pytest.approx([r / sum(roots) for r in roots], rel=1e-4)


def test_the_legend_has_a_line_and_a_swatch_of_its_colour_for_each_curve(figures: Callable[..., Figures]) -> None:
    figure = figures(P, temperature=0.8)["temperature"]
    (legend,) = figure["layout"]["annotations"]
    lines = legend["text"].split("<br>")
    assert len(lines) == 4
    for line, temperature in zip(lines, ("0.5", "0.8", "1", "2"), strict=True):
        assert f"= {temperature} " in line
        curve = next(c for c in figure["data"] if f"T = {temperature}:" in c["hovertemplate"])
        assert line.endswith(f'<span style="color:{curve["line"]["color"]}">●</span>')
