"""The work of a run with and without a KV cache: tokens computed in all, step by step."""

from playground.i18n import Translator
from playground.panels.figures.theme import Figure, colour, layout, titled
from playground.views.kv_cache import Work
from playground.views.notation import significant


def work_figure(view: Work, t: Translator) -> Figure:
    steps = list(range(1, len(view.with_cache) + 1))
    data = [
        {
            "type": "scatter", "mode": "lines", "x": steps, "y": list(values), "fill": fill,
            "line": {"color": colour(name), "width": 3}, "fillcolor": colour(soft),
            "hovertemplate": t(f"attention.chart.{key}_hover"),
        }
        for values, fill, name, soft, key in (
            (view.without, "tozeroy", "hot", "clear", "recomputed"),
            (view.with_cache, "tozeroy", "accent", "accent-soft", "cached"),
        )
    ]  # fmt: skip
    notes = [
        {
            "x": steps[-1], "y": values[-1], "xanchor": "right", "yanchor": "bottom", "showarrow": False,
            "text": t(f"attention.chart.{key}", tokens=values[-1]), "font": {"color": colour(name), "size": 14},
            "bgcolor": colour("panel"),
        }
        for values, name, key in ((view.without, "hot", "recomputed"), (view.with_cache, "accent", "cached"))
    ]  # fmt: skip
    return {
        "data": data,
        "layout": layout(
            margin={"l": 62, "r": 12, "t": 26, "b": 40},
            dragmode=False,
            xaxis=titled(t("attention.chart.step"), fixedrange=True, showgrid=False),
            yaxis=titled(
                t("attention.chart.tokens"), fixedrange=True, nticks=5, rangemode="tozero", tickformat=",d",
                range=[0, view.without[-1] * 1.15],
            ),
            annotations=notes,
        ),
        "label": t(
            "attention.chart.work_label", steps=len(steps), recomputed=view.without[-1], cached=view.with_cache[-1],
            times=significant(view.times),
        ),
    }  # fmt: skip
