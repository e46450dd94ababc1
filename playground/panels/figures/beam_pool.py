"""The finished pool on a line of scores: what has ended, the worst of it, and what a running beam could still reach."""

from playground.i18n import Translator
from playground.panels.figures.theme import Figure, colour, layout, literal, rounded, sequence_colour, titled
from playground.views.beam_pool import Pool


def beam_pool_figure(view: Pool, texts: list[str], colours: list[int | None], t: Translator) -> Figure:
    """`texts`: of the finished sequences, best first, for the hover; `colours`: theirs, the same as in the tree."""
    scores = view.values
    lines = []
    if view.worst is not None:
        lines.append((view.worst, "ink", "solid", t("beam.pool.worst", score=_score(view.worst))))
    if view.best_possible is not None:
        lines.append((view.best_possible, "muted", "dash", t("beam.pool.reach", score=_score(view.best_possible))))
    lines.sort()
    bounds = _bounds([*scores, *(x for x, *_ in lines)], [x for x, *_ in lines])
    heights = (0.97, 0.72)[: len(lines)]  # the left one is the higher: neither crosses the other's label
    middle = (bounds[0] + bounds[1]) / 2
    axis = t("beam.pool.axis_perturbed" if view.is_perturbed else "beam.pool.axis")
    return {
        "data": [
            {
                "type": "scatter", "mode": "markers", "x": rounded(scores), "y": [0.2] * len(scores),
                "marker": {
                    "size": [17] + [12] * (len(scores) - 1) if scores else [],
                    "color": [sequence_colour(number) for number in colours],
                    "line": {"color": colour("panel"), "width": 2},
                },
                "text": [literal(text, 60) for text in texts], "hovertemplate": t("beam.pool.hover"),
            },
        ],
        "layout": layout(
            margin={"l": 12, "r": 12, "t": 6, "b": 38}, dragmode=False,
            xaxis=titled(axis, range=bounds, fixedrange=True, nticks=6),
            yaxis=titled("", range=[0, 1.08], fixedrange=True, visible=False),
            shapes=[
                {
                    "type": "line", "x0": x, "x1": x, "y0": 0, "y1": height - 0.07,
                    "line": {"color": colour(name), "width": 3, "dash": dash},
                }
                for (x, name, dash, _), height in zip(lines, heights, strict=True)
            ],
            annotations=[
                {
                    "x": x, "y": height, "showarrow": False, "text": text, "yanchor": "middle",
                    "xanchor": "right" if x > middle and height == heights[0] else "left",
                    "font": {"color": colour("ink"), "size": 14}, "bgcolor": colour("panel"),
                }
                for (x, name, _, text), height in zip(lines, heights, strict=True)
            ],
        ),
        "label": t("beam.pool.label", finished=len(scores), size=view.size),
    }  # fmt: skip


def _bounds(marks: list[float], lines: list[float]) -> list[float]:
    """The range of the axis: with some air, and with room to the right of two lines for the second one's label."""
    low, high = (min(marks), max(marks)) if marks else (-1.0, 0.0)
    spare = max((high - low) * 0.15, abs(high) * 0.03, 0.02)
    low, high = low - spare, high + spare
    if len(lines) == 2:
        high = max(high, low + (max(lines) - low) / 0.52)
    return [low, high]


def _score(value: float) -> str:
    return f"{value:.3f}".replace("-", "−")
