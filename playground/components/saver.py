"""Saver: asks for a run as a file and hands it to the browser; a file that is dropped on the page is opened again."""

from collections.abc import Mapping
from typing import Any

import gradio as gr


class Saver(gr.HTML):
    """Shows nothing. A button with `data-picture` "json", "csv" or "text" in the tab triggers `ask`; the event's
    `picked` is that name. The value, a JSON string {"kind", "content"}, is saved as it comes.

    `texts`: what is said of a file that can't be opened: "other", "empty".
    """

    def __init__(self, tab: str, texts: Mapping[str, str], **arguments: Any) -> None:
        super().__init__(
            None,
            html_template="",
            js_on_load="window.livePage.saver({element, props, trigger, watch}); // triggers 'ask'",
            visible="hidden",
            tab=tab,
            texts=dict(texts),
            elem_id=f"saver-{tab}",
            **arguments,
        )

    def postprocess(self, value: str | None) -> str | None:
        return value
