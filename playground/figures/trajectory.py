"""Along the text: a bar of surprisal for each token, a line of entropy over them; the inspected token lit."""

from playground.figures.theme import Figure, colour, layout, literal, titled
from playground.i18n import Translator
from playground.views.notation import Unit
from playground.views.trajectory import Trajectory


def trajectory_figure(view: Trajectory, inspected: int, t: Translator, unit: Unit) -> Figure:
    """customdata is the index of the token."""
    numbers = list(range(1, len(view.labels) + 1))
    surprisals = [s * unit.per_nat for s in view.surprisals]
    entropies = [e * unit.per_nat for e in view.entropies]
    indices = list(range(len(numbers)))
    hover = [
        t("chart.trajectory.hover", number=n, token=literal(label), surprisal=unit.amount(s), entropy=unit.amount(e),
          unit=unit.name)
        for n, label, s, e in zip(numbers, view.labels, view.surprisals, view.entropies, strict=True)
    ]  # fmt: skip
    top = max(1.0, *surprisals, *entropies) * 1.22
    data = [
        {
            "type": "bar", "x": numbers, "y": [top] * len(numbers), "width": 1, "customdata": indices,
            "marker": {"color": [colour("accent-pale" if i == inspected else "clear") for i in indices]},
            "hovertext": hover, "hoverinfo": "text",
        },
        {
            "type": "bar", "x": numbers, "y": surprisals, "width": 0.62, "hoverinfo": "skip",
            "marker": {"color": [colour("chosen" if i == inspected else "accent") for i in indices]},
        },
        {
            "type": "scatter", "mode": "lines+markers", "x": numbers, "y": entropies, "hoverinfo": "skip",
            "line": {"color": colour("green"), "width": 2}, "marker": {"size": 4},
        },
    ]  # fmt: skip
    legend = [
        ("accent", t("chart.trajectory.surprisal", unit=unit.name)),
        ("green", t("chart.trajectory.entropy", unit=unit.name)),
    ]
    return {
        "data": data,
        "layout": layout(
            barmode="overlay",
            dragmode=False,
            margin={"l": 40, "r": 12, "t": 10, "b": 40},
            xaxis=titled(
                t("chart.trajectory.axis"), showgrid=False, fixedrange=True, range=[0.4, max(8, len(numbers)) + 0.6],
                tickformat="d", nticks=10,
            ),
            yaxis=titled("", range=[0, top], fixedrange=True, nticks=6),
            annotations=[
                {
                    "xref": "paper", "yref": "paper", "x": 0.02 + 0.42 * i, "y": 1, "xanchor": "left", "yanchor": "top",
                    "showarrow": False, "text": text, "font": {"color": colour(name), "size": 13},
                    "bgcolor": colour("panel"), "borderpad": 2,
                }
                for i, (name, text) in enumerate(legend)
            ],
        ),
        "label": t(
            "chart.trajectory.label", count=len(numbers), surprisal=unit.amount(view.mean_surprisal), unit=unit.name
        ),
    }  # fmt: skip
