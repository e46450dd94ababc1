"""LiveBus: the one hidden component through which every frame of the page travels."""

import json
from collections.abc import Mapping
from typing import Any

import gradio as gr


class LiveBus(gr.HTML):
    """Carries frames to the components that subscribe to its channels.

    The value is a JSON string, {"channels": {name: payload}}; `frame` makes one. Only the channels that changed
    need to be in it: every subscriber keeps what it got last.
    """

    def __init__(self, value: str | None = None, **arguments: Any) -> None:
        super().__init__(
            value,
            html_template="",
            js_on_load="window.livePage.liveBus({props, watch})",
            visible="hidden",
            **arguments,
        )

    def postprocess(self, value: str | None) -> str | None:
        return value  # data, not HTML: a token may well be called <script>


def frame(channels: Mapping[str, object]) -> str:
    """A frame as the compact JSON string that a LiveBus carries."""
    return json.dumps({"channels": channels}, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
