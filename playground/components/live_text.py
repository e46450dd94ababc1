"""LiveText: a sentence, a table or a piece of code, built from data without any HTML."""

from html import escape
from typing import Any

import gradio as gr


class LiveText(gr.HTML):
    """Text that is replaced in place.

    The value (or the payload of `channel`) is one of
    {"parts": [text | {"text", "kind", "action"?, "look"?}]}, {"table": {"head", "rows"}}, {"code", "copy", "copied"};
    "kind" names a style of the page's style sheet. A part with an action is a button and triggers `act`; the
    event's `picked` is the action. A part with a look, [name of a Gaze, what is looked at], is a button that sets it.
    A button may say whether it is "pressed", and have a "label" that says more than its text.
    A `live` text is read out at every change, one that `settles` once it has stood still for a moment.
    """

    def __init__(
        self,
        value: str | None = None,
        *,
        channel: str = "",
        style: str = "",
        live: bool = False,
        settles: bool = False,
        **arguments: Any,
    ) -> None:
        spoken = ' aria-live="polite"' if live else ""
        super().__init__(
            value,
            html_template=f'<div class="live-text {escape(style)}"{spoken}></div>',
            js_on_load="window.livePage.liveText({element, props, trigger, watch}); // triggers 'act'",
            apply_default_css=False,
            channel=channel,
            settles=settles,
            **arguments,
        )

    def postprocess(self, value: str | None) -> str | None:
        return value  # data, not HTML: a token may well be called <script>
