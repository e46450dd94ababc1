"""Two models along a text: how far apart at each place, and how much more probable the text became to the second."""

from playground.i18n import Translator
from playground.panels.figures.theme import Figure, colour, layout, literal, rounded, tinted, titled
from playground.views.lockstep import Lockstep
from playground.views.notation import significant


def lockstep_figure(view: Lockstep, at: int, names: tuple[str, str], t: Translator) -> Figure:
    """KL as bars (left axis), the summed log-likelihood ratio as a line (right axis); the place on show marked. Where
    there is no KL, each place's own ratio as bars. customdata is the token's index."""
    places = view.places
    x, labels = [place.index for place in places], [literal(place.label, 20) for place in places]
    heights = [place.ratio if place.kl is None else place.kl for place in places]
    kind = "kl" if view.is_one else "own"
    bars = {
        "type": "bar", "x": x, "y": rounded(heights), "customdata": x, "text": labels,
        "textposition": "none", "marker": {"color": colour("accent")}, "width": 0.7,
        "hovertemplate": t(f"lockstep.chart.hover_{kind}"),
    }  # fmt: skip
    ratio = {
        "type": "scatter", "mode": "lines+markers", "x": x, "y": rounded(place.total for place in places),
        "yaxis": "y2", "customdata": x, "text": labels, "line": {"color": colour("hot"), "width": 2},
        "marker": {"size": 4},
        "hovertemplate": t("lockstep.chart.hover_ratio"),
    }  # fmt: skip
    most = max(0.1, *map(abs, heights)) * 1.35
    least = 0 if view.is_one else -most
    furthest = max(1.0, *(abs(place.total) for place in places)) * 1.35
    axis = t("lockstep.chart.axis" if view.is_one else "lockstep.chart.pieces")
    first, second = (literal(name, 24) for name in names)
    legend = [
        f"{tinted('■', 'accent')} {t(f'lockstep.chart.{kind}')}",
        f"{tinted('●', 'hot')} {t('lockstep.chart.ratio', first=first, second=second)}",
    ]
    return {
        "data": [bars, ratio],
        "layout": layout(
            dragmode=False,
            margin={"l": 44, "r": 44, "t": 10, "b": 40},
            shapes=[
                {"type": "rect", "yref": "paper", "y0": 0, "y1": 1, "line": {"width": 0}, "layer": "below",
                 "x0": at - 0.5, "x1": at + 0.5, "fillcolor": colour("accent-pale")},
            ],
            xaxis=titled(
                axis, showgrid=False, fixedrange=True, range=[0.4, x[-1] + 0.6], tickformat="d",
                nticks=12,
            ),
            yaxis=titled("", range=[least, most], fixedrange=True, nticks=6),
            yaxis2=titled(
                "", overlaying="y", side="right", range=[-furthest, furthest], fixedrange=True, showgrid=False,
                tickmode="auto", nticks=6, zeroline=True, zerolinecolor=colour("muted"),
            ),
            annotations=[
                {
                    "xref": "paper", "yref": "paper", "x": 0.01, "y": 1, "xanchor": "left", "yanchor": "top",
                    "align": "left", "showarrow": False, "text": "<br>".join(legend),
                    "font": {"color": colour("ink"), "size": 12.5}, "bgcolor": colour("panel"), "borderpad": 2,
                }
            ],
        ),
        "label": t(
            "lockstep.chart.label" if view.is_one else "lockstep.chart.label_pieces", places=len(places),
            kl=significant(view.mean_kl), total=significant(view.total),
        ),
    }  # fmt: skip
