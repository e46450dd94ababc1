"""The figures of the Beam search tab: valid for Plotly, their lines where the numbers are, token text inert."""

import itertools

import plotly.graph_objects as go
import pytest

from playground.decoding.beam_search import BeamSearch
from playground.i18n import translator
from playground.panels.figures.beam_length_penalty import beam_length_penalty_figure, drawn
from playground.panels.figures.beam_pool import beam_pool_figure
from playground.panels.figures.beam_underflow import beam_underflow_figure
from playground.panels.figures.theme import literal, resolve, sequence_colour
from playground.views.beam_length_penalty import flips, grid, ranking, rankings
from playground.views.beam_pool import Pool, pool
from playground.views.beam_underflow import underflow
from tests.views.beam_searches import random_rows, searched

t = translator()


def valid(figure):
    drawn = resolve({key: figure[key] for key in ("data", "layout")})
    return go.Figure(drawn)


@pytest.fixture(scope="module")
def trace(table_model):
    return searched(table_model(random_rows(3), eos_ids=(5, 6)), BeamSearch(3), 9)


def test_the_bound_and_the_worst_finished_stand_at_their_scores(trace):
    for index in range(len(trace.steps)):
        view = pool(trace, index)
        figure = beam_pool_figure(view, ["<b>x</b>"] * len(view.finished), [1] * len(view.finished), t)
        valid(figure)
        lines = {shape["x0"] for shape in figure["layout"]["shapes"]}
        assert lines == {x for x in (view.worst, view.best_possible) if x is not None}
        assert figure["data"][0]["x"] == pytest.approx([h.score for h in view.finished], rel=1e-4)
        assert "<b>" not in str(figure["data"][0]["text"])
        low, high = figure["layout"]["xaxis"]["range"]
        assert all(low < x < high for x in [*lines, *figure["data"][0]["x"]])


@pytest.mark.parametrize(("worst", "reach"), list(itertools.permutations([-2.0, -1.99, -0.2, -5.0], 2)))
def test_neither_line_crosses_the_label_of_the_other(worst, reach):
    figure = beam_pool_figure(Pool((), (), 2, 0, 0, reach, -4.0, 2, worst, True, None), [], [], t)
    low, high = figure["layout"]["xaxis"]["range"]
    (left, right), (first, second) = figure["layout"]["shapes"], figure["layout"]["annotations"]
    assert left["x0"] < right["x0"] and right["y1"] < first["y"] < 1.0
    assert second["xanchor"] == "left"  # away from the left line, which goes higher
    assert right["x0"] <= low + 0.53 * (high - low)  # so there is room for it


def test_the_winner_of_every_penalty_is_on_top(trace):
    over, now = rankings(trace, grid()), ranking(trace, 1.0)
    labels = {f: f"<i>{f.token_ids}" for r in over for f in r.order}
    colours = {f: i % 9 for i, f in enumerate(labels)}
    figure = beam_length_penalty_figure(over, flips(trace, over), now, labels, colours, t)
    valid(figure)
    assert "<i>" not in str([line["name"] for line in figure["data"]])
    by_name = {literal(labels[f], 40): sequence_colour(colours[f]) for f in labels}
    assert all(line["line"]["color"] == by_name[line["name"]] for line in figure["data"])
    assert drawn(over, now)[: len(now.order)] == list(now.order)
    for place, r in enumerate(over):
        tops = [line["name"] for line in figure["data"] if line["y"][place] == 1]
        assert len(tops) == 1
        assert str(r.order[0].token_ids)[:10] in tops[0]
    grey = [s for s in figure["layout"]["shapes"] if s["type"] == "rect"]
    for r in over:
        assert r.is_exact != any(s["x0"] - 1e-9 <= r.alpha <= s["x1"] + 1e-9 for s in grey)


def test_the_sum_goes_down_and_the_zeros_are_marked():
    view = underflow((-2.5,) * 12)
    figure = beam_underflow_figure(view, ["<b>"] * 12, 0, t)
    valid(figure)
    assert figure["data"][0]["y"] == pytest.approx([-2.5 * i for i in range(1, 13)])
    half = view.products[0]
    assert half.zero_at == 7  # e^-17.5 is below half of 2^-24
    assert figure["data"][1]["x"] == [7]
    assert "<b>" not in str(figure["data"][0]["text"])
