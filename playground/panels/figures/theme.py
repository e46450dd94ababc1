"""Colours, fonts and axes, defined once: Okabe–Ito colours, which colour-blind people can tell apart."""

import re
import textwrap
from collections.abc import Iterable
from typing import Any
from unicodedata import east_asian_width

Figure = dict[str, Any]

FONT = (
    "system-ui, -apple-system, 'Segoe UI', 'Noto Sans', 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', "
    "sans-serif"
)
MONOSPACE = "ui-monospace, 'DejaVu Sans Mono', 'Cascadia Mono', Menlo, Consolas, 'Noto Sans Mono CJK SC', monospace"


def _between(ramp: tuple[str, str, str], share: float) -> str:
    """The colour at 0 to 1 of the way over three."""
    first, second = ramp[:2] if share < 0.5 else ramp[1:]
    part = 2 * share - (share >= 0.5)
    mixed = (round((1 - part) * int(first[i : i + 2], 16) + part * int(second[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{value:02x}" for value in mixed)


# name: (on light, on dark)
PALETTE: dict[str, tuple[str, str]] = {
    "page": ("#f6f8fa", "#0e131a"),
    "panel": ("#ffffff", "#171e28"),
    "raised": ("#eef2f6", "#202a37"),
    "ink": ("#111827", "#f2f5f8"),
    "muted": ("#5b6675", "#a3afbd"),
    "line": ("#dde3ea", "#2c3846"),
    "accent": ("#0072b2", "#56b4e9"),
    "accent-deep": ("#5aa9dc", "#2b6f9e"),
    "accent-soft": ("#cfe3f0", "#1f4a66"),
    "accent-pale": ("#e8f1f8", "#172c3b"),
    "chosen": ("#e69f00", "#f0b429"),
    "on-chosen": ("#111827", "#111827"),
    "good": ("#00734f", "#2fd39c"),
    "bad": ("#b34700", "#ff9152"),
    "hot": ("#d55e00", "#ff8a4c"),
    "cool": ("#56b4e9", "#8fd0f7"),
    "warm": ("#cc79a7", "#e39ac2"),
    "green": ("#009e73", "#2fd39c"),
    "cut-top-k": ("#cc79a7", "#e39ac2"),
    "cut-top-p": ("#d55e00", "#ff8a4c"),
    "cut-min-p": ("#009e73", "#2fd39c"),
    "cut-typical-p": ("#8a7d00", "#f0e442"),
    "cut-no-repeat-ngram-size": ("#6b7280", "#9ca3af"),
    "plum": ("#6a4bb5", "#b7a3f5"),
    "brown": ("#7a5230", "#c9a27e"),
    "clear": ("rgba(0,0,0,0)", "rgba(0,0,0,0)"),
}
# of the sequences of a search, by number (see views/beam_tree.py)
_SEQUENCES = ("chosen", "accent", "green", "warm", "hot", "cool", "cut-typical-p", "plum", "brown")
PALETTE |= {f"seq-{chr(97 + n)}": PALETTE[name] for n, name in enumerate(_SEQUENCES)}
# of a sweep, from its first value to its last: blue, plum, orange, each a step further
_RAMPS = tuple(zip(PALETTE["accent"], PALETTE["plum"], PALETTE["hot"], strict=True))
PALETTE |= {f"sweep-{chr(97 + n)}": (_between(_RAMPS[0], n / 11), _between(_RAMPS[1], n / 11)) for n in range(12)}


def colour(name: str) -> str:
    """How a figure names a colour; the page resolves it to the theme that is on. Raises KeyError for an unknown one."""
    PALETTE[name]
    return f"var(--plot-{name})"


def sequence_colour(number: int | None) -> str:
    """The colour of a sequence of a search; muted for what never was one."""
    return colour("muted" if number is None else f"seq-{chr(97 + number)}")


def cut_colour(processor: str) -> str:
    """The colour of what a processor removes."""
    name = f"cut-{processor.replace('_', '-')}"
    return colour(name if name in PALETTE else "muted")


def resolve(value: Any, dark: bool = False) -> Any:
    """A figure with its colours filled in, as the page does it; for anything that draws without the page."""
    if isinstance(value, str):
        return re.sub(r"var\(--plot-([a-z-]+)\)", lambda match: PALETTE[match[1]][dark], value)
    if isinstance(value, dict):
        return {key: resolve(item, dark) for key, item in value.items()}
    if isinstance(value, list):
        return [resolve(item, dark) for item in value]
    return value


def style_sheet() -> str:
    """The palette as CSS variables, for both themes."""

    def block(selector: str, column: int) -> str:
        rules = "".join(f"--plot-{name}:{values[column]};" for name, values in PALETTE.items())
        return f"{selector}{{{rules}--plot-font:{FONT};--plot-mono:{MONOSPACE};}}"

    return block(":root", 0) + block(".dark", 1)


def layout(**changes: Any) -> dict[str, Any]:
    """The layout that all charts share: quiet axes, no animation, the person's zoom kept from frame to frame."""
    return {
        "uirevision": "keep",
        "margin": {"l": 46, "r": 14, "t": 10, "b": 40},
        "paper_bgcolor": colour("clear"),
        "plot_bgcolor": colour("clear"),
        "font": {"family": FONT, "size": 13, "color": colour("muted")},
        "showlegend": False,
        "hovermode": "closest",
        "hoverlabel": {
            "bgcolor": colour("panel"),
            "bordercolor": colour("line"),
            "font": {"family": FONT, "size": 13, "color": colour("ink")},
            "align": "left",
        },
        **changes,
    }


def nothing(label: str = "") -> dict[str, Any]:
    """No picture, where there is nothing to draw; `label` says so to who can't see it."""
    return {"data": [], "layout": layout(xaxis={"visible": False}, yaxis={"visible": False}), "label": label}


def instead(words: str) -> dict[str, Any]:
    """Words in the middle of a chart, in place of its picture."""
    is_wide = any(east_asian_width(character) == "W" for character in words)
    lines = textwrap.wrap(words, 22 if is_wide else 44)
    note = {
        "xref": "paper", "yref": "paper", "x": 0.5, "y": 0.5, "showarrow": False, "text": "<br>".join(lines),
        "font": {"color": colour("muted"), "size": 14},
    }  # fmt: skip
    found = nothing(words)
    found["layout"]["annotations"] = [note]
    return found


def axis(**changes: Any) -> dict[str, Any]:
    return {
        "gridcolor": colour("line"),
        "zeroline": False,
        "showline": False,
        "ticks": "",
        "ticklabeloverflow": "allow",  # else Plotly measures every label at every drawing
        "tickfont": {"color": colour("muted"), "size": 12},
        **changes,
    }


def titled(text: str, **changes: Any) -> dict[str, Any]:
    """An axis with a title. No standoff: for one, Plotly measures every label at every drawing."""
    return axis(title={"text": text, "font": {"color": colour("muted"), "size": 12}}, **changes)


def tinted(text: str, name: str) -> str:
    """Text of a colour of its own within an annotation: one annotation of many colours is drawn sooner than many."""
    return f'<span style="color:{colour(name)}">{text}</span>'


def rounded(values: Iterable[float]) -> list[float]:
    """Five significant digits: finer than a screen, and half the size on the wire."""
    return [float(f"{value:.5g}") for value in values]


def shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def literal(text: str, longest: int = 60) -> str:
    """Text that Plotly shows as it is: its own tags (<b>, <br>, <a href>) must not work in a token."""
    escaped = shortened(text, longest).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # nor may it be taken for the name of a colour
    return "&#118;" + escaped[1:] if escaped.startswith("var(--plot-") else escaped
