"""Tokens needed over vocabulary size: what every further merge saves."""

from collections.abc import Sequence

from playground.i18n import Translator
from playground.panels.figures.theme import Figure, colour, layout, titled


def vocabulary_curve_figure(start: int, tokens: Sequence[int], step: int, t: Translator) -> Figure:
    """`tokens[i]` is what the corpus takes with `start + i` symbols; `step` is on show."""
    sizes = [start + i for i in range(len(tokens))]
    data = [
        {
            "type": "scatter", "mode": "lines+markers" if len(tokens) < 40 else "lines", "x": sizes, "y": list(tokens),
            "line": {"color": colour("accent"), "width": 2.5, "shape": "hv" if len(tokens) < 40 else "linear"},
            "marker": {"size": 6}, "customdata": list(range(len(tokens))),
            "hovertemplate": t("chart.vocabulary_curve.hover"),
        },
        {
            "type": "scatter", "mode": "markers+text", "x": [sizes[step]], "y": [tokens[step]],
            "marker": {"size": 13, "color": colour("chosen")}, "text": [f"{tokens[step]:,}"],
            "textposition": "top right", "textfont": {"color": colour("ink"), "size": 15}, "hoverinfo": "skip",
            "cliponaxis": False,
        },
    ]  # fmt: skip
    return {
        "data": data,
        "layout": layout(
            dragmode=False,
            margin={"l": 58, "r": 40, "t": 24, "b": 44},
            xaxis=titled(t("chart.vocabulary_curve.size"), fixedrange=True, tickformat="d", nticks=8, showgrid=False),
            yaxis=titled(
                t("chart.vocabulary_curve.tokens"), fixedrange=True, rangemode="tozero", tickformat=",d", nticks=6
            ),
        ),
        "label": t("chart.vocabulary_curve.label", size=sizes[step], tokens=tokens[step]),
    }
