"""How a visitor's model arrives: how far it is, called off by whoever waits for it alone, what to do if it does not."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import gradio as gr

from playground.api.outright import in_words
from playground.components.live_bus import Frame, frame
from playground.components.live_progress import LiveProgress
from playground.components.live_text import LiveText
from playground.engines.loading import ModelSlot
from playground.engines.shelf import Shelf
from playground.i18n import Translator
from playground.panels import arrival
from playground.tabs.per_visitor import Whose, whose
from playground.tabs.visitor import Visitor

PATIENCE = 1.0  # seconds; what comes sooner needs no line
TICK = 0.25
BEAT = 2.0  # seconds; so often Gradio learns of a generator that nothing is new, and closes it if its page is gone


class Other(NamedTuple):
    """The field for any model, and what opens it."""

    opener: gr.Button
    row: gr.Row
    text: gr.Textbox
    load: gr.Button


class Below(NamedTuple):
    """What stands under the header: how a model arrives; and where strangers don't visit, a field for any other."""

    line: LiveText
    other: Other | None = None


def build_below(opener: gr.Button | None, t: Translator) -> Below:
    """Lay it out; `opener` opens the field."""
    with gr.Row(elem_id="arrival"):
        LiveProgress(channel="shelf.progress", label=t("shelf.progress"))
        line = LiveText(channel="shelf.line", style="arrival", live=True, elem_id="arrival-line")
    if opener is None:
        return Below(line)
    with gr.Row(elem_id="other-model", visible=False) as row:
        text = gr.Textbox(
            label=t("shelf.other.label"), lines=1, max_lines=1, elem_id="other-model-text", min_width=240
        )  # fmt: skip
        load = gr.Button(t("shelf.other.load"), variant="primary", elem_id="other-model-load", min_width=90)
    return Below(line, Other(opener, row, text, load))


class Arrivals:
    """Of all visitors: a model that several wait for is not called off by one of them."""

    def __init__(self, shelf: Shelf, slot: Callable[[Whose], ModelSlot]) -> None:
        self._shelf, self._slot = shelf, slot
        self._waiting: Counter[Visitor] = Counter()  # one may be told several times over
        self._lock = threading.Lock()

    def watch(self, session: Visitor) -> Iterator[Frame | dict[str, Any]]:
        """What the page is told until the visitor's model is here, or is not to come, or they have chosen another."""
        chosen = whose(session)
        slot, t, told = self._slot(chosen), chosen.t, arrival.NOTHING
        since = beaten = time.monotonic()
        with self._waits(session):
            while slot.state == "loading" and session.model == chosen.model:
                progress = slot.progress
                if progress.total or time.monotonic() - since > PATIENCE:
                    back = self.way_back(session)
                    now = arrival.coming(slot.display_name, progress.done, progress.total, bool(back), t)
                    if now != told:
                        told = now
                        yield frame(now)
                if time.monotonic() - beaten > BEAT:
                    beaten = time.monotonic()
                    yield gr.skip()
                time.sleep(TICK)
        if session.model != chosen.model:
            return  # the page is told of another model by now
        failure = slot.failure
        if not isinstance(failure, Exception):
            yield frame(arrival.NOTHING)
            return
        back = self.way_back(session)
        yield frame(arrival.failed(in_words(failure, t), self._shelf.entry(back).shown if back else "", t))

    def way_back(self, session: Visitor) -> str:
        """The model that a visitor goes back to: the one that they came from, or the first one; "" for none."""
        now = whose(session)
        here = self._slot(now).name
        names = [session.came_from, self._shelf.first(now.language)]
        names += [entry.name for entry in self._shelf.entries if entry.group == "shipped"]
        fit = (name for name in names if name and name != here and name in self._shelf)
        return next((name for name in fit if self._shelf.slot(name).state != "failed"), "")

    def leave(self, name: str) -> None:
        """Call a model off that its visitor has left, unless somebody else waits for it."""
        with self._lock:
            waiting = list(self._waiting)
        if not any(self._slot(whose(session)).name == name for session in waiting):
            self._shelf.slot(name).call_off()

    @contextmanager
    def _waits(self, session: Visitor) -> Iterator[None]:
        with self._lock:
            self._waiting[session] += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting[session] -= 1
                if not self._waiting[session]:
                    del self._waiting[session]
