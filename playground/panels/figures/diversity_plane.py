"""The plane of quality and diversity: how probable texts are, and how different from each other."""

from collections.abc import Sequence
from dataclasses import dataclass

from playground.i18n import Translator
from playground.panels.figures.theme import Figure, colour, layout, literal, nothing, rounded, tinted, titled
from playground.views.notation import significant
from playground.views.plane import CloudView, Spread

APART = 0.07  # of the plane's width or height: labels of a sweep that are nearer are left out
RANGES = {"self_bleu": (105.0, -9.0), "edit_distance": (-0.05, 1.09), "distinct_2": (-0.05, 1.09)}


@dataclass(frozen=True)
class PlaneCloud:
    """One cloud of the picture: its key, what it is called, its colour, the beginning of each of its texts, and
    whether it is a value of a sweep."""

    key: int
    name: str
    tint: str
    texts: Sequence[str]
    view: CloudView
    is_swept: bool = False


def plane_figure(
    clouds: Sequence[PlaneCloud], lines: Sequence[tuple[str, str, float]], axis: str, reading: tuple[int, int] | None,
    t: Translator,
) -> Figure:  # fmt: skip
    """`axis` names the measure of diversity; `lines` are (name, colour, mean log-probability) of texts of one's own,
    which have no others to differ from. customdata is [key, number of the sample]."""
    middles = [(one, x, y) for one in clouds if (x := one.view.spread("mean_logprob")) and (y := one.view.spread(axis))]
    if not middles and not lines:
        return nothing(t("chart.empty"))
    dots = [trace for one, _, _ in middles for trace in _dots(one, axis, reading, t)]
    means = [_mean(one, x, y, t) for one, x, y in middles if not one.is_swept]
    swept = [middle for middle in middles if middle[0].is_swept]
    xs = [dot.mean_logprob for one, _, _ in middles for dot in one.view.dots] + [x for _, _, x in lines]
    low, high = min(xs), max(xs)
    pad = max(0.1, 0.05 * (high - low))
    legend = [f"{tinted('●', one.tint)} {literal(one.name, 24)}" for one, _, _ in middles if not one.is_swept]
    legend += [f"{tinted('┆', tint)} {literal(name, 24)}" for name, tint, _ in lines]
    said = [
        t("compare.plane.said", name=one.name, quality=significant(x.mean), diversity=significant(y.mean))
        for one, x, y in middles
    ]
    return {
        "data": [*dots, *(_sweep(swept, high - low, axis, t) if swept else []), *means],
        "layout": layout(
            hovermode="closest",
            margin={"l": 54, "r": 14, "t": 12, "b": 44},
            shapes=[
                {"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1,
                 "line": {"color": colour(tint), "width": 2, "dash": "dash"}}
                for _, tint, x in lines
            ],
            xaxis=titled(t("compare.plane.quality"), range=[low - pad, high + pad]),
            yaxis=titled(t(f"compare.plane.axis.{axis}"), range=list(RANGES[axis])),
            annotations=[
                {
                    "xref": "paper", "yref": "paper", "x": 0.01, "y": 0.02, "xanchor": "left", "yanchor": "bottom",
                    "align": "left", "showarrow": False, "text": "<br>".join(legend), "bgcolor": colour("panel"),
                    "font": {"color": colour("ink"), "size": 13}, "borderpad": 3,
                }
            ] if legend else [],
        ),
        "label": t("compare.plane.label", clouds="; ".join(said)),
    }  # fmt: skip


def _dots(one: PlaneCloud, axis: str, reading: tuple[int, int] | None, t: Translator) -> list[Figure]:
    """The texts, each once however often it was drawn; the one that is read, marked."""
    shown, seen = [], set()
    for dot in one.view.dots:
        place = (round(dot.mean_logprob, 6), getattr(dot, axis), one.texts[dot.number])
        if place[1] is not None and place not in seen:
            seen.add(place)
            shown.append(dot)
    read = [reading == (one.key, dot.number) for dot in shown]
    return [
        {
            "type": "scatter", "mode": "markers", "meta": "points", "x": rounded(dot.mean_logprob for dot in shown),
            "y": rounded(getattr(dot, axis) for dot in shown), "customdata": [[one.key, dot.number] for dot in shown],
            "text": [
                f"{literal(one.texts[dot.number])}<br>" + t(
                    "compare.plane.hover", name=literal(one.name, 24), quality=significant(dot.mean_logprob),
                    diversity=significant(getattr(dot, axis)), copies=dot.copies,
                )
                for dot in shown
            ],
            "hovertemplate": "%{text}<extra></extra>",
            "marker": {
                "color": colour(one.tint), "size": [15 if is_read else 8 for is_read in read],
                "symbol": "diamond" if one.is_swept else "circle",
                "opacity": [1 if is_read else 0.42 for is_read in read],
                "line": {"color": colour("ink"), "width": [2.5 if is_read else 0 for is_read in read]},
            },
        }
    ] if shown else []  # fmt: skip


def _mean(one: PlaneCloud, x: Spread, y: Spread, t: Translator) -> Figure:
    """The mean of a cloud, with the standard deviation of its texts both ways."""
    return {
        "type": "scatter", "mode": "markers", "x": rounded([x.mean]), "y": rounded([y.mean]),
        "error_x": _bar(x, one.tint), "error_y": _bar(y, one.tint),
        "marker": {"color": colour(one.tint), "size": 16, "line": {"color": colour("panel"), "width": 2}},
        "text": [_hover(one, x, y, t)], "hovertemplate": "%{text}<extra></extra>",
    }  # fmt: skip


def _hover(one: PlaneCloud, x: Spread, y: Spread, t: Translator) -> str:
    return t(
        "compare.plane.mean", name=literal(one.name, 24), texts=one.view.measures.texts, quality=significant(x.mean),
        quality_spread=significant(x.deviation), diversity=significant(y.mean),
        diversity_spread=significant(y.deviation),
    )  # fmt: skip


def _bar(spread: Spread, tint: str) -> Figure:
    return {"type": "data", "array": rounded([spread.deviation]), "color": colour(tint), "thickness": 1.6, "width": 4}


def _sweep(
    swept: Sequence[tuple[PlaneCloud, Spread, Spread]], wide: float, axis: str, t: Translator
) -> list[Figure]:  # fmt: skip
    """The means of a sweep as one line, its values written where there is room."""
    high = abs(RANGES[axis][0] - RANGES[axis][1])
    words: list[str] = []
    last: tuple[float, float] | None = None
    for one, x, y in swept:
        at = (x.mean / (wide or 1), y.mean / high)
        is_apart = last is None or max(abs(at[0] - last[0]), abs(at[1] - last[1])) >= APART
        words.append(literal(one.name.rpartition(" ")[2], 10) if is_apart else "")
        last = at if is_apart else last
    return [
        {
            "type": "scatter", "mode": "lines+markers+text", "x": rounded(x.mean for _, x, _ in swept),
            "y": rounded(y.mean for _, _, y in swept), "line": {"color": colour("ink"), "width": 1.6},
            "marker": {
                "color": [colour(one.tint) for one, _, _ in swept], "size": 13, "symbol": "diamond",
                "line": {"color": colour("ink"), "width": 1.5},
            },
            "text": words, "textposition": "top right", "textfont": {"color": colour("ink"), "size": 13},
            "hovertext": [_hover(one, x, y, t) for one, x, y in swept],
            "hovertemplate": "%{hovertext}<extra></extra>",
        }
    ]  # fmt: skip
