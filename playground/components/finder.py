"""Finder: a search field that leaves only the knobs that match what is typed."""

from html import escape
from typing import Any

import gradio as gr


class Finder(gr.HTML):
    """Searches label, help and words of every knob in the drawer it stands in; `nothing` is said when none matches."""

    def __init__(self, *, placeholder: str, nothing: str, **arguments: Any) -> None:
        super().__init__(
            html_template=(
                f'<input type="search" class="finder" placeholder="{escape(placeholder)}" '
                f'aria-label="{escape(placeholder)}"><p class="finder-nothing" role="status" hidden>'
                f"{escape(nothing)}</p>"
            ),
            js_on_load="window.livePage.finder({element});",
            apply_default_css=False,
            **arguments,
        )
