"""Delivery: how a handler's frames reach its visitor's page without loss, whatever the tab."""

import inspect
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, Protocol

import gradio as gr

from playground.components.live_bus import Frame, FrameLog
from playground.i18n import Translator


class HasFrames(Protocol):
    """A session of any tab: what was sent to its page lately."""

    frames: FrameLog


def lossless(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The handler, its frames sent through the session's FrameLog."""

    def carried(session: HasFrames, update: Any) -> Any:
        if isinstance(update, Frame):
            return session.frames.carry(update)
        if isinstance(update, (tuple, list)):
            return type(update)(carried(session, part) for part in update)
        return update

    if inspect.isgeneratorfunction(handler):

        @wraps(handler)
        def streaming(session: HasFrames, *rest: Any) -> Iterator[Any]:
            for update in handler(session, *rest):
                yield carried(session, update)

        return streaming

    @wraps(handler)
    def answering(session: HasFrames, *rest: Any) -> Any:
        return carried(session, handler(session, *rest))

    return answering


def panel_head(name: str, t: Translator) -> None:
    """The title of a panel and one line on how to read it."""
    head = f'<div class="panel-head"><h2>{t(f"panel.{name}")}</h2><small>{t(f"panel.{name}.hint")}</small></div>'
    gr.HTML(head, js_on_load=None, apply_default_css=False)
