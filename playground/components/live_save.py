"""LiveSave: what a handler sends through a channel becomes a file that the browser saves."""

from typing import Any

import gradio as gr


class LiveSave(gr.HTML):
    """Shows nothing. The payload of `channel` is {"name", "type", "text"}: its name, its MIME type, all of it."""

    def __init__(self, *, channel: str, **arguments: Any) -> None:
        super().__init__(
            html_template="",
            js_on_load="window.livePage.liveSave({element, props});",
            visible="hidden",
            channel=channel,
            **arguments,
        )
