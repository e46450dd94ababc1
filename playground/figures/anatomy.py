"""Where the parameters are: one bar, a piece for each part."""

from playground.figures.theme import Figure, axis, colour, layout
from playground.i18n import Translator
from playground.views.anatomy import Anatomy
from playground.views.notation import percent

_COLOURS = {
    "token_embedding": "accent", "position_embedding": "cool", "attention": "chosen", "mlp": "green", "norm": "muted",
    "head": "warm", "other": "line",
}  # fmt: skip


def anatomy_figure(view: Anatomy, t: Translator) -> Figure:
    """Bars from the largest part down."""
    parts = sorted(view.parts, key=lambda part: part.count)
    names = [t(f"inside.part.{part.name}") for part in parts]
    largest = parts[-1]
    data = {
        "type": "bar", "orientation": "h", "y": names, "x": [part.count for part in parts],
        "marker": {"color": [colour(_COLOURS[part.name]) for part in parts]},
        "text": [f"{part.count:,} · {percent(part.share)}" for part in parts],
        "textposition": "outside", "cliponaxis": False, "textfont": {"color": colour("ink"), "size": 14},
        "hoverinfo": "skip",
    }  # fmt: skip
    return {
        "data": [data],
        "layout": layout(
            margin={"l": 150, "r": 20, "t": 6, "b": 10},
            dragmode=False,
            bargap=0.35,
            xaxis=axis(visible=False, fixedrange=True, range=[0, largest.count * 1.75]),
            yaxis=axis(fixedrange=True, showgrid=False, tickfont={"color": colour("ink"), "size": 14}),
        ),
        "label": t(
            "inside.anatomy.label", total=view.total, part=t(f"inside.part.{largest.name}"),
            share=percent(largest.share),
        ),
    }  # fmt: skip
