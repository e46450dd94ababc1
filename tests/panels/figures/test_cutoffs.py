"""The cut-offs: a line where each cut is, the kept side shaded, both on logarithmic axes."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from playground.decoding.processors import MinP, TopK, TopP, TypicalP
from playground.i18n import translator
from playground.panels.figures import theme

Figures = dict[str, dict[str, Any]]
t = translator()
P = (0.05, 0.40, 0.20, 0.10, 0.15, 0.04, 0.03, 0.03)


def shapes(figure: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [shape for shape in figure["layout"]["shapes"] if shape["type"] == kind]


def test_the_curves_are_probability_and_mass_over_rank(figures: Callable[..., Figures]) -> None:
    probability, mass = figures(P)["cutoffs"]["data"]
    assert probability["x"] == mass["x"] == list(range(1, 9))
    assert probability["y"] == pytest.approx(sorted(P, reverse=True), rel=1e-5)
    assert mass["y"][-1] == pytest.approx(1, abs=1e-6)


def test_each_cut_is_a_line_between_the_last_token_kept_and_the_first_that_is_not(
    figures: Callable[..., Figures],
) -> None:
    lines = shapes(figures(P, (TopK(5), TopP(0.8), MinP(0.45)))["cutoffs"], "line")
    assert [int(line["x0"]) for line in lines] == [5, 3, 2]
    assert all(line["x0"] == line["x1"] and 0 < line["x0"] % 1 < 1 for line in lines)
    assert [line["line"]["color"] for line in lines] == [theme.cut_colour(n) for n in ("top_k", "top_p", "min_p")]


def test_the_kept_side_is_shaded(figures: Callable[..., Figures]) -> None:
    (kept,) = shapes(figures(P, (TopK(5), TopP(0.8)))["cutoffs"], "rect")
    assert (kept["x0"] < 1, 3 < kept["x1"] < 4) == (True, True)


def test_a_head_that_typical_p_cuts_is_not_shaded(figures: Callable[..., Figures]) -> None:
    (kept,) = shapes(figures((0.4, 0.12, 0.12, 0.12, 0.12, 0.12), (TypicalP(0.5),))["cutoffs"], "rect")
    assert (1 < kept["x0"] < 2, 6 < kept["x1"] < 7) == (True, True)


def test_without_a_cut_it_says_so_and_shades_nothing(figures: Callable[..., Figures]) -> None:
    figure = figures(P)["cutoffs"]
    assert figure["layout"]["shapes"] == []
    assert any("8" in note["text"] for note in figure["layout"]["annotations"])


def test_every_note_is_inside_the_axes(figures: Callable[..., Figures]) -> None:
    wide = [0.5, *([0.5 / 5000] * 5000)]
    for settings in ((TopK(1),), (TopK(5000),), (TopK(60), TopP(0.6)), ()):
        layout = figures(wide, settings)["cutoffs"]["layout"]
        low, high = layout["xaxis"]["range"]
        notes = [note for note in layout["annotations"] if note["xref"] == "x" and note["yref"] == "paper"]
        assert len(notes) == len(settings)
        assert all(low <= note["x"] <= high for note in layout["annotations"] if note["xref"] == "x")
        for note in notes:  # the text runs to the side on which there is room
            if note["xanchor"] != "center":
                assert note["xanchor"] == ("left" if note["x"] < (low + high) / 2 else "right")


def test_a_name_stands_above_the_axis_where_its_curve_has_fallen_to_it(figures: Callable[..., Figures]) -> None:
    wide = [1.0] + [1e-12] * 500
    for row, side in ((P, "top"), ([p / sum(wide) for p in wide], "bottom")):
        figure = figures(row)["cutoffs"]
        name = next(n for n in figure["layout"]["annotations"] if n["text"] == t("chart.cutoffs.probability"))
        assert name["yanchor"] == side
        assert name["y"] >= figure["layout"]["yaxis"]["range"][0]


def test_the_scale_is_written_in_percent_and_powers(figures: Callable[..., Figures]) -> None:
    axis = figures((0.9, 0.1 - 1e-7, 1e-7))["cutoffs"]["layout"]["yaxis"]
    assert axis["type"] == "log"
    by_value = {round(math.log10(v)): text for v, text in zip(axis["tickvals"], axis["ticktext"], strict=True)}
    assert by_value[0] == "100 %"
    assert by_value[-3] == "0.1 %"
    assert by_value[-6] == "10⁻⁶"
    assert min(by_value) == -7


@pytest.mark.parametrize("wide", [P, [0.5, *([0.5 / 5000] * 5000)], [1 / 400] * 400])
def test_no_curve_runs_through_its_own_name(figures: Callable[..., Figures], wide: list[float]) -> None:
    """The name of the falling curve ends below it on its left, that of the rising one begins below it on its right."""
    figure = figures(wide)["cutoffs"]
    notes = {note["text"]: note for note in figure["layout"]["annotations"] if note.get("yref") == "y"}
    falling, rising = (notes[t(f"chart.cutoffs.{name}")] for name in ("probability", "cumulative"))
    assert (falling["xanchor"], falling["yanchor"], rising["xanchor"], rising["yanchor"]) == (
        "right",
        "top",
        "left",
        "top",
    )
    for note, curve, is_beside in ((falling, 0, float.__le__), (rising, 1, float.__ge__)):
        data = figure["data"][curve]
        beside = [
            y
            for x, y in zip(data["x"], data["y"], strict=True)
            if is_beside(math.log10(x), note["x"] + 1e-9 * (1 - 2 * curve))
        ]
        assert beside
        assert min(map(math.log10, beside)) >= note["y"] + note["yshift"] * 1e-3 - 1e-4
