"""The same logits softened: one curve a temperature over the most probable tokens, the current one heavy."""

from playground.figures.theme import MONOSPACE, Figure, colour, layout, literal, rounded, tinted, titled
from playground.i18n import Translator
from playground.views.notation import Unit, shorter
from playground.views.temperature import TemperatureCurves

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
    legend = {
        "xref": "paper", "yref": "paper", "x": 1, "y": 1, "xanchor": "right", "yanchor": "top", "xshift": 18,
        "showarrow": False, "align": "right", "text": "<br>".join(lines),
        "font": {"color": colour("muted"), "size": 13}, "bgcolor": colour("panel"), "borderpad": 1,
    }  # fmt: skip
    now = next(curve for curve in view.curves if curve.is_current)
    return {
        "data": data,
        "layout": layout(
            margin={"l": 52, "r": 26, "t": 10, "b": 66},
            dragmode=False,
            xaxis=titled(
                "", tickvals=list(range(len(labels))), ticktext=labels, tickangle=-55, showgrid=False, fixedrange=True,
                range=[-0.6, len(labels) - 0.4],
                tickfont={"family": MONOSPACE, "size": 11, "color": colour("muted")},
            ),
            yaxis=titled("", rangemode="tozero", tickformat=".0%", nticks=5, fixedrange=True),
            annotations=[legend],
        ),
        "label": t(
            "chart.temperature.label", temperature=shorter(now.temperature), entropy=unit.amount(now.entropy),
            unit=unit.name,
        ),
    }  # fmt: skip
