"""The curve of tokens over vocabulary size: its numbers, its marker, and that Plotly accepts it."""

import plotly.graph_objects as go

from playground.i18n import translator
from playground.panels.figures import theme
from playground.panels.figures.vocabulary_curve import vocabulary_curve_figure


def test_the_curve_and_the_step_on_show() -> None:
    figure = vocabulary_curve_figure(11, [93, 80, 67], 1, translator())
    curve, marker = figure["data"]
    assert curve["x"] == [11, 12, 13] and curve["y"] == [93, 80, 67]
    assert marker["x"] == [12] and marker["y"] == [80]
    assert "12" in figure["label"] and "80" in figure["label"]
    go.Figure(theme.resolve({"data": figure["data"], "layout": figure["layout"]}))
