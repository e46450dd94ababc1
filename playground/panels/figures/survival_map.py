"""The survival map: a table of how many tokens are left, shaded, over temperature and one cut-off."""

import math
from typing import Literal

from playground.i18n import Translator
from playground.panels.figures.theme import Figure, colour, layout, titled
from playground.views.notation import Unit, shorter
from playground.views.survival_map import SurvivalMap

Shown = Literal["tokens", "entropy"]


def survival_map_figure(
    view: SurvivalMap, now: tuple[float, float], shown: Shown, vocab_size: int, t: Translator, unit: Unit
) -> Figure:
    """`now` is the (temperature, cut-off) in force: a ring. Every map of a vocabulary has the same scale of colours.
    customdata is [temperature, name of the cut-off, its value]."""
    cut = t(f"parameter.{view.cut}.short")
    full = math.log(vocab_size)
    heat = [
        [math.log(n) for n in row] if shown == "tokens" else list(entropies)
        for row, entropies in zip(view.tokens, view.entropies, strict=True)
    ]
    words = [
        [compact(n) if shown == "tokens" else unit.amount(h)[:4] for n, h in zip(row, entropies, strict=True)]
        for row, entropies in zip(view.tokens, view.entropies, strict=True)
    ]
    hover = [
        [
            t(
                "chart.survival_map.hover", temperature=shorter(temperature), cut=cut, value=shorter(value),
                tokens=view.tokens[row][column], entropy=unit.amount(view.entropies[row][column]), unit=unit.name,
            )
            for column, temperature in enumerate(view.temperatures)
        ]
        for row, value in enumerate(view.values)
    ]  # fmt: skip
    across, up = len(view.temperatures), len(view.values)
    data: list[Figure] = [
        {
            "type": "heatmap", "x": list(range(across)), "y": list(range(up)),
            "z": [[float(f"{v:.4g}") for v in row] for row in heat], "zmin": 0, "zmax": float(f"{full:.4g}"),
            "colorscale": [[0, colour("raised")], [0.35, colour("accent-soft")], [1, colour("accent-deep")]],
            "showscale": False, "xgap": 1, "ygap": 1, "text": words, "texttemplate": "%{text}",
            "textfont": {"size": 12, "color": colour("ink")}, "hovertext": hover, "hoverinfo": "text",
            "customdata": [[[temperature, view.cut, v] for temperature in view.temperatures] for v in view.values],
        }
    ]  # fmt: skip
    at = (_place(view.temperatures, now[0]), _place(view.values, now[1]))
    if at[0] is not None and at[1] is not None:
        data.append(
            {
                "type": "scatter", "mode": "markers", "x": [at[0]], "y": [at[1]], "hoverinfo": "skip",
                "marker": {
                    "symbol": "square-open", "size": 26, "color": colour("chosen"),
                    "line": {"width": 3.5, "color": colour("chosen")},
                },
            }
        )  # fmt: skip
    return {
        "data": data,
        "narrow": {"below": 420, "size": 10},  # on a phone four characters would touch
        "layout": layout(
            margin={"l": 48, "r": 4, "t": 4, "b": 42},
            dragmode=False,
            xaxis=titled(
                t("parameter.temperature.label"), tickvals=list(range(across)),
                ticktext=[shorter(v) for v in view.temperatures], fixedrange=True, showgrid=False,
                range=[-0.5, across - 0.5],
            ),
            yaxis=titled(
                cut, tickvals=list(range(up)), ticktext=[shorter(v) for v in view.values], fixedrange=True,
                showgrid=False, range=[-0.5, up - 0.5],
            ),
        ),
        "label": t(
            "chart.survival_map.label", cut=cut, least=min(min(row) for row in view.tokens),
            most=max(max(row) for row in view.tokens),
        ),
    }  # fmt: skip


def compact(count: int) -> str:
    """Example: 37 -> "37", 8192 -> "8.2K", 50257 -> "50K"."""
    if count < 1000:
        return str(count)
    thousands = count / 1000
    return f"{thousands:.1f}K" if thousands < 9.95 else f"{thousands:.0f}K"


def _place(values: tuple[float, ...], value: float) -> float | None:
    """The index of a value between those of an ascending row; None outside it."""
    if not values[0] <= value <= values[-1]:
        return None
    after = next(i for i, v in enumerate(values) if v >= value)
    if values[after] == value:
        return float(after)
    before = values[after - 1]
    return round(after - 1 + (value - before) / (values[after] - before), 3)
