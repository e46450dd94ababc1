"""Gaze: what a person looks at, as a value of its own: no toggle, and never undone by an answer that comes late."""

import json
from collections.abc import Callable, Iterator
from functools import wraps
from inspect import isgeneratorfunction
from typing import Any, Protocol

import gradio as gr

from playground.components.live_bus import Frame, FrameLog, frame, joined

NOWHERE = '{"at": 0, "picked": null}'


class Gaze(gr.HTML):
    """Shows nothing. The value is {"at": number of the look, "picked": what is looked at} as JSON.

    Components with this `gaze` set it and trigger `input`; `looked` makes the handler. An event's data would not do:
    where Gradio makes up for an event that had to wait ("always_last") it sends the data of the one before.
    """

    def __init__(self, name: str, **arguments: Any) -> None:
        super().__init__(
            NOWHERE,
            html_template="",
            js_on_load="window.livePage.gaze({element, props, trigger}); // triggers 'input'",
            visible="hidden",
            gaze=name,
            elem_id=f"gaze-{name.replace('.', '-')}",
            **arguments,
        )

    def postprocess(self, value: str | None) -> str | None:
        return value


class HasFrames(Protocol):
    """A session of any tab: what was sent to its page lately."""

    frames: FrameLog


def looked(name: str, handler: Callable[..., Any]) -> Callable[..., Any]:
    """The handler (session, picked, *values) of the looks of one Gaze, for (session, its value, *values).

    A look that is older than one which has come in is not answered. An answer says which look it answers, and how old
    the state is that it shows: a FrameLog sends no panel of it that something newer has drawn meanwhile.
    """

    def marked(update: Any, at: int, asked: int) -> Any:
        if isinstance(update, (tuple, list)):
            return type(update)([marked(update[0], at, asked), *update[1:]])
        mark = {f"gaze.{name}": at}
        made = joined(mark, update) if isinstance(update, Frame) else frame(mark)
        made.asked = asked
        return made

    if isgeneratorfunction(handler):

        @wraps(handler)
        def streaming(session: HasFrames, value: Any, *rest: Any) -> Iterator[Any]:
            at, picked = look_of(value)
            asked = session.frames.now()
            if session.frames.heeds(name, at):
                for update in handler(session, picked, *rest):
                    yield marked(update, at, asked)

        return streaming

    @wraps(handler)
    def answering(session: HasFrames, value: Any, *rest: Any) -> Any:
        at, picked = look_of(value)
        asked = session.frames.now()
        if not session.frames.heeds(name, at):
            return gr.skip()
        return marked(handler(session, picked, *rest), at, asked)

    return answering


def look_of(value: Any) -> tuple[int, Any]:
    """What a page sent: the number of the look, and what is looked at."""
    try:
        found = json.loads(value)
        return int(found["at"]), found["picked"]
    except (TypeError, ValueError, KeyError):
        return 0, None


def as_index(picked: Any) -> int | None:
    """A look at one of many: its index, or None for anything else."""
    return picked if type(picked) is int else None


def as_pair(picked: Any) -> tuple[int, int] | None:
    """A look at a cell: its row and column, or None for anything else."""
    if isinstance(picked, list) and len(picked) == 2 and all(type(part) is int for part in picked):
        return picked[0], picked[1]
    return None
