"""Tour: what the page says to someone who sees it for the first time, like a subtitle under what is played."""

from html import escape
from typing import Any

import gradio as gr


class Tour(gr.HTML):
    """A line at the foot of the page, and a ring around what it speaks of.

    The payload of `channel` is {"scene": "ready" | "none" | any other, "text"?, "at"?, "asks"?, "done"?}: a tour can be
    played; there is none; a scene, with its text and the CSS selector of what it speaks of. A scene with `asks`, the
    selector of what is to be clicked, ends when that is done, and says `done`.

    Triggers `start` on the first visit of a browser (not where motion is unwelcome, nor behind a link that brings
    settings) and when a button of the class "show-me" is pressed; `end` at the first touch while it plays.
    """

    def __init__(self, *, channel: str, close: str, **arguments: Any) -> None:
        super().__init__(
            html_template=(
                '<div class="tour" role="status" aria-live="polite" hidden><p></p>'
                f'<button type="button" aria-label="{escape(close)}" title="{escape(close)}">×</button></div>'
            ),
            js_on_load="window.livePage.tour({element, props, trigger}); // triggers 'start', 'end'",
            apply_default_css=False,
            channel=channel,
            **arguments,
        )
