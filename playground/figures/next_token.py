"""Bars of the next token: the model outlined, what the settings make of it filled, the removed greyed but there."""

from playground.figures.theme import MONOSPACE, Figure, axis, colour, cut_colour, layout, literal, rounded
from playground.i18n import Translator
from playground.views.next_token import Candidate, NextToken
from playground.views.notation import percent

_LABEL_WIDTH = 7.9  # pixels of one monospace character at size 13


def next_token_figure(view: NextToken, t: Translator) -> Figure:
    """Rows from the top: candidates by rank (the chosen one always), then the rest. customdata is the token id."""
    rows = list(view.candidates)
    count = len(rows)
    positions = [float(-i) for i in range(count)]
    widest = max([c.probability for c in rows] + [c.final_probability for c in rows])
    rest = view.rest
    scale = max(widest, 1e-9)
    rest_row = -count - 0.35
    labels = [literal(c.label, 14) for c in rows]
    span = scale * 1.62  # room for the numbers beside the longest bar
    hover = [_hover(c, t) for c in rows]
    data = [
        {  # the whole row is a target for the pointer, however short the bar
            "type": "bar", "orientation": "h", "y": positions, "x": [span] * count, "width": 1,
            "marker": {"color": colour("clear")}, "customdata": [c.token_id for c in rows],
            "hovertext": hover, "hoverinfo": "text",
        },
        {
            "type": "bar", "orientation": "h", "y": positions, "x": rounded(c.final_probability for c in rows),
            "width": 0.74, "marker": {"color": [_fill(c, view) for c in rows]}, "hoverinfo": "skip",
        },
        {
            "type": "bar", "orientation": "h", "y": positions, "x": rounded(c.probability for c in rows), "width": 0.74,
            "marker": {
                "color": [_ghost(c) for c in rows],
                "line": {"width": 1.2, "color": [_outline(c, view) for c in rows]},
            },
            "hoverinfo": "skip",
        },
        {  # no bar: a length would not compare with those above, of single tokens
            "type": "bar", "orientation": "h", "y": [rest_row], "x": [span], "width": 0.9,
            "marker": {"color": colour("raised")},
            "hovertext": [t("chart.next_token.rest_hover", tokens=rest.tokens, probability=percent(rest.probability),
                            final=percent(rest.final_probability))],
            "hoverinfo": "text",
        },
    ]  # fmt: skip
    share, final = percent(rest.probability), percent(rest.final_probability)
    words = t(
        "chart.next_token.rest", tokens=rest.tokens, probability=share if share == final else f"{share} → {final}"
    )
    data.append(
        {
            "type": "scatter", "mode": "text", "hoverinfo": "skip", "textposition": "middle right", "cliponaxis": False,
            "x": [*rounded(max(c.probability, c.final_probability) for c in rows), 0], "y": [*positions, rest_row],
            "text": [*(f" {_numbers(c, t)}" for c in rows), f" {words}"],
            "textfont": {"size": 12.5, "color": [*(_ink(c, view) for c in rows), colour("muted")]},
        }
    )  # fmt: skip
    widest_label = max(6, *(min(14, len(c.label)) for c in rows))
    ticks = [
        f"<b>{label}</b>" if c.token_id == view.chosen_id else label for c, label in zip(rows, labels, strict=True)
    ]
    top = rows[0]
    return {
        "data": data,
        "layout": layout(
            barmode="overlay",
            dragmode=False,
            margin={"l": 14 + round(_LABEL_WIDTH * widest_label), "r": 6, "t": 2, "b": 2},
            xaxis=axis(range=[0, span], visible=False, fixedrange=True),
            yaxis=axis(
                range=[rest_row - 0.6, 0.6], fixedrange=True, showgrid=False, tickvals=[*positions, rest_row],
                ticktext=[*ticks, t("chart.next_token.rest_name")],
                tickfont={"family": MONOSPACE, "size": 13, "color": colour("ink")},
            ),
        ),
        "label": t(
            "chart.next_token.label", token=top.label, probability=percent(top.probability),
            kept=view.tokens_kept, vocab_size=view.vocab_size,
        ),
    }  # fmt: skip


def _fill(candidate: Candidate, view: NextToken) -> str:
    return colour("chosen" if candidate.token_id == view.chosen_id else "accent")


def _ink(candidate: Candidate, view: NextToken) -> str:
    return colour("ink" if candidate.token_id == view.chosen_id else "muted")


def _outline(candidate: Candidate, view: NextToken) -> str:
    if candidate.removed_by:
        return cut_colour(candidate.removed_by)
    return colour("ink")


def _ghost(candidate: Candidate) -> str:
    return colour("raised" if candidate.removed_by else "clear")


def _numbers(candidate: Candidate, t: Translator) -> str:
    raw = percent(candidate.probability)
    if candidate.removed_by:
        return t("chart.next_token.removed", raw=raw, by=t(f"parameter.{candidate.removed_by}.short"))
    final = percent(candidate.final_probability)
    return raw if raw == final else f"{raw} → {final}"


def _hover(candidate: Candidate, t: Translator) -> str:
    return t(
        "chart.next_token.hover",
        token=literal(candidate.label),
        token_id=candidate.token_id,
        rank=candidate.rank,
        logit=f"{candidate.logit:.3f}",
        probability=percent(candidate.probability),
        final=percent(candidate.final_probability),
    )
