"""LivePlot: one Plotly chart, mounted once and redrawn in place with the newest figure."""

from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import plotly

PLOTLY_JS = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"


class LivePlot(gr.HTML):
    """A chart that keeps its zoom while frames come in.

    The value is a figure (panels/figures/) as a JSON string; with `channel` the figures come through a LiveBus instead.
    A click on a mark that has `customdata` triggers `pick`; the event's `picked` is that value. With `gaze` it sets
    that Gaze instead.
    `description` is read out until the first figure brings a label with its headline number. Where marks can be picked,
    `keys` says in a few words what the chart is: arrow keys go from mark to mark and Enter picks. `sketched`: figures
    that follow one another closely are drawn on a canvas, and by Plotly once they stand still (lines and bars only).
    """

    def __init__(
        self, value: str | None = None, *, description: str, channel: str = "", size: str = "", gaze: str = "",
        keys: str = "", sketched: bool = False, **arguments: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            value,
            html_template=f'<div class="live-plot {size}" role="img" aria-label="{escape(description)}"></div>',
            js_on_load="window.livePage.livePlot({element, props, trigger, watch}); // triggers 'pick'",
            apply_default_css=False,
            channel=channel,
            gaze=gaze,
            keys=keys,
            sketched=sketched,
            **arguments,
        )

    def postprocess(self, value: str | None) -> str | None:
        return value  # data, not HTML: a token may well be called <script>
