"""LiveProgress: how far something is that takes a while: a bar and a few words."""

from html import escape
from typing import Any

import gradio as gr


class LiveProgress(gr.HTML):
    """The payload of `channel` is {"share": 0 to 1 | None, "text"}; None hides it."""

    def __init__(self, *, channel: str, label: str, **arguments: Any) -> None:
        super().__init__(
            html_template='<div class="live-progress" hidden>'
            f'<progress max="1" value="0" aria-label="{escape(label)}"></progress><span></span></div>',
            js_on_load="window.livePage.liveProgress({element, props});",
            apply_default_css=False,
            channel=channel,
            **arguments,
        )
