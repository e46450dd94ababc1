"""The same logits softened: one curve a temperature over the most probable tokens, the current one heavy.

Probabilities on a log scale: there a temperature is a slope, and the unlikely tokens have as much room as the likely.
"""

import math

from playground.i18n import Translator
from playground.panels.figures.cutoffs import power
from playground.panels.figures.theme import MONOSPACE, Figure, colour, layout, literal, rounded, tinted, titled
from playground.views.notation import Unit, shorter
from playground.views.temperature import TemperatureCurves

_FLOOR = 1e-6
_COLD_TO_HOT = ("cool", "accent", "warm", "hot")


def temperature_figure(view: TemperatureCurves, t: Translator, unit: Unit) -> Figure:
    labels = [literal(label, 12) for label in view.labels]
    colours = {
        curve.temperature: "chosen" if curve.is_current else name
        for curve, name in zip(view.curves, _COLD_TO_HOT, strict=False)
    }
    data = [
        {
            "type": "scatter", "mode": "lines+markers" if curve.is_current else "lines",
            "x": list(range(len(labels))), "y": rounded(curve.probabilities),
            "line": {"color": colour(colours[curve.temperature]), "width": 3.4 if curve.is_current else 1.8},
            "marker": {"size": 5},
            "text": labels,
            "hovertemplate": t("chart.temperature.hover", temperature=shorter(curve.temperature)),
        }
        for curve in sorted(view.curves, key=lambda c: c.is_current)
    ]  # fmt: skip
    lines = []
    for curve in view.curves:
        words = t(
            "chart.temperature.now" if curve.is_current else "chart.temperature.curve",
            temperature=shorter(curve.temperature), entropy=unit.amount(curve.entropy), unit=unit.name,
        )  # fmt: skip
        swatch = tinted("●", colours[curve.temperature])
        lines.append(f"{tinted(f'<b>{words}</b>', 'ink') if curve.is_current else words} {swatch}")
    legend = {  # where no curve comes: the k-th most probable token has at most 1/k
        "xref": "paper", "yref": "paper", "x": 1, "y": 1, "xanchor": "right", "yanchor": "top", "xshift": 4,
        "showarrow": False, "align": "right", "text": "<br>".join(lines),
        "font": {"color": colour("muted"), "size": 13}, "bgcolor": colour("panel"), "borderpad": 1,
    }  # fmt: skip
    floor = max(_FLOOR, min(p for curve in view.curves for p in curve.probabilities if p > 0) / 1.5)
    ticks = [10.0**k for k in range(-6, 1) if 10.0**k >= floor]
    now = next(curve for curve in view.curves if curve.is_current)
    return {
        "data": data,
        "layout": layout(
            margin={"l": 58, "r": 14, "t": 10, "b": 76},
            dragmode=False,
            xaxis=titled(
                "", tickvals=list(range(len(labels))), ticktext=labels, tickangle=-55, showgrid=False, fixedrange=True,
                range=[-0.6, len(labels) - 0.4],
                tickfont={"family": MONOSPACE, "size": 12, "color": colour("muted")},
            ),
            yaxis=titled(
                "", type="log", range=[math.log10(floor), math.log10(1.4)], fixedrange=True, tickvals=ticks,
                ticktext=[power(v) for v in ticks],
            ),
            annotations=[legend],
        ),
        "narrow": {  # on a phone the curves have no room to spare: the legend stands above them
            "below": 420,
            "layout": {
                "margin": {"l": 58, "r": 14, "t": 84, "b": 76},
                "annotations": [legend | {"yanchor": "bottom", "yshift": 4}],
            },
        },
        "label": t(
            "chart.temperature.label", temperature=shorter(now.temperature), entropy=unit.amount(now.entropy),
            unit=unit.name,
        ),
    }  # fmt: skip
