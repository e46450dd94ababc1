"""Heat-maps on canvas: many small ones as buttons, one large one with labels, and a text with lines between tokens.

They know nothing of attention: numbers come as base64 bytes, 0 to 255, and words come with them.
"""

from html import escape
from typing import Any

import gradio as gr


class _Drawn(gr.HTML):
    """A component whose value, or what comes through `channel`, is data for a script of the page."""

    def __init__(
        self, value: str | None, *, script: str, html_template: str, channel: str, gaze: str, grows: str = "",
        **arguments: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            value,
            html_template=html_template,
            js_on_load=f"window.livePage.{script}({{element, props, watch}});",
            apply_default_css=False,
            channel=channel,
            gaze=gaze,
            grows=grows,
            **arguments,
        )

    def postprocess(self, value: str | None) -> str | None:
        return value  # data, not HTML: a token may well be called <script>


class HeadGrid(_Drawn):
    """Small square heat-maps in rows and columns, each a button. The value, a JSON string, is large and set whole:
    {"rows", "columns", "side", "maps": base64 (rows × columns × side × side bytes), "titles": [text],
    "row_names", "column_names", "selected": [row, column]}. What comes through `channel` changes the selection:
    {"selected"}. Through `grows` come new lines of all maps: {"start", "tokens": [{"line", "small"}]}.
    A click sets the Gaze `gaze` to [row, column].
    """

    def __init__(self, *, description: str, channel: str, grows: str, **arguments: Any) -> None:
        super().__init__(
            None,
            script="headGrid",
            html_template=f'<div class="head-grid" role="group" aria-label="{escape(description)}"></div>',
            channel=channel,
            grows=grows,
            **arguments,
        )


class HeatMap(_Drawn):
    """One square heat-map with labels. The value: {"size", "map": base64 (size × size bytes), "labels": [text],
    "marked": line, "hover", "blocked": texts with %{query}, %{key} and %{weight}, "label"}. Through `channel` comes
    {"marked"}; through `grows` new lines: {"start", "tokens": [{"label", "large"}]}, line number `start` first.
    A click or an arrow key sets the Gaze `gaze` to the line.
    """

    def __init__(self, *, description: str, channel: str, grows: str, **arguments: Any) -> None:
        super().__init__(
            None,
            script="heatMap",
            html_template=(
                f'<div class="heat-map"><canvas role="img" tabindex="0" aria-label="{escape(description)}"></canvas>'
                '<p class="grid-words"></p></div>'
            ),
            channel=channel,
            grows=grows,
            **arguments,
        )


class TokenRays(_Drawn):
    """A text as buttons with lines from one token to others. What comes through `channel`:
    {"tokens": [{"text", "title", "shade"}], "from": index, "rays": [{"to", "weight"}]}.
    A click or an arrow key sets the Gaze `gaze` to the index.
    """

    def __init__(self, *, description: str, channel: str, **arguments: Any) -> None:
        super().__init__(
            None,
            script="tokenRays",
            html_template=(
                f'<div class="token-rays" role="group" aria-label="{escape(description)}">'
                '<div class="rays-sheet"><svg aria-hidden="true"></svg><div class="token-text"></div></div></div>'
            ),
            channel=channel,
            **arguments,
        )


class StationList(_Drawn):
    """Lines of name, formula, shape, size and a strip of numbers. What comes through `channel`:
    {"rows": [{"name", "formula", "shape", "size", "kind", "open"?, "pick"?, "strip"?: {"rows", "columns", "data"}}]}.
    A line with "pick" is a button that sets the Gaze `gaze` to that value, or to null where the line is open.
    """

    def __init__(self, *, description: str, channel: str, **arguments: Any) -> None:
        super().__init__(
            None,
            script="stationList",
            html_template=f'<div class="station-list" role="list" aria-label="{escape(description)}"></div>',
            channel=channel,
            **arguments,
        )
