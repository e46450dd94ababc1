"""KnobBank: the values of all knobs of a tab in one component, so that an event has one input for them."""

import json
from collections.abc import Mapping
from typing import Any

import gradio as gr


class KnobBank(gr.HTML):
    """Shows nothing. The value is a JSON object: the value of each Knob with this `bank`, by its name.

    A knob that is moved changes it and triggers `input`; a new value from the server moves the knobs. Gradio brings
    the state of each input of an event up to date in the page at every message of a stream: with an input a knob,
    that took longer than to draw the token.
    """

    def __init__(self, values: Mapping[str, float], *, name: str, **arguments: Any) -> None:
        super().__init__(
            bank_value(values),
            html_template="<div hidden></div>",
            js_on_load="window.livePage.knobBank({element, props, trigger, watch}); // triggers 'input'",
            apply_default_css=False,
            bank=name,
            **arguments,
        )

    def postprocess(self, value: str | None) -> str | None:
        return value


def bank_value(values: Mapping[str, float]) -> str:
    return json.dumps(dict(values))


def bank_values(value: Any) -> dict[str, float]:
    """What a page sent, its numbers only: anything else in it is not from a knob."""
    try:
        found = json.loads(value)
    except (TypeError, ValueError):
        return {}
    numbers = found.items() if isinstance(found, dict) else ()
    return {name: number for name, number in numbers if type(number) in (int, float)}
