"""How far back a head looks: the mean weight at each distance, beside the average of its layer."""

from collections.abc import Sequence

from playground.i18n import Translator
from playground.panels.figures.theme import Figure, axis, colour, layout, rounded, titled
from playground.views.notation import significant

_FARTHEST = 64  # tokens back: beyond that there is little to see


def distance_figure(head: Sequence[float], layer: Sequence[float], t: Translator) -> Figure:
    """The mean weight at each distance: of the chosen head, and of its layer's average."""
    shown = min(len(head), _FARTHEST)
    places = list(range(shown))
    data = [
        {
            "type": "scatter", "mode": "lines", "x": places, "y": rounded(layer[:shown]),
            "line": {"color": colour("muted"), "width": 2, "dash": "dot"},
            "hovertemplate": t("attention.chart.distance_layer"),
        },
        {
            "type": "bar", "x": places, "y": rounded(head[:shown]), "width": 0.75,
            "marker": {"color": colour("accent")}, "hovertemplate": t("attention.chart.distance_hover"),
        },
    ]  # fmt: skip
    peak = max(places, key=head.__getitem__)
    return {
        "data": data,
        "layout": _layout(shown, t),
        "label": t("attention.chart.distance_label", distance=peak, weight=significant(100 * head[peak])),
    }


def _layout(shown: int, t: Translator) -> Figure:
    return layout(
        margin={"l": 48, "r": 10, "t": 6, "b": 40},
        dragmode=False,
        xaxis=titled(t("attention.chart.distance"), fixedrange=True, showgrid=False, range=[-0.7, max(8, shown) - 0.3]),
        yaxis=axis(fixedrange=True, tickformat=".0%", nticks=5, rangemode="tozero"),
    )
