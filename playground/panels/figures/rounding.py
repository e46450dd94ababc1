"""What rounding does, step by step: a bar of KL for each; those where another token would be the first stand out."""

from playground.i18n import Translator
from playground.panels.figures.theme import Figure, colour, layout, literal, titled
from playground.views.notation import percent, significant
from playground.views.rounding import Rounding


def rounding_figure(view: Rounding, dtype: str, t: Translator) -> Figure:
    """A bar a step, in nats."""
    numbers = list(range(2, len(view.steps) + 2))  # the place of the token that is told
    heights = [float(f"{step.divergence:.3g}") for step in view.steps]
    hovers = [
        t(
            "chart.rounding.hover", token=literal(step.label, 20), before=percent(step.probability),
            after=percent(step.rounded_probability), divergence=significant(step.divergence),
        )
        for step in view.steps
    ]  # fmt: skip
    top = max([*heights, 1e-6]) * 1.1
    data = {
        "type": "bar", "x": numbers, "y": heights, "width": 0.62, "text": hovers, "textposition": "none",
        "marker": {"color": [colour("accent" if step.top == step.rounded_top else "warm") for step in view.steps]},
        "hovertemplate": "%{text}<extra></extra>",
    }  # fmt: skip
    return {
        "data": [data],
        "layout": layout(
            dragmode=False,
            margin={"l": 64, "r": 12, "t": 10, "b": 40},
            xaxis=titled(
                t("chart.rounding.axis"), showgrid=False, fixedrange=True, range=[1.4, max(8, len(numbers)) + 1.6],
                tickformat="d", nticks=10,
            ),
            yaxis=titled(t("chart.rounding.nats"), range=[0, top], fixedrange=True, nticks=5, tickformat="~g"),
        ),
        "label": t("chart.rounding.label", dtype=dtype, mean=significant(view.mean_divergence)),
    }  # fmt: skip
