"""Rank by length penalty: a line for each finished sequence, the winner on top, a mark where the winner changes."""

from playground.i18n import Translator
from playground.panels.figures.theme import Figure, colour, layout, literal, sequence_colour, titled
from playground.views.beam_length_penalty import HIGHEST, LOWEST, Finished, Flip, Ranking

_ROWS = 6


def beam_length_penalty_figure(
    over: tuple[Ranking, ...], found: tuple[Flip, ...], now: Ranking, labels: dict[Finished, str],
    colours: dict[Finished, int | None], t: Translator,
) -> Figure:  # fmt: skip
    """`over`: the rankings along α. `colours`: as in the tree. `now`'s winner has the widest line."""
    height = _height(over)
    data = []
    for one in drawn(over, now):
        ranks = [r.order.index(one) + 1 if one in r.order[:height] else None for r in over]
        if any(ranks):
            data.append(
                {
                    "type": "scatter", "mode": "lines", "x": [r.alpha for r in over], "y": ranks,
                    "line": {
                        "color": sequence_colour(colours[one]), "shape": "hvh",
                        "width": 6 if one == next(iter(now.order), None) else 3,
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
    shapes += [_line(flip.alpha, "ink", "dot", 1.5) for flip in found]
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
                    "text": f"{flip.alpha:.2f}".replace("-", "−"), "font": {"color": colour("ink"), "size": 12},
                }
                for flip in found[:8]
            ],
        ),
        "label": t("beam.alpha.label_winner", winner=winner, flips=len(found)),
    }  # fmt: skip


def drawn(over: tuple[Ranking, ...], now: Ranking) -> list[Finished]:
    """The sequences that have a line: `now`'s first, then whatever comes near the top under another α."""
    return list(dict.fromkeys([*now.order, *(f for ranking in over for f in ranking.order[: _height(over)])]))


def _height(over: tuple[Ranking, ...]) -> int:
    return max(2, min(_ROWS, max((len(r.order) for r in over), default=1)))


def _line(x: float, name: str, dash: str, width: float) -> dict[str, object]:
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
