"""Mass flow: the probability of the leading tokens, and of all others by their fate, from stage to stage."""

import math

from playground.i18n import Translator
from playground.panels.figures.theme import Figure, axis, colour, cut_colour, layout, literal, rounded, tinted
from playground.views.mass_flow import Band, Column, MassFlow
from playground.views.notation import Unit, percent

_FLAT = 0.09  # half the width of a column
_SHADES = ("accent", "cool", "green", "warm", "hot")
_LINE = 0.062  # the height of a line of words
_ROOMY = 5  # columns: of more the heads are names alone, aslant; their numbers stand in the table of stages
_LEAST = 0.028  # a band thinner than this has no words of its own


def mass_flow_figure(view: MassFlow, t: Translator, unit: Unit) -> Figure:
    count = len(view.columns)
    tops = [1.0] * count
    data: list[Figure] = []
    x, y, words, inks = [], [], [], []
    ends: list[tuple[float, str, bool]] = []
    leading = 0
    for band in _from_the_top(view):
        bottoms = [top - mass for top, mass in zip(tops, band.masses, strict=True)]
        data.append(_area(band, tops, bottoms, _shade(band, view, leading), view, t))
        leading += band.token_id is not None
        middle = [(top + bottom) / 2 for top, bottom in zip(tops, bottoms, strict=True)]
        is_chosen = band.token_id == view.chosen_id
        if is_chosen or band.masses[-1] >= _LEAST:
            ends.append((middle[-1], _end(band, view, t), is_chosen))
        if band.token_id is None and band.removed_at and band.masses[band.removed_at - 1] >= 2 * _LEAST:
            at = band.removed_at - 1
            x.append(at - _FLAT)
            y.append(middle[at])
            words.append(t("chart.mass_flow.removed", share=percent(band.masses[at])))
            inks.append(colour("ink"))
        tops = bottoms
    below = math.inf
    for height, text, is_chosen in ends:  # words that would touch give way downwards
        below = min(height, below - _LINE)
        x.append(count - 1 + _FLAT)
        y.append(below)
        words.append(text)
        inks.append(colour("ink" if is_chosen else "muted"))
    data.append(
        {
            "type": "scatter", "mode": "text", "x": x, "y": rounded(y), "text": [f" {w}" for w in words],
            "textposition": "middle right", "textfont": {"size": 12.5, "color": inks}, "hoverinfo": "skip",
            "cliponaxis": False,
        }
    )  # fmt: skip
    last, is_roomy = view.columns[-1], count <= _ROOMY
    return {
        "data": data,
        "layout": layout(
            dragmode=False,
            margin={"l": 8, "r": 128, "t": 72 if is_roomy else 96, "b": 4},
            xaxis=axis(
                side="top", range=[-0.4, count - 1 + _FLAT], tickvals=list(range(count)), fixedrange=True,
                showgrid=False, ticktext=[_head(c, t, unit) if is_roomy else _name(c, t) for c in view.columns],
                tickangle=0 if is_roomy else -38, tickfont={"color": colour("muted"), "size": 12},
            ),
            yaxis=axis(range=[-0.01, 1.04], visible=False, fixedrange=True),
        ),
        "label": t(
            "chart.mass_flow.label", before=view.columns[0].tokens, after=last.tokens,
            entropy_before=unit.amount(view.columns[0].entropy), entropy_after=unit.amount(last.entropy),
            unit=unit.name,
        ),
    }  # fmt: skip


def _from_the_top(view: MassFlow) -> list[Band]:
    """The chosen token first, then the leading ones, the others that are left, and what goes: first to go lowest."""
    return sorted(
        view.bands,
        key=lambda b: (b.token_id != view.chosen_id, b.token_id is None, -(b.removed_at or math.inf)),
    )


def _shade(band: Band, view: MassFlow, place: int) -> str:
    if band.token_id == view.chosen_id:
        return colour("chosen")
    if band.removed_at is not None:
        return cut_colour(view.columns[band.removed_at].name or "")
    return colour("accent-soft" if band.token_id is None else _SHADES[place % len(_SHADES)])


def _area(band: Band, tops: list[float], bottoms: list[float], ink: str, view: MassFlow, t: Translator) -> Figure:
    xs, upper = _line(tops)
    _, lower = _line(bottoms)
    if band.label is not None:
        name = f"<b>{literal(band.label)}</b>"
    elif band.removed_at is not None:
        cut = t(f"parameter.{view.columns[band.removed_at].name}.short")
        name = t("chart.mass_flow.gone", tokens=band.tokens, cut=cut)
    else:
        name = t("chart.mass_flow.others", tokens=band.tokens)
    is_solid = band.token_id is not None and band.removed_at is None
    return {
        "type": "scatter", "mode": "lines", "x": rounded([*xs, *reversed(xs)]),
        "y": rounded([*upper, *reversed(lower)]), "fill": "toself", "fillcolor": ink,
        "line": {"width": 1, "color": colour("panel")}, "opacity": 1 if is_solid or band.removed_at is None else 0.62,
        "hoveron": "fills", "hoverinfo": "text",
        "text": f"{name}<br>{' → '.join(percent(m) for m in band.masses)}",
    }  # fmt: skip


def _line(heights: list[float]) -> tuple[list[float], list[float]]:
    """Flat at every column, an S between two."""
    xs: list[float] = []
    ys: list[float] = []
    for i, height in enumerate(heights):
        xs += [i - _FLAT, i + _FLAT]
        ys += [height, height]
        if i + 1 < len(heights):
            for k in range(1, 8):
                xs.append(i + _FLAT + (1 - 2 * _FLAT) * k / 8)
                ys.append(height + (heights[i + 1] - height) * (1 - math.cos(math.pi * k / 8)) / 2)
    return xs, ys


def _end(band: Band, view: MassFlow, t: Translator) -> str:
    share = percent(band.masses[-1])
    if band.label is None:
        return t("chart.mass_flow.end_others", tokens=band.tokens, share=share)
    words = f"{literal(band.label, 9)} {share}"
    return f"<b>{words}</b>" if band.token_id == view.chosen_id else words


def _name(column: Column, t: Translator) -> str:
    title = t("chart.mass_flow.model") if column.name is None else t(f"parameter.{column.name}.short")
    return tinted(f"<b>{title}</b>", "ink")


def _head(column: Column, t: Translator, unit: Unit) -> str:
    after = unit.amount(column.entropy)
    if column.name is None:
        lines = [f"{after} {unit.name}", t("chart.mass_flow.tokens", tokens=column.tokens), ""]
    else:
        taken = t("chart.mass_flow.took", tokens=column.removed_tokens) if column.removed_tokens else ""
        mass = t("chart.mass_flow.took_mass", mass=percent(column.removed_mass)) if column.removed_tokens else ""
        lines = [t("chart.mass_flow.entropy", before=unit.amount(column.entropy_before), after=after), taken, mass]
    return "<br>".join([_name(column, t), *lines])
