"""Figures of the Attention and Inside tabs: valid for Plotly, with the numbers of the view and a headline as label."""

import plotly.graph_objects as go
import pytest

from playground.i18n import translator
from playground.panels.figures.anatomy import anatomy_figure
from playground.panels.figures.attention_heads import distance_figure
from playground.panels.figures.kv_cache import work_figure
from playground.panels.figures.theme import Figure, resolve
from playground.views.anatomy import anatomy
from playground.views.kv_cache import work

t = translator()
VIEW = anatomy({"wte.weight": 600, "h.0.attn.w": 300, "h.0.mlp.w": 100}, is_tied=True, width=6, vocab_size=100)
FIGURES = {
    "distance": lambda: distance_figure((0.2, 0.5, 0.3), (0.4, 0.4, 0.2), t),
    "distance, long": lambda: distance_figure((0.2,) * 500, (0.3,) * 500, t),
    "distance, one token": lambda: distance_figure((1.0,), (1.0,), t),
    "work": lambda: work_figure(work(5, 20), t),
    "anatomy": lambda: anatomy_figure(VIEW, t),
}


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("dark", [False, True])
def test_plotly_takes_the_figure(name: str, dark: bool) -> None:
    figure: Figure = resolve(FIGURES[name](), dark)
    go.Figure({"data": figure["data"], "layout": figure["layout"]})
    assert figure["label"]


def test_the_bars_are_the_profile_of_the_head_and_the_line_its_layers() -> None:
    line, bars = FIGURES["distance"]()["data"]
    assert (bars["x"], bars["y"]) == ([0, 1, 2], [0.2, 0.5, 0.3])
    assert line["y"] == [0.4, 0.4, 0.2]
    assert "the token before: 50.0 %" in FIGURES["distance"]()["label"]


def test_the_curves_end_where_the_work_ends() -> None:
    figure, view = FIGURES["work"](), work(5, 20)
    without, cached = figure["data"]
    assert without["y"] == list(view.without)
    assert cached["y"] == list(view.with_cache)
    assert [note["y"] for note in figure["layout"]["annotations"]] == [view.without[-1], view.with_cache[-1]]
    assert f"{view.without[-1]:,}" in figure["label"]


def test_the_largest_part_is_on_top() -> None:
    figure = FIGURES["anatomy"]()
    bars = figure["data"][0]
    assert bars["x"] == [100, 300, 600]
    assert bars["y"][-1] == t("inside.part.token_embedding")
    assert len(set(bars["marker"]["color"])) == 3
    words = figure["layout"]["annotations"][-1]
    assert (words["x"], words["y"]) == (0, 2)
    assert words["text"] == f"{bars['y'][-1]} · 600 · 60.0 %"
    assert "60.0 %" in figure["label"]
