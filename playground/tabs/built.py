"""What a tab is to the page once it is laid out: whoever changes the model for all tabs finds here what it takes."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import gradio as gr

from playground.components.door import Door
from playground.tabs.brought import MOST


class Arriving(NamedTuple):
    """The handler that shows another model's page, with what it reads and writes."""

    handler: Callable[..., Any]
    inputs: list[Any]
    outputs: list[Any]


class Linked(NamedTuple):
    """Where links come in, and how one is opened once its model has been chosen, which is an event."""

    door: Door
    open_after: Callable[[Any], None]


class Built(NamedTuple):
    """A tab. `texts` are fields in which something of the model's own stands at first (see Brought)."""

    controls: Any
    state: gr.State
    chips: Sequence[gr.Button]
    arriving: Arriving
    linked: Linked | None = None
    texts: Sequence[Any] = ()


def chips(names: Sequence[str]) -> dict[int, gr.Button]:
    """A button for each example, by its place; as many as any model has, those beyond its own out of sight."""
    shown = [*names, *("" for _ in range(MOST - len(names)))]
    return {
        place: gr.Button(name, size="sm", elem_classes="chip", visible=bool(name)) for place, name in enumerate(shown)
    }
