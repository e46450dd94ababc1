"""The finished pool on a line of scores: what has ended, the worst of it, and what a running beam could still reach."""

from playground.figures.theme import Figure, colour, layout, literal, rounded, titled
from playground.i18n import Translator
from playground.views.beam_pool import Pool


def beam_pool_figure(view: Pool, texts: list[str], t: Translator) -> Figure:
    """`texts`: of the finished sequences, best first, for the hover."""
    scores = [h.score for h in view.finished]
    marks = [*scores, *([view.best_possible] if view.best_possible is not None else [])]
    low, high = (min(marks), max(marks)) if marks else (-1.0, 0.0)
    spare = max((high - low) * 0.18, abs(high) * 0.03, 0.02)
    bounds = [low - spare, high + spare]
    lines = []
    if view.worst is not None:
        lines.append((view.worst, "hot", "solid", 0.96, t("beam.pool.worst", score=_score(view.worst))))
    if view.best_possible is not None:
        text = t("beam.pool.reach", score=_score(view.best_possible))
        lines.append((view.best_possible, "accent", "dash", 0.74, text))
    return {
        "data": [
            {
                "type": "scatter", "mode": "markers", "x": rounded(scores), "y": [0.2] * len(scores),
                "marker": {
                    "size": [15] + [12] * (len(scores) - 1) if scores else [],
                    "color": [colour("chosen")] + [colour("green")] * (len(scores) - 1) if scores else [],
                    "line": {"color": colour("panel"), "width": 2},
                },
                "text": [literal(text, 60) for text in texts], "hovertemplate": t("beam.pool.hover"),
            },
        ],
        "layout": layout(
            margin={"l": 12, "r": 12, "t": 6, "b": 38}, dragmode=False,
            xaxis=titled(t("beam.pool.axis"), range=bounds, fixedrange=True, nticks=6),
            yaxis=titled("", range=[0, 1.08], fixedrange=True, visible=False),
            shapes=[
                {
                    "type": "line", "x0": x, "x1": x, "y0": 0, "y1": height - 0.07,
                    "line": {"color": colour(name), "width": 3, "dash": dash},
                }
                for x, name, dash, height, _ in lines
            ],
            annotations=[
                {
                    "x": x, "y": height, "showarrow": False, "text": text, "yanchor": "middle",
                    "xanchor": "right" if x > (low + high) / 2 else "left",
                    "font": {"color": colour(name), "size": 14}, "bgcolor": colour("panel"),
                }
                for x, name, _, height, text in lines
            ],
        ),
        "label": t("beam.pool.label", finished=len(scores), size=view.size),
    }  # fmt: skip


def _score(value: float) -> str:
    return f"{value:.3f}".replace("-", "−")
