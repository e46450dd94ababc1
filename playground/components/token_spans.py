"""TokenSpans: a text as coloured tokens with its ids beneath, each lighting up the other."""

from html import escape
from typing import Any

import gradio as gr


class TokenSpans(gr.HTML):
    """Tokens come through `channel`: {"run", "count", "ids", "spans", "pieces", "kinds", "gaps", "facts", "fill",
    "note", "marks"}.

    `pieces` maps each id to [label, bytes]; `spans` holds start and end of every token, one after the other; `kinds`
    and `gaps` go by index. A payload with a smaller `run` than the one on show is late and is dropped. Only what
    changed is touched. A click (or an arrow key, or Enter) sets the Gaze `gaze` to the index. When no payload has come
    for a while after the last, `settle` is triggered. `texts` are templates with {blanks}.
    """

    def __init__(
        self, *, channel: str, gaze: str, label: str, ids_label: str, texts: dict[str, str], **arguments: Any
    ) -> None:
        super().__init__(
            html_template=(
                '<div class="token-facts" role="status"></div>'
                f'<div class="token-spans" role="group" aria-label="{escape(label)}"></div>'
                '<p class="token-note" hidden></p>'
                '<p class="token-detail" aria-live="polite"></p>'
                f'<div class="token-ids" aria-label="{escape(ids_label)}"></div>'
            ),
            js_on_load="window.livePage.tokenSpans({element, props, trigger}); // triggers 'settle'",
            apply_default_css=False,
            channel=channel,
            gaze=gaze,
            texts=texts,
            **arguments,
        )
