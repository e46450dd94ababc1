"""How often texts took each token at one place, beside how often that was to be expected."""

import math

from playground.i18n import Translator
from playground.panels.figures.theme import MONOSPACE, Figure, axis, colour, layout, literal, rounded, titled
from playground.views.notation import percent
from playground.views.token_histogram import TokenHistogram

SIGMAS = 1.96  # 95 of 100 draws stay within so many standard deviations


def histogram_figure(found: TokenHistogram, tint: str, t: Translator) -> Figure:
    """Bars of the share that was drawn; a mark at the exact probability, with the range in which 95 % of such draws
    lie (of the binomial's normal approximation)."""
    bars, draws = found.bars, found.draws
    exact = [bar.expected / draws for bar in bars]
    margins = [SIGMAS * math.sqrt(p * (1 - p) / draws) for p in exact]
    top = max(*(bar.count / draws for bar in bars), *(p + m for p, m in zip(exact, margins, strict=True))) * 1.08
    rows = list(range(len(bars)))
    hover = [
        t("compare.histogram.hover", token=literal(bar.label, 24), count=bar.count, draws=draws, exact=percent(p))
        for bar, p in zip(bars, exact, strict=True)
    ]
    return {
        "data": [
            {
                "type": "bar", "orientation": "h", "y": rows, "x": rounded(bar.count / draws for bar in bars),
                "width": 0.62, "marker": {"color": colour(tint), "opacity": 0.8}, "text": hover,
                "textposition": "none", "hovertemplate": "%{text}<extra></extra>",
            },
            {
                "type": "scatter", "mode": "markers", "y": rows, "x": rounded(exact), "hoverinfo": "skip",
                "marker": {"symbol": "diamond", "size": 9, "color": colour("ink"),
                           "line": {"color": colour("panel"), "width": 1.5}},
                "error_x": {"type": "data", "array": rounded(margins), "color": colour("ink"), "thickness": 1.6,
                            "width": 5},
            },
        ],
        "layout": layout(
            dragmode=False,
            margin={"l": 96, "r": 14, "t": 6, "b": 40},
            xaxis=titled(t("compare.histogram.axis"), range=[0, top], fixedrange=True, tickformat=".0%", nticks=6),
            yaxis=axis(
                range=[len(bars) - 0.4, -0.6], fixedrange=True, showgrid=False, tickvals=rows,
                ticktext=[literal(bar.label, 11) for bar in bars],
                tickfont={"family": MONOSPACE, "size": 13, "color": colour("ink")},
            ),
        ),
        "label": t(
            "compare.histogram.label",
            bars=t.listed([
                t("compare.histogram.said", token=bar.label, share=percent(bar.count / draws), exact=percent(p))
                for bar, p in list(zip(bars, exact, strict=True))[:3]
            ]),
        ),
    }  # fmt: skip
