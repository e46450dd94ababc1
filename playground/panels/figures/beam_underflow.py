"""Why logs: the sum of the log-probabilities goes down steadily; the product of the probabilities hits a floor."""

import numpy as np

from playground.i18n import Translator
from playground.panels.figures.theme import Figure, colour, layout, literal, rounded, sequence_colour, titled
from playground.views.beam_underflow import FORMATS, Underflow

_COLOURS = {"float16": "hot", "float32": "accent"}


def beam_underflow_figure(view: Underflow, labels: list[str], number: int | None, t: Translator) -> Figure:
    """`labels`: of the tokens, for the hover; `number`: of the colour of the sequence."""
    numbers = list(range(1, len(view.sums) + 1))
    floors = {name: float(np.log(float(np.finfo(f).smallest_subnormal))) for name, f in FORMATS.items()}
    lowest = min(view.sums)
    shown = {name: floor for name, floor in floors.items() if floor > lowest * 1.6 - 6}
    bottom = min([lowest, *shown.values()]) * 1.12
    data = [
        {
            "type": "scatter", "mode": "lines+markers", "x": numbers, "y": rounded(view.sums),
            "line": {"color": sequence_colour(number), "width": 3}, "marker": {"size": 6},
            "text": [literal(label, 20) for label in labels], "hovertemplate": t("beam.logs.hover"),
        }
    ]  # fmt: skip
    for product in view.products:
        if product.zero_at is not None:
            data.append(
                {
                    "type": "scatter", "mode": "markers", "x": [product.zero_at], "y": [view.sums[product.zero_at - 1]],
                    "marker": {
                        "symbol": "x", "size": 13, "color": colour(_COLOURS[product.name]),
                        "line": {"color": colour("panel"), "width": 1},
                    },
                    "hovertemplate": t("beam.logs.zero_hover", format=product.name),
                }
            )  # fmt: skip
    return {
        "data": data,
        "layout": layout(
            margin={"l": 46, "r": 12, "t": 8, "b": 40}, dragmode=False,
            xaxis=titled(t("beam.logs.axis"), showgrid=False, fixedrange=True, tickformat="d", nticks=10),
            yaxis=titled(t("beam.logs.sum"), range=[bottom, 0], fixedrange=True, nticks=6),
            shapes=[
                {
                    "type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": floor, "y1": floor,
                    "line": {"color": colour(_COLOURS[name]), "width": 1.5, "dash": "dash"},
                }
                for name, floor in shown.items()
            ],
            annotations=[
                {
                    "xref": "paper", "x": 0.01, "xanchor": "left", "y": floor, "yanchor": "top", "showarrow": False,
                    "text": t("beam.logs.floor", format=name), "font": {"color": colour(_COLOURS[name]), "size": 12},
                }
                for name, floor in shown.items()
            ],
        ),
        "label": t("beam.logs.label", sum=f"{view.sums[-1]:.2f}".replace("-", "−"), tokens=len(numbers)),
    }  # fmt: skip
