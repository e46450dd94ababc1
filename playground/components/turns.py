"""Turns: a prompt as a list of messages, beside the plain text; offered where the model has a chat template."""

from collections.abc import Mapping
from html import escape
from typing import Any

import gradio as gr


class Turns(gr.HTML):
    """The value is JSON, {"messages": [{"role", "content"}], "continue_final_message"?}, or "" for a plain text.

    The payload of `channel` is {"offered"?: whether the model takes turns, "value"?: what they become}. `input` is
    triggered when something is changed, `submit` by Shift+Enter. The field `plain` (an element's id) is out of sight
    while there are turns, and its text is the first one's.

    Args:
        roles: what each role is called, in order.
        words: of "plain", "turns", "chooser", "add", "remove", "role", "content", "continue", "continue_help".
    """

    def __init__(
        self, *, channel: str, plain: str, roles: Mapping[str, str], words: Mapping[str, str], **arguments: Any
    ) -> None:
        def option(name: str, pressed: str) -> str:
            return f'<button type="button" data-mode="{name}" aria-pressed="{pressed}">{escape(words[name])}</button>'

        super().__init__(
            "",
            html_template=(
                '<div class="turns" hidden>'
                f'<div class="turns-switch" role="group" aria-label="{escape(words["chooser"])}">'
                f"{option('plain', 'true')}{option('turns', 'false')}</div>"
                '<div class="turns-body" hidden><ol class="turns-list"></ol>'
                f'<div class="turns-foot"><button type="button" class="turns-add">+ {escape(words["add"])}</button>'
                f'<label class="turns-continue" title="{escape(words["continue_help"])}" hidden><input type="checkbox">'
                f"<span>{escape(words['continue'])}</span></label></div></div></div>"
            ),
            js_on_load="window.livePage.turns({element, props, trigger, watch}); // triggers 'input', 'submit'",
            apply_default_css=False,
            channel=channel,
            plain=plain,
            roles=dict(roles),
            words=dict(words),
            **arguments,
        )

    def preprocess(self, payload: Any) -> Any:
        return payload

    def postprocess(self, value: Any) -> Any:
        return value  # data, not HTML

    def api_info(self) -> dict[str, Any]:
        return {"type": "string"}
