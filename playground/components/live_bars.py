"""LiveBars: rows of bars as plain DOM, each a button: drawn in a fraction of the time of a chart."""

from html import escape
from typing import Any

import gradio as gr


class LiveBars(gr.HTML):
    """Comes through `channel`: {"rows": [row], "label"}; a row is {"name", "fill", "edge", "text", "title", "pick",
    "ink", "line", "lit"?, "cut"?} or, at the end, one without bars: {"name", "text", "title"}.

    `fill` and `edge` are the lengths of the filled and of the outlined bar as shares of the row, `ink` and `line`
    their colours (`var(--plot-…)`), `text` stands after the longer of the two, `title` is shown under the pointer, line
    by line; `lit` makes a row bold, `cut` its outlined bar
    pale. A click (or Enter) on a row with `pick` triggers `pick`; the event's `picked` is
    that value, as it was when the pointer went down. `description` is read out until the first rows bring a label.
    """

    def __init__(self, *, channel: str, description: str, **arguments: Any) -> None:
        super().__init__(
            html_template=f'<div class="live-bars" role="group" aria-label="{escape(description)}"></div>',
            js_on_load="window.livePage.liveBars({element, props, trigger}); // triggers 'pick'",
            apply_default_css=False,
            channel=channel,
            **arguments,
        )
