"""Shell: whatever goes wrong in a handler or an endpoint reaches the person as one line, and the log as a whole."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any, Protocol

import gradio as gr

from playground.api.outright import Handler, in_words, marked
from playground.components.live_bus import Frame, frame
from playground.errors import PlaygroundError
from playground.i18n import Translator
from playground.panels import wording

FRAME_SECONDS = 0.04  # 25 frames a second: more can't be told apart, and a slow page falls behind


class Reporter(Protocol):
    """A tab: how its page says that something went wrong."""

    t: Translator

    def failed(self, session: Any, words: str, ends_run: bool) -> Mapping[str, object]:
        """The channels that say it; with `ends_run`, a run that was begun is over."""


def reported(
    *waits: str, ends_run: bool = False, quiet: bool = False, if_current: bool = False,
    send: Callable[[Frame], Any] = lambda made: made,
) -> Callable[[Handler], Handler]:  # fmt: skip
    """A handler (tab, session, …), a generator or not, every error of which ends in a frame of its tab.

    Args:
        waits: channels on which the person may still be told to wait (`session.waiting` knows): they say so no more.
        ends_run: whether its errors end a run.
        quiet: no line of the tab's own; the channels of `waits` say enough.
        if_current: nothing is said where something else has been begun meanwhile (`session.version`).
        send: from a frame to what the handler gives to Gradio.
    """

    def decorate(handler: Handler) -> Handler:
        def told(tab: Reporter, session: Any, version: object, error: Exception) -> list[Any]:
            words = in_words(error, tab.t)
            if if_current and session.version != version:
                return []
            channels = {} if quiet else dict(tab.failed(session, words, ends_run))
            short = words if isinstance(error, PlaygroundError) else tab.t("panel.failed")
            for name in waits:
                if name in session.waiting:
                    channels[name] = wording.badge(short, "bad") if "badge" in name else wording.notice(short, "bad")
            made = frame(channels)
            _note(session, made)
            return [send(made)] if channels else []

        if inspect.isgeneratorfunction(handler):

            @wraps(handler)
            def streaming(tab: Any, session: Any, *rest: Any) -> Iterator[Any]:
                version = getattr(session, "version", None)
                try:
                    for update in handler(tab, session, *rest):
                        _note(session, update)
                        yield update
                except Exception as error:
                    yield from told(tab, session, version, error)

            return marked(streaming)

        @wraps(handler)
        def answering(tab: Any, session: Any, *rest: Any) -> Any:
            version = getattr(session, "version", None)
            try:
                update = handler(tab, session, *rest)
            except Exception as error:
                return next(iter(told(tab, session, version, error)), gr.skip())
            _note(session, update)
            return update

        return marked(answering)

    return decorate


def _note(session: Any, update: Any) -> None:
    """Keep account of the channels on which the page says that something is on its way."""
    for part in update if isinstance(update, (tuple, list)) else (update,):
        for name, payload in part.channels.items() if isinstance(part, Frame) else ():
            is_waiting = isinstance(payload, dict) and payload.get("kind") == "wait"
            (session.waiting.add if is_waiting else session.waiting.discard)(name)
