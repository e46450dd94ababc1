"""Along the text: a bar of surprisal for each token, a line of entropy over them; the inspected token lit."""

from playground.i18n import Translator
from playground.panels.figures.theme import Figure, colour, layout, literal, rounded, tinted, titled
from playground.views.notation import Unit
from playground.views.trajectory import Trajectory


def trajectory_figure(view: Trajectory, inspected: int, t: Translator, unit: Unit) -> Figure:
    """customdata is the index of the token."""
    numbers = list(range(1, len(view.labels) + 1))
    surprisals = rounded(s * unit.per_nat for s in view.surprisals)
    entropies = rounded(e * unit.per_nat for e in view.entropies)
    top = max(1.0, *surprisals, *entropies) * 1.22
    lit = [numbers[inspected]]
    data = [
        {
            "type": "bar", "x": lit, "y": [top], "width": 1, "marker": {"color": colour("accent-pale")},
            "hoverinfo": "skip",
        },
        {
            "type": "bar", "x": numbers, "y": surprisals, "width": 0.62, "marker": {"color": colour("accent")},
            "customdata": list(range(len(numbers))), "text": [literal(label, 20) for label in view.labels],
            "textposition": "none", "hovertemplate": t("chart.trajectory.hover", unit=unit.name),
        },
        {
            "type": "bar", "x": lit, "y": [surprisals[inspected]], "width": 0.62, "marker": {"color": colour("chosen")},
            "hoverinfo": "skip",
        },
        {
            "type": "scatter", "mode": "lines+markers", "x": numbers, "y": entropies,
            "line": {"color": colour("green"), "width": 2}, "marker": {"size": 4},
            "hovertemplate": t("chart.trajectory.entropy_hover", unit=unit.name),
        },
    ]  # fmt: skip
    legend = [
        tinted(t("chart.trajectory.surprisal", unit=unit.name), "accent"),
        tinted(t(f"chart.trajectory.entropy{'_at_most' if view.is_partial else ''}", unit=unit.name), "good"),
    ]
    return {
        "data": data,
        "layout": layout(
            barmode="overlay",
            dragmode=False,
            hovermode="x unified",  # the whole column is a target, however short the bar
            margin={"l": 40, "r": 12, "t": 10, "b": 40},
            xaxis=titled(
                t("chart.trajectory.axis"), showgrid=False, fixedrange=True, range=[0.4, max(8, len(numbers)) + 0.6],
                tickformat="d", nticks=10,
            ),
            yaxis=titled("", range=[0, top], fixedrange=True, nticks=6),
            annotations=[
                {
                    "xref": "paper", "yref": "paper", "x": 0.02, "y": 1, "xanchor": "left", "yanchor": "top",
                    "showarrow": False, "text": "     ".join(legend), "font": {"color": colour("muted"), "size": 13},
                    "bgcolor": colour("panel"), "borderpad": 2,
                }
            ],
        ),
        "label": t(
            "chart.trajectory.label", count=len(numbers), surprisal=unit.amount(view.mean_surprisal), unit=unit.name
        ),
    }  # fmt: skip
