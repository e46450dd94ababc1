"""CompareLanes: several texts under each other, token by token, and the editor of what makes each."""

from collections.abc import Mapping
from typing import Any

import gradio as gr


class CompareLanes(gr.HTML):
    """The rows of a comparison, drawn from data; one editor opens below the row that is chosen.

    Comes through `channel`: {"lanes": [{"key", "name", "colour", "chips": [text], "setup": object | None, "text": of
    one that is only read | None, "written": its lists as texts by name, "note", "numbers": [[value, name]], "badge":
    {"text", "kind"}, "error", "parts_at": index | None, "model": name, "at": index | None}], "most": lanes, "token":
    [lane, index], "by_text"}. `by_text`: token n does not stand beside token n, `at` is the one that does.
    What may write a lane comes through `models`: {"models": [[name, title, name to scale]]}: "name*0.5"
    is a model with half of its adapter.
    The text of row n comes through "<channel>.<n>": {"start",
    "tokens": [{"text", "title", "shade"}], "lead"}.
    What a person changes triggers `act`; the event's `picked` is an object, "do" among its keys. A token that is
    clicked sets the Gaze `gaze` to [row, index].
    `schema` says what each strategy takes, `texts` every word.
    """

    def __init__(
        self,
        *,
        channel: str,
        models: str,
        gaze: str,
        schema: Mapping[str, Any],
        texts: Mapping[str, str],
        **arguments: Any,
    ) -> None:
        super().__init__(
            html_template='<div class="compare-lanes"></div>',
            js_on_load="window.livePage.compareLanes({element, props, trigger}); // triggers 'act'",
            apply_default_css=False,
            channel=channel,
            models=models,
            gaze=gaze,
            schema=schema,
            texts=texts,
            **arguments,
        )


class CompareStep(gr.HTML):
    """The next token of several texts side by side: one row a token, one column a text.

    Comes through `channel`: {"label", "columns": [{"name", "colour", "kept"}], "rows": [{"name", "cells": [{"share",
    "text", "taken"}]}]}; `share` is the length of the bar, of the axis that all columns have; `kept` stands below the
    name.
    """

    def __init__(self, *, channel: str, description: str, **arguments: Any) -> None:
        super().__init__(
            html_template='<div class="compare-step"><table></table></div>',
            js_on_load="window.livePage.compareStep({element, props});",
            apply_default_css=False,
            channel=channel,
            description=description,
            **arguments,
        )
