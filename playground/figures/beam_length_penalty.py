"""Rank by length penalty: a line for each finished sequence, the winner on top, a mark where the winner changes."""

from playground.figures.theme import Figure, colour, layout, literal, titled
from playground.i18n import Translator
from playground.views.beam_length_penalty import HIGHEST, LOWEST, Finished, Flip, Ranking

_LINES = ("chosen", "accent", "green", "warm", "hot", "cool", "cut-typical-p")
_ROWS = 6


def beam_length_penalty_figure(
    over: tuple[Ranking, ...], found: tuple[Flip, ...], now: Ranking, labels: dict[Finished, str], t: Translator
) -> Figure:
    """`over`: the rankings along α. The colours are those of `now`'s order, the winner's first."""
    known = list(dict.fromkeys([*now.order, *(f for ranking in over for f in ranking.order[:_ROWS])]))
    height = max(2, min(_ROWS, max((len(r.order) for r in over), default=1)))
    data = []
    for place, one in enumerate(known):
        ranks = [r.order.index(one) + 1 if one in r.order[:height] else None for r in over]
        if any(ranks):
            data.append(
                {
                    "type": "scatter", "mode": "lines", "x": [r.alpha for r in over], "y": ranks,
                    "line": {
                        "color": colour(_LINES[place] if place < len(_LINES) else "muted"), "shape": "hvh",
                        "width": 6 if place == 0 else 3,
                    },
                    "name": literal(labels[one], 40), "connectgaps": False,
                    "hovertemplate": t("beam.alpha.hover", length=len(one.token_ids)),
                }
            )  # fmt: skip
    shapes = [
        {
            "type": "rect", "x0": low, "x1": high, "y0": 0, "y1": 1, "yref": "paper", "line": {"width": 0},
            "fillcolor": colour("raised"), "layer": "below",
        }
        for low, high in _inexact(over)
    ]  # fmt: skip
    shapes += [_line(flip.alpha, "hot", "dot", 2) for flip in found]
    shapes.append(_line(now.alpha, "ink", "solid", 2))
    winner = labels.get(now.order[0], "") if now.order else ""
    return {
        "data": data,
        "layout": layout(
            margin={"l": 40, "r": 12, "t": 22, "b": 40}, dragmode=False,
            xaxis=titled(t("beam.alpha.axis"), range=[LOWEST, HIGHEST], fixedrange=True, dtick=1),
            yaxis=titled(t("beam.alpha.rank"), range=[height + 0.5, 0.5], fixedrange=True, dtick=1, tickformat="d"),
            shapes=shapes,
            annotations=[
                {
                    "x": flip.alpha, "y": 1, "yref": "paper", "yanchor": "bottom", "showarrow": False,
                    "text": f"{flip.alpha:.2f}".replace("-", "−"), "font": {"color": colour("hot"), "size": 12},
                }
                for flip in found[:8]
            ],
        ),
        "label": t("beam.alpha.label_winner", winner=winner, flips=len(found)),
    }  # fmt: skip


def empty_figure() -> Figure:
    """No picture, where there is no length penalty."""
    return {"data": [], "layout": layout(xaxis={"visible": False}, yaxis={"visible": False})}


def _line(x: float, name: str, dash: str, width: int) -> dict[str, object]:
    line = {"color": colour(name), "width": width, "dash": dash}
    return {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper", "line": line}


def _inexact(over: tuple[Ranking, ...]) -> list[tuple[float, float]]:
    """Where a run of its own would be needed: stretches of α."""
    found: list[tuple[float, float]] = []
    for ranking in over:
        if ranking.is_exact:
            continue
        low, high = ranking.alpha - 0.025, ranking.alpha + 0.025
        if found and found[-1][1] >= low - 1e-6:
            found[-1] = (found[-1][0], high)
        else:
            found.append((low, high))
    return found
