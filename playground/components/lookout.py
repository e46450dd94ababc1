"""Lookout: asks for the panels that a person has on screen, once the text has stood still for a moment."""

import json
from collections.abc import Sequence
from typing import Any

import gradio as gr


class Lookout(gr.HTML):
    """Watches the elements `panel-<name>` of the page. Whenever `channel` has brought something new, and nothing newer
    for a moment, it triggers `ask` with those that are on screen; the event's `picked` is the list of their names. So
    pictures that nobody looks at cost nothing, and a run that goes on is not held up by them."""

    def __init__(self, panels: Sequence[str], *, channel: str, **arguments: Any) -> None:
        super().__init__(
            html_template="",
            js_on_load="window.livePage.lookout({element, props, trigger}); // triggers 'ask'",
            visible="hidden",
            panels=json.dumps(list(panels)),
            channel=channel,
            **arguments,
        )
