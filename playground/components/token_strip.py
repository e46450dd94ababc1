"""TokenStrip: a text as a row of buttons, one a token, shaded by a measure of the reader's choice."""

from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

import gradio as gr


class Shading(NamedTuple):
    """One way to shade the tokens: its name and what the pale and the strong end of the scale mean."""

    name: str
    pale: str
    strong: str


class TokenStrip(gr.HTML):
    """Tokens come through `channel`: {"start", "tokens": [{"text", "title", "shades"}], "inspected", "lead"?}.

    `start` tokens stay and the new ones follow, so a growing text costs only its growth; `lead` is the text before
    it. `shades` holds a number from 0 to 1 for each Shading. A click (or an arrow key) triggers `pick`; the event's
    `picked` is the index.
    """

    def __init__(self, *, channel: str, shadings: Sequence[Shading], title: str, hint: str, **arguments: Any) -> None:
        options = "".join(f"<option>{escape(s.name)}</option>" for s in shadings)
        legends = "".join(
            f'<span class="token-legend"{"" if i == 0 else " hidden"}>{escape(s.pale)}'
            f'<i class="ramp" aria-hidden="true"></i>{escape(s.strong)}</span>'
            for i, s in enumerate(shadings)
        )
        chooser = escape(arguments.pop("chooser"))
        super().__init__(
            html_template=(
                f'<div class="panel-head"><h2>{escape(title)}</h2><small>{escape(hint)}</small>'
                f'<span class="spacer"></span><select aria-label="{chooser}">{options}</select>'
                f"{legends}</div>"
                '<div class="token-text"><span class="token-lead"></span><span class="token-strip"></span></div>'
            ),
            js_on_load="window.livePage.tokenStrip({element, props, trigger}); // triggers 'pick'",
            apply_default_css=False,
            channel=channel,
            **arguments,
        )
