"""Streaming: a search that grows, step by step: run, step, pause, stop."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from playground.components.live_bus import frame
from playground.decoding.beam_trace import BeamTrace
from playground.panels import wording
from playground.panels.beam import frames
from playground.panels.beam.frames import BeamLook
from playground.runs.search_run import LiveSearch
from playground.tabs.beam.base import BeamBase, Update
from playground.tabs.beam.controls import BeamValues
from playground.tabs.beam.session import BeamSession
from playground.tabs.shell import FRAME_SECONDS, reported
from playground.tabs.state_line import settings_of_search

if TYPE_CHECKING:
    from playground.engines.protocol import Engine

PANEL_SECONDS = 0.15  # between two drawings of tables and the pool of a run without a pace


class Streaming(BeamBase):
    """The handlers that make the search on the page longer, or stop it."""

    @reported(ends_run=True)
    def run(self, session: BeamSession, *values: Any) -> Iterator[Update]:
        """Run: a new search from the prompt."""
        session.link_words = None  # it spoke of another search
        yield from self.new_search(session, *values)

    def new_search(self, session: BeamSession, *values: Any) -> Iterator[Update]:
        session.stop()
        controls, backend = BeamValues.of(values), self.slot.get()
        request, words = self.request(session, controls, backend)
        if not any(e.key == session.lesson and e.fits(controls) for e in self.brought.searches):
            yield frame({"beam.lesson": {"parts": []}})  # it spoke of another search
        yield from self.stream(session, controls, backend, request, words)

    @reported(ends_run=True)
    def step(self, session: BeamSession, *values: Any) -> Iterator[Update]:
        """Step: one token more for every beam, or the first of a new search if the settings are others."""
        yield from self.go_on(session, BeamValues.of(values), single=True)

    @reported(ends_run=True)
    def pause(self, session: BeamSession, *values: Any) -> Iterator[Update]:
        """Pause a search; resume one that waits."""
        if session.pause():
            yield frame({"beam.notice": wording.notice(self.t("beam.notice.paused", steps=len(session.trace.steps)))})
            return
        yield from self.go_on(session, BeamValues.of(values), single=False)

    @reported(ends_run=True)
    def stop(self, session: BeamSession, *values: Any) -> Iterator[Update]:
        """Stop: the search is over, as it is."""
        if session.call_off():
            words = self.t("beam.notice.stopped", steps=len(session.trace.steps))
            yield frame({"beam.notice": wording.notice(words)})

    def go_on(self, session: BeamSession, controls: BeamValues, single: bool) -> Iterator[Update]:
        """Continue the search on the page, or begin a new one where the settings (or the model) are others."""
        session.stop()
        backend = self.slot.get()
        request, words = self.request(session, controls, backend)
        trace, search, how = session.onward(request, backend.info.name)
        if how == "ended":
            yield frame({"beam.notice": wording.notice(self.t("beam.notice.ended"))})
            return
        yield from self.stream(session, controls, backend, trace, words, search, single)

    def stream(
        self, session: BeamSession, controls: BeamValues, backend: "Engine", trace: BeamTrace, words: str,
        search: LiveSearch | None = None, single: bool = False,
    ) -> Iterator[Update]:  # fmt: skip
        """Take steps after `trace` and show each, until the end or until something else is begun in this session."""
        kept = session.trace
        is_new_text = (session.trace.prompt_ids, session.model_name) != (trace.prompt_ids, backend.info.name)
        look = BeamLook(self.t, backend.vocabulary)
        start = shown = len(trace.steps)
        speed, next_panels = None if single else controls.steps_per_second, 0.0
        made = settings_of_search(controls)
        try:
            with session.searching(backend, trace, search, made, speed, FRAME_SECONDS, single) as watch:
                cleared = frames.blank(look) if is_new_text else frames.cleared()
                opening = frames.tree(trace, session.tree, start, look)
                lead = frames.lead(trace, look)
                yield frame({"beam.tree": opening, "beam.lead": lead, **cleared, "beam.notice": wording.notice(words)})
                for trace in watch.steps:
                    now = time.monotonic()
                    with_panels = now >= next_panels or trace.is_finished or single
                    if with_panels:
                        next_panels = now + PANEL_SECONDS
                    asked = session.frames.now()
                    update = frame(self.progress(session, shown, look, with_panels), asked)
                    if not session.is_current(watch.run):
                        break  # begun anew while the frame was made
                    yield update
                    shown = len(trace.steps)
                if session.trace is trace and trace.steps:  # stopped, perhaps between two drawings
                    asked = session.frames.now()
                    yield frame(self.progress(session, shown, look, True), asked)
        except Exception:
            if search is None and session.trace is kept:  # no step came of it: the last good picture comes back
                badge = self.recorded_badge() if session.is_recorded else frames.NO_TEXT
                yield frame({**self.shown(session), "beam.badge": badge})
            raise

    def progress(self, session: BeamSession, shown: int, look: BeamLook, with_panels: bool) -> dict[str, object]:
        """The new layers of the tree, and what the other panels say of the newest step."""
        trace, tree = session.trace, session.tree
        channels: dict[str, object] = {"beam.tree": frames.tree(trace, tree, shown, look)}
        if with_panels:
            index = session.inspected
            channels |= frames.step_panels(trace, tree, index, session.greedy, look)
            channels |= frames.path(trace, tree, session.picked, look)
            channels["beam.headline"] = frames.headline(trace, tree, index, session.greedy, look)
        return channels
