"""Stepper: forwards, backwards, play, and a slider over the steps of something."""

from html import escape
from typing import Any

import gradio as gr


class Stepper(gr.HTML):
    """The state comes through `channel`: {"step", "steps"}. Every move sets the Gaze `gaze` to the step wanted. Playing
    asks for the next step when the last one has come. `names` are those of the five buttons (first,
    back, play, forward, last), of pause and of the slider; `count` is a template with {step} and {steps}."""

    def __init__(self, *, channel: str, gaze: str, names: tuple[str, ...], count: str, **arguments: Any) -> None:
        first, back, play, forward, last, pause, slider = map(escape, names)
        buttons = "".join(
            f'<button type="button" data-move="{move}" aria-label="{name}" title="{name}">{sign}</button>'
            for move, name, sign in (
                ("first", first, "|◀"), ("back", back, "◀"), ("play", play, "▶ " + play), ("forward", forward, "▶"),
                ("last", last, "▶|"),
            )
        )  # fmt: skip
        super().__init__(
            html_template=(
                f'<div class="stepper">{buttons}<input type="range" min="0" max="0" value="0" step="1" '
                f'aria-label="{slider}"><output></output></div>'
            ),
            js_on_load="window.livePage.stepper({element, props});",
            apply_default_css=False,
            channel=channel,
            gaze=gaze,
            play=play,
            pause=pause,
            count=count,
            **arguments,
        )
