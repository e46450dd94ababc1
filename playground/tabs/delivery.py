"""Delivery: how a handler's frames reach its visitor's page without loss, whatever the tab."""

import inspect
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import gradio as gr

from playground.api.outright import outright
from playground.components.gaze import HasFrames
from playground.components.live_bus import Frame
from playground.i18n import Translator
from playground.tabs.per_visitor import language_of


def lossless(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The handler, its frames sent through the session's FrameLog; an error that it lets through is still said. What a
    plain function answers shows the state as it was when it was called; a generator's frame that as it is sent, unless
    the frame says otherwise (`asked`)."""

    def carried(session: HasFrames, update: Any, asked: int = 0) -> Any:
        if isinstance(update, Frame):
            update.asked = update.asked or asked
            return session.frames.carry(update)
        if isinstance(update, (tuple, list)):
            return type(update)(carried(session, part, asked) for part in update)
        return update

    if inspect.isgeneratorfunction(handler):

        @wraps(handler)
        def streaming(session: HasFrames, *rest: Any) -> Iterator[Any]:
            for update in handler(session, *rest):
                yield carried(session, update)

        return outright(streaming, language_of)

    @wraps(handler)
    def answering(session: HasFrames, *rest: Any) -> Any:
        asked = session.frames.now()
        return carried(session, handler(session, *rest), asked)

    return outright(answering, language_of)


def panel_head(name: str, t: Translator) -> None:
    """The title of a panel and one line on how to read it."""
    head = f'<div class="panel-head"><h2>{t(f"panel.{name}")}</h2><small>{t(f"panel.{name}.hint")}</small></div>'
    gr.HTML(head, js_on_load=None, apply_default_css=False)
