"""The race: a bar a token of probability divided by its random number; over it one bar of everybody's chances."""

from playground.i18n import Translator
from playground.panels.figures.theme import MONOSPACE, Figure, axis, colour, layout, literal, rounded
from playground.views.notation import percent, significant
from playground.views.race import Race

_LABEL_WIDTH = 7.9  # pixels of one monospace character at size 13
_LONGEST = 12
_BAR = 42  # characters that fit on the whole bar of chances
_SHADES = ("accent", "cool", "green", "warm", "hot")


def race_figure(view: Race, t: Translator) -> Figure:
    racers = view.racers
    count = len(racers)
    rows = [float(-i) for i in range(count)]
    top = view.winner.quotient
    span = top * 2.35  # room for the division beside the longest bar
    labels = [literal(r.label, _LONGEST) for r in racers]
    division = [
        t(
            "chart.race.division", probability=percent(r.probability), noise=significant(r.noise),
            quotient=significant(r.quotient),
        )
        for r in racers
    ]  # fmt: skip
    hover = [
        t(
            "chart.race.hover", token=literal(r.label), place=place, probability=percent(r.probability),
            noise=f"{r.noise:.6g}", quotient=f"{r.quotient:.6g}",
        )
        for r, place in zip(racers, view.places, strict=True)
    ]  # fmt: skip
    data = [
        {
            "type": "bar", "orientation": "h", "y": rows, "x": [span] * count, "width": 1,
            "marker": {"color": colour("clear")}, "hovertext": hover, "hoverinfo": "text",
        },
        {
            "type": "bar", "orientation": "h", "y": rows, "x": rounded(r.quotient for r in racers), "width": 0.68,
            "marker": {"color": [colour("chosen" if i == 0 else "accent") for i in range(count)]}, "hoverinfo": "skip",
        },
        {
            "type": "scatter", "mode": "text", "hoverinfo": "skip", "textposition": "middle right", "cliponaxis": False,
            "x": rounded(r.quotient for r in racers), "y": rows,
            "text": [f" <b>{words}</b>" if i == 0 else f" {words}" for i, words in enumerate(division)],
            "textfont": {"size": 12, "color": [colour("ink" if i == 0 else "muted") for i in range(count)]},
        },
    ]  # fmt: skip
    left, row = 0.0, 1.55
    for i, (label, share, token_id) in enumerate(view.shares):
        shown = literal(label, int(share * _BAR)) if share * _BAR >= min(3, len(label)) else ""
        data.append(_share(left, share, row, token_id == view.winner.token_id, i, shown, label, span, t))
        left += share
    others = max(0.0, 1 - left)
    if others > 1e-4:
        words = t("chart.race.others", tokens=view.runners - len(view.shares))
        part = _share(left, others, row, False, -1, words if others > 0.2 else "", words, span, t)
        data.append(part)
    ticks = [f"<b>{label}</b>" if i == 0 else label for i, label in enumerate(labels)]
    return {
        "data": data,
        "layout": layout(
            barmode="overlay",
            dragmode=False,
            margin={"l": 14 + round(_LABEL_WIDTH * max(8, *(min(_LONGEST, len(r.label)) for r in racers))), "r": 8,
                    "t": 2, "b": 2},
            xaxis=axis(range=[0, span], visible=False, fixedrange=True),
            yaxis=axis(
                range=[-count + 0.4, row + 0.65], fixedrange=True, showgrid=False, tickvals=[row, *rows],
                ticktext=[t("chart.race.chances"), *ticks],
                tickfont={"family": MONOSPACE, "size": 13, "color": colour("ink")},
            ),
        ),
        "label": t(
            "chart.race.label", token=view.winner.label, quotient=significant(view.winner.quotient),
            runners=view.runners,
        ),
    }  # fmt: skip


def _share(
    left: float, share: float, row: float, is_winner: bool, place: int, words: str, label: str, span: float,
    t: Translator,
) -> Figure:  # fmt: skip
    name = "chosen" if is_winner else "raised" if place < 0 else _SHADES[place % len(_SHADES)]
    ink = colour("on-chosen" if is_winner else "muted" if place < 0 else "ink")
    return {
        "type": "bar", "orientation": "h", "y": [row], "base": [left * span], "x": [share * span], "width": 0.8,
        "marker": {"color": colour(name), "line": {"width": 1, "color": colour("panel")},
                   "opacity": 1 if is_winner or place < 0 else 0.55},
        "text": [words], "textposition": "inside", "insidetextanchor": "middle", "textangle": 0,
        "constraintext": "none",
        "textfont": {"size": 12, "family": MONOSPACE, "color": ink},
        "hovertext": [t("chart.race.chance_hover", token=literal(label), probability=percent(share))],
        "hoverinfo": "text",
    }  # fmt: skip
