"""LiveButton: a button whose words come with the frames, so that it needs no output of its own in a streaming event."""

from html import escape
from typing import Any

import gradio as gr


class LiveButton(gr.HTML):
    """The payload of `channel` is {"text", "off"?, "kind"?}: what the button says, whether there is nothing for it to
    do, and the name of a style. A press triggers `press`.

    Gradio brings the state of each output of an event up to date in the page at every message: one output less is
    time for a chart.
    """

    def __init__(self, text: str, *, channel: str, **arguments: Any) -> None:
        super().__init__(
            html_template=f'<button type="button" class="live-button">{escape(text)}</button>',
            js_on_load="window.livePage.liveButton({element, props, trigger}); // triggers 'press'",
            apply_default_css=False,
            channel=channel,
            **arguments,
        )
