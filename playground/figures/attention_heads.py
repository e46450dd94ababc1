"""Figures of the heads: one number a head as a small table of colours, and how far back a head looks."""

from collections.abc import Sequence

from playground.figures.theme import Figure, axis, colour, layout, rounded, titled
from playground.i18n import Translator
from playground.views.notation import significant

_MOST_NUMBERS = 200  # more heads than that have colours only


def head_table(table: Sequence[Sequence[float]], name: str, chosen: tuple[int, int], t: Translator) -> Figure:
    """One number a head; `name` says which: "entropy", "sink" or "reach". customdata is [layer, head]."""
    layers, heads = len(table), len(table[0])
    flat = [value for row in table for value in row]
    is_small = layers * heads <= _MOST_NUMBERS
    numbers = [[_number(value, name) for value in row] for row in table]
    top = max(flat)
    data = {
        "type": "heatmap",
        "z": [rounded(row) for row in table],
        "x": list(range(1, heads + 1)),
        "y": list(range(1, layers + 1)),
        "text": numbers,
        "texttemplate": "%{text}" if is_small else "",
        "textfont": {"size": 13},
        "customdata": [[[layer, head] for head in range(heads)] for layer in range(layers)],
        "hovertemplate": t(f"attention.chart.{name}_hover"),
        "zmin": 0,
        "zmax": 1 if name == "sink" else top,
        "colorscale": [[0, colour("page")], [0.5, colour("accent-soft")], [1, colour("accent")]],
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
    }
    layer, head = chosen
    box = {
        "type": "rect", "x0": 0.5 if head < 0 else head + 0.5, "x1": heads + 0.5 if head < 0 else head + 1.5,
        "y0": layer + 0.5, "y1": layer + 1.5, "line": {"color": colour("chosen"), "width": 3},
    }  # fmt: skip
    where = max(range(len(flat)), key=flat.__getitem__)
    return {
        "data": [data],
        "layout": layout(
            margin={"l": 40, "r": 8, "t": 6, "b": 40},
            dragmode=False,
            xaxis=titled(t("attention.chart.head"), fixedrange=True, showgrid=False, dtick=_tick(heads)),
            yaxis=titled(
                t("attention.chart.layer"), fixedrange=True, showgrid=False, autorange="reversed", dtick=_tick(layers)
            ),
            shapes=[box],
        ),
        "label": t(
            f"attention.chart.{name}_label", value=_number(flat[where], name), layer=where // heads + 1,
            head=where % heads + 1,
        ),
    }  # fmt: skip


def _tick(count: int) -> int:
    return 1 if count <= 16 else 4


def _number(value: float, name: str) -> str:
    if name == "sink":
        return f"{100 * value:.0f} %"
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def distance_figure(head: Sequence[float], layer: Sequence[float], t: Translator) -> Figure:
    """The mean weight at each distance: of the chosen head, and of its layer's average."""
    shown = min(len(head), 64)
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
        "layout": layout_of_distance(shown, t),
        "label": t("attention.chart.distance_label", distance=peak, weight=significant(100 * head[peak])),
    }


def layout_of_distance(shown: int, t: Translator) -> Figure:
    return layout(
        margin={"l": 48, "r": 10, "t": 6, "b": 40},
        dragmode=False,
        xaxis=titled(t("attention.chart.distance"), fixedrange=True, showgrid=False, range=[-0.7, max(8, shown) - 0.3]),
        yaxis=axis(fixedrange=True, tickformat=".0%", nticks=5, rangemode="tozero"),
    )
