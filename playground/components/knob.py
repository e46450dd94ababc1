"""Knob: one number with a slider, a field for exact values and a switch for off."""

from html import escape
from typing import Any

import gradio as gr


class Knob(gr.HTML):
    """A setting whose neutral value means off.

    The value is a number: the neutral one while the switch is off. Switching on brings back the last value, at
    first `start`. Every change triggers `input`. With a `bank` and a `name` the value is kept by that KnobBank, and
    it is the bank that triggers. `words` are what else a Finder finds it by.
    """

    def __init__(
        self,
        value: float,
        *,
        label: str,
        help_text: str,
        off: str,
        slider: tuple[float, float, float],
        limits: tuple[float, float],
        start: float,
        neutral: float,
        whole: bool,
        range_text: str,
        bank: str = "",
        name: str = "",
        words: str = "",
        **arguments: Any,
    ) -> None:
        low, high, step = slider
        minimum, maximum = limits
        super().__init__(
            value,
            html_template=(
                f'<div class="knob" title="{escape(help_text)}" data-words="{escape(words)}">'
                f'<label class="knob-name"><input type="checkbox" '
                f'role="switch"><span>{escape(label)}</span></label><span class="knob-value">'
                f'<input type="number" min="{minimum}" max="{maximum}" step="{"1" if whole else "any"}" '
                f'aria-label="{escape(label)}" hidden><button type="button" class="knob-off">{escape(off)}</button>'
                f'</span><input type="range" min="{low}" max="{high}" step="{step}" aria-label="{escape(label)}">'
                "</div>"
            ),
            js_on_load="window.livePage.knob({element, props, trigger, watch}); // triggers 'input'",
            apply_default_css=False,
            minimum=minimum,
            maximum=maximum,
            start=start,
            neutral=neutral,
            whole=whole,
            range=range_text,
            bank=bank,
            name=name,
            **arguments,
        )

    def preprocess(self, payload: Any) -> Any:
        return payload

    def postprocess(self, value: Any) -> Any:
        return value

    def api_info(self) -> dict[str, Any]:
        return {"type": "number"}
