"""Where the parameters are: one bar, a piece for each part."""

from playground.i18n import Translator
from playground.panels.figures.theme import Figure, axis, colour, layout
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
        "marker": {"color": [colour(_COLOURS[part.name]) for part in parts]}, "width": 0.36, "offset": -0.45,
        "hoverinfo": "skip",
    }  # fmt: skip
    words = [  # above its bar, where there is room at any width
        {
            "x": 0, "y": i, "xanchor": "left", "yanchor": "middle", "yshift": 9, "showarrow": False,
            "text": f"{name} · {part.count:,} · {percent(part.share)}", "font": {"color": colour("ink"), "size": 14},
        }
        for i, (name, part) in enumerate(zip(names, parts, strict=True))
    ]  # fmt: skip
    return {
        "data": [data],
        "layout": layout(
            margin={"l": 2, "r": 2, "t": 2, "b": 2},
            dragmode=False,
            xaxis=axis(visible=False, fixedrange=True, range=[0, largest.count * 1.02]),
            yaxis=axis(visible=False, fixedrange=True, range=[-0.6, len(parts) - 0.4]),
            annotations=words,
        ),
        "label": t(
            "inside.anatomy.label", total=view.total, part=t(f"inside.part.{largest.name}"),
            share=percent(largest.share),
        ),
    }  # fmt: skip
