"""Surprisal along the texts of a comparison: one line a lane, in its colour; the step on show marked."""

from collections.abc import Sequence

from playground.i18n import Translator
from playground.panels.figures.theme import Figure, colour, layout, literal, rounded, tinted, titled
from playground.views.notation import significant
from playground.views.surprisals import Surprisals


def surprisal_figure(
    lines: Sequence[tuple[int, str, str, Surprisals]], at: int | None, t: Translator
) -> Figure:  # fmt: skip
    """From (row of the page, name, colour, surprisals) of each lane, by token or by character; `at` is the token from
    0, or the character from 1. customdata is [row, index of the token]."""
    longest = max(line.places[-1] for *_, line in lines)
    by_character = any(line.begins for *_, line in lines)
    axis = t("compare.surprisal.axis.character") if by_character else t("compare.surprisal.axis")
    marked_at = None if at is None else at if by_character else at + 1
    top = max(1.0, *(max(line.nats) for *_, line in lines)) * (1.06 + 0.09 * len(lines))  # room for the legend
    data = [
        {
            "type": "scatter", "mode": "lines+markers", "x": list(line.places),
            "y": rounded(line.nats), "name": literal(name, 24), "line": {"color": colour(tint), "width": 1.6},
            "marker": {"size": 5, "color": colour(tint)}, "customdata": [[place, i] for i in range(len(line.nats))],
            "text": [literal(label, 20) for label in line.labels],
            "hovertemplate": t("compare.surprisal.hover"),
        }
        for place, name, tint, line in lines
    ]  # fmt: skip
    means = [
        t("compare.surprisal.mean", name=literal(name, 24), nats=significant(line.mean)) for _, name, _, line in lines
    ]
    legend = [f"{tinted('●', tint)} {words}" for words, (_, _, tint, _) in zip(means, lines, strict=True)]
    marked = {"type": "rect", "yref": "paper", "y0": 0, "y1": 1, "line": {"width": 0}, "layer": "below"}
    shapes = []
    if marked_at is not None:
        shapes = [marked | {"x0": marked_at - 0.5, "x1": marked_at + 0.5, "fillcolor": colour("accent-pale")}]
    return {
        "data": data,
        "layout": layout(
            dragmode=False,
            hovermode="closest",
            showlegend=False,
            margin={"l": 40, "r": 12, "t": 10, "b": 40},
            shapes=shapes,
            xaxis=titled(
                axis, showgrid=False, fixedrange=True, range=[0.4, max(8, longest) + 0.6],
                tickformat="d", nticks=12,
            ),
            yaxis=titled("", range=[0, top], fixedrange=True, nticks=6),
            annotations=[
                {
                    "xref": "paper", "yref": "paper", "x": 0.01, "y": 1, "xanchor": "left", "yanchor": "top",
                    "align": "left", "showarrow": False, "text": "<br>".join(legend),
                    "font": {"color": colour("ink"), "size": 12.5}, "bgcolor": colour("panel"), "borderpad": 2,
                }
            ],
        ),
        "label": t("compare.surprisal.label", means=t.listed(means)),
    }  # fmt: skip
