"""TextKnob: a setting that is a text, a line for each entry, with a switch for off."""

from html import escape
from typing import Any

import gradio as gr


class TextKnob(gr.HTML):
    """A setting whose empty text means off.

    The value is the text: empty while the switch is off; switching on brings back the last one. What became of it comes
    through `channel`: {name: {"parts": […]}}, as for a LiveText. `input` is triggered when a person pauses or leaves.
    """

    def __init__(
        self,
        value: str = "",
        *,
        name: str,
        label: str,
        help_text: str,
        off: str,
        placeholder: str,
        note: str,
        longest: int,
        channel: str,
        words: str = "",
        **arguments: Any,
    ) -> None:
        def plain(text: str) -> str:
            """As HTML in which a backslash stays one: Gradio's templates read it as an escape."""
            return escape(text).replace("\\", "&#92;")

        super().__init__(
            value,
            html_template=(
                f'<div class="knob text-knob is-off" title="{escape(help_text)}" data-words="{escape(words)}">'
                f'<label class="knob-name">'
                f'<input type="checkbox" role="switch"><span>{escape(label)}</span></label><span class="knob-value">'
                f'<button type="button" class="knob-off">{escape(off)}</button></span>'
                f'<div class="text-knob-body" hidden><textarea rows="2" maxlength="{longest}" spellcheck="false" '
                f'autocapitalize="off" aria-label="{escape(label)}" placeholder="{plain(placeholder)}"></textarea>'
                f'<p class="text-knob-note">{plain(note)}</p>'
                '<p class="text-knob-echo live-text" role="status"></p></div></div>'
            ),
            js_on_load="window.livePage.textKnob({element, props, trigger, watch}); // triggers 'input'",
            apply_default_css=False,
            name=name,
            channel=channel,
            **arguments,
        )

    def preprocess(self, payload: Any) -> Any:
        return payload

    def postprocess(self, value: Any) -> Any:
        return value  # data, not HTML

    def api_info(self) -> dict[str, Any]:
        return {"type": "string"}
