"""Probability over rank, the mass reached, a line where each truncation cuts, the kept side shaded."""

import math

from playground.i18n import Translator
from playground.panels.figures.theme import Figure, colour, cut_colour, layout, rounded, titled
from playground.views.cutoffs import Cut, Cutoffs
from playground.views.notation import percent, shorter

LOWEST = 1e-9  # probability on the axis


def cutoffs_figure(view: Cutoffs, t: Translator) -> Figure:
    last = view.ranks[-1]
    floor = max(LOWEST, min(view.probabilities))
    low, high = 0.8, last * 1.25
    data = [
        {
            "type": "scatter", "mode": "lines", "x": list(view.ranks), "y": rounded(view.probabilities),
            "line": {"color": colour("accent"), "width": 2.4}, "hovertemplate": t("chart.cutoffs.hover"),
        },
        {
            "type": "scatter", "mode": "lines", "x": list(view.ranks), "y": rounded(view.cumulative),
            "line": {"color": colour("green"), "width": 2, "dash": "dot"},
            "hovertemplate": t("chart.cutoffs.cumulative_hover"),
        },
    ]  # fmt: skip
    shapes: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    if view.cuts:
        kept = view.cuts[-1]
        shapes.append(
            {
                "type": "rect", "layer": "below", "xref": "x", "yref": "paper", "y0": 0, "y1": 1,
                "x0": low if kept.first_rank == 1 else kept.first_rank - 0.3, "x1": kept.last_rank + 0.3,
                "fillcolor": colour("accent-pale"), "line": {"width": 0},
            }
        )  # fmt: skip
    for i, cut in enumerate(view.cuts):
        annotations.append(_cut_note(cut, i, low, high, t))
        if not cut.is_known:
            continue
        shapes.append(
            {
                "type": "line", "xref": "x", "yref": "paper", "x0": cut.last_rank + 0.3, "x1": cut.last_rank + 0.3,
                "y0": 0, "y1": 1, "line": {"color": cut_colour(cut.name), "width": 2.4},
            }
        )  # fmt: skip
    if view.beyond:
        annotations.append(_beyond_note(view, t))
    elif not view.cuts:
        annotations.append(
            {
                "xref": "paper", "yref": "paper", "x": 0.03, "y": 0.05, "xanchor": "left", "showarrow": False,
                "text": t("chart.cutoffs.nothing_cut", tokens=last), "font": {"color": colour("muted"), "size": 13},
            }
        )  # fmt: skip
    for values, name, ink, anchor in (
        (view.cumulative, t("chart.cutoffs.cumulative"), "good", "left"),
        (view.probabilities, t("chart.cutoffs.probability"), "accent", "right"),
    ):
        annotations.append(_curve_note(view, values, floor, name, ink, anchor))
    ticks = [10.0**k for k in range(-9, 1) if 10.0**k >= floor / 3]
    return {
        "data": data,
        "layout": layout(
            margin={"l": 58, "r": 20, "t": 10, "b": 40},
            dragmode="zoom",
            xaxis=titled(t("chart.cutoffs.rank"), type="log", range=_log_range(low, high), dtick=1),
            yaxis=titled(
                "", type="log", range=_log_range(floor / 2, 1.6), tickvals=ticks, ticktext=[power(v) for v in ticks]
            ),
            shapes=shapes,
            annotations=annotations,
        ),
        "label": _label(view, t),
    }


def _label(view: Cutoffs, t: Translator) -> str:
    if view.beyond and not view.cuts:
        return beyond(view, t)
    if not view.cuts:
        return t("chart.cutoffs.label_nothing", tokens=view.ranks[-1])
    cuts = t("chart.cutoffs.label", cuts="; ".join(_cut_words(cut, t) for cut in view.cuts))
    return f"{cuts} {beyond(view, t)}" if view.beyond else cuts


def _cut_words(cut: Cut, t: Translator) -> str:
    key = "chart.cutoffs.cut" if cut.is_known else "chart.cutoffs.cut_beyond"
    return t(key, name=t(f"parameter.{cut.name}.short"), value=shorter(cut.value), kept=cut.kept)


def beyond(view: Cutoffs, t: Translator) -> str:
    """Where the curve of a partial row ends, and what lies beyond."""
    least, most = (percent(share) for share in view.beyond or (0.0, 0.0))
    share = least if least == most else f"{least} – {most}"
    return t("chart.cutoffs.beyond", rank=view.ranks[-1], share=share)


def _beyond_note(view: Cutoffs, t: Translator) -> dict[str, object]:
    return {
        "xref": "paper", "yref": "paper", "x": 0.98, "y": 0.98, "xanchor": "right", "yanchor": "top",
        "showarrow": False, "text": beyond(view, t), "font": {"color": colour("muted"), "size": 13},
        "bgcolor": colour("panel"), "borderpad": 2,
    }  # fmt: skip


def _cut_note(cut: Cut, row: int, low: float, high: float, t: Translator) -> dict[str, object]:
    middle = (low * high) ** 0.5
    right = cut.last_rank < middle
    return {
        "x": math.log10(cut.last_rank + 0.3), "xref": "x", "yref": "paper", "y": 0.03 + 0.09 * row,
        "xanchor": "left" if right else "right", "yanchor": "bottom", "showarrow": False, "xshift": 5 if right else -5,
        "text": _cut_words(cut, t),
        "font": {"color": colour("ink"), "size": 13}, "bgcolor": colour("panel"), "borderpad": 2,
    }  # fmt: skip


def _curve_note(
    view: Cutoffs, values: tuple[float, ...], floor: float, text: str, ink: str, anchor: str
) -> dict[str, object]:
    """The name of a curve, below it and where it can't meet it: left of a falling one, right of a rising one; above
    the axis, where the curve has fallen to it."""
    at = round(0.5 * (len(values) - 1))
    is_low = values[at] < 10 * LOWEST
    return {
        "x": math.log10(view.ranks[at]), "y": math.log10(max(values[at], floor)), "xref": "x", "yref": "y",
        "text": text, "showarrow": False, "xanchor": "left" if is_low else anchor,
        "yanchor": "bottom" if is_low else "top", "xshift": -4 if anchor == "right" else 4,
        "yshift": 8 if is_low else -3, "font": {"color": colour(ink), "size": 13},
    }  # fmt: skip


def power(value: float) -> str:
    """Example: 0.001 -> "0.1 %", 1e-6 -> "10⁻⁶"."""
    exponent = round(math.log10(value))
    return f"{100 * value:g} %" if exponent >= -4 else f"10⁻{'⁰¹²³⁴⁵⁶⁷⁸⁹'[-exponent]}"


def _log_range(low: float, high: float) -> list[float]:
    return [math.log10(low), math.log10(high)]
