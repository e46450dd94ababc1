"""LiveGrid: a table of shaded or marked cells with labels, each of which says in words what it is."""

from html import escape
from typing import Any

import gradio as gr


class LiveGrid(gr.HTML):
    """A grid that is patched in place.

    The payload of `channel` is {"columns": [[text, title, kind]], "rows": [{"head": [text, title, kind],
    "cells": [[text, title, kind, shade]]}], "corner"?: text, "selected"?: [row, column]}. `kind` names a style,
    `shade` is a number from 0 to 1. A click sets the Gaze `gaze` to [row, column], -1 for a row's head. `words` is what
    the line below says until the pointer or the keyboard is on a cell, whose title it then repeats; without it there
    is no such line.
    """

    def __init__(
        self, *, channel: str, description: str, gaze: str = "", style: str = "", words: str = "", **arguments: Any
    ) -> None:
        line = f'<p class="grid-words" aria-live="polite">{escape(words)}</p>' if words else ""
        super().__init__(
            html_template=(
                f'<div class="live-grid {escape(style)}"><div class="grid-scroll">'
                f'<table role="grid" aria-label="{escape(description)}"></table></div>{line}</div>'
            ),
            js_on_load="window.livePage.liveGrid({element, props});",
            apply_default_css=False,
            channel=channel,
            gaze=gaze,
            words=words,
            **arguments,
        )
