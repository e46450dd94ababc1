"""Ways of asking: how the events of a tab with runs are wired, the same on every one of them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from playground.components.live_bus import LiveBus


class Ways(NamedTuple):
    """Arguments for Gradio's event listeners.

    Attributes:
        streaming: a run. Those of many visitors go on side by side (the model takes one forward pass at a time by
            itself).
        looking: a look at what there is: only the newest counts.
        verifying: a comparison with transformers, which takes the model's time: a few at once.
    """

    streaming: dict[str, Any]
    looking: dict[str, Any]
    verifying: dict[str, Any]


def ways(bus: LiveBus, inputs: Sequence[Any]) -> Ways:
    """With the tab's session and its controls, in this order, for inputs."""
    shared: dict[str, Any] = {"outputs": [bus], "show_progress": "hidden", "api_visibility": "private"}
    every, session = {"inputs": list(inputs)} | shared, {"inputs": list(inputs[:1])} | shared
    return Ways(
        every | {"trigger_mode": "multiple", "concurrency_limit": None},
        every | {"trigger_mode": "always_last", "queue": False},
        session | {"concurrency_limit": 4},
    )
