"""TokenRows: rows of token boxes, boxes in columns, and tables of tokens, built from data without any HTML."""

from html import escape
from typing import Any

import gradio as gr


class TokenRows(gr.HTML):
    """Comes through `channel`: {"blocks": [block]}; a block is one of
    {"rows": [row], "columns"?, "unit"?} with row = {"head"?, "cells": [cell], "tail"?, "lit"?} and
    {"table": {"head": [text], "rows": [[cell]], "lit"?: [row]}}.

    A cell is {"text", "kind"?, "title"?, "at"?, "span"?, "pick"?}: `kind` names a style; with `columns` it stands from
    column `at` (0 is the first) over `span` of them, each `unit` wide. A cell with `pick` is a button and sets the Gaze
    `gaze` to that value.
    """

    def __init__(self, *, channel: str, label: str, gaze: str = "", style: str = "", **arguments: Any) -> None:
        super().__init__(
            html_template=f'<div class="token-rows {escape(style)}" role="group" aria-label="{escape(label)}"></div>',
            js_on_load="window.livePage.tokenRows({element, props});",
            apply_default_css=False,
            channel=channel,
            gaze=gaze,
            **arguments,
        )
