"""The tour: the recorded run, played as if it were being made, to someone who is here for the first time."""

import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

from playground.components.live_bus import frame
from playground.panels import wording
from playground.panels.generate import frames, tour
from playground.tabs.generate.base import GenerateBase, Update
from playground.tabs.generate.chart_clock import ChartClock
from playground.tabs.generate.controls import Values
from playground.tabs.generate.session import Session
from playground.tabs.shell import reported


class Touring(GenerateBase):
    """The handlers of the tour. No model is needed: every picture is the recorded run's."""

    @reported(ends_run=True)
    def tour(self, session: Session, *values: Any) -> Iterator[Update]:
        """Play the recorded run, scene by scene, until its end or until anything else is begun; then all of it is on
        the page, as a run is that has ended. Where none was recorded there is nothing to play."""
        if not self.first_run.steps:
            yield frame({"tour": tour.NONE})
            return
        if session.trace is not self.first_run:
            session.stop()
            session.put(self.first_run, self.brought.made_with, self.first.inspect)
            session.is_recorded = True
            session.make(0, self.new_session().ways[0][1])
            yield frame({"badge": self.recorded_badge(), "notice": wording.notice("")})
        session.pinned = self.first.inspect
        run = session.tour_run = session.begin()

        def is_wanted() -> bool:
            return session.is_current(run) and session.trace is self.first_run

        try:
            is_whole = yield from self._scenes(session, Values.of(values), is_wanted)
        finally:
            session.end(run)
        if session.trace is self.first_run and not session.is_running:
            asked, look = session.frames.now(), self.look(session, Values.of(values))
            whole = frames.whole(session.trace, session.inspected, session.pinned is not None, look)
            asks = tour.words(tour.SCENES[-1], session.trace, self.first_vocabulary, self.t)
            yield frame({**whole, **({"tour": asks} if is_whole else {})}, asked)

    @reported()
    def end_tour(self, session: Session, *values: Any) -> Iterator[Update]:
        """The person has touched the page: the tour is over."""
        if session.tour_run is not None and session.is_current(session.tour_run):
            session.stop()
        yield frame({"tour": tour.READY})

    def _scenes(
        self, session: Session, controls: Values, is_wanted: Callable[[], bool]
    ) -> Generator[Update, None, bool]:
        """Returns whether it came to its end."""
        whole, look = self.first_run, self.look(session, controls)
        clock, shown = ChartClock(is_paced=True), 0
        for scene in tour.SCENES[:-1]:
            start = time.monotonic()
            goal = len(whole.steps) if scene.tokens is None else scene.tokens
            said: dict[str, object] = {"tour": tour.words(scene, whole, self.first_vocabulary, self.t)}
            counts = range(shown + 1, goal + 1) if goal > shown else (goal,)
            for place, count in enumerate(counts, start=1):
                if not is_wanted():
                    return False
                part, index, now = whole.rewound(count), max(0, count - 1), time.monotonic()
                parts = clock.due(now, count == goal)
                channels = {**said, "strip": frames.strip(part, shown, look), **frames.looked_at(count - 1, False)}
                if "choice" in parts:
                    channels |= frames.choice_panels(whole, index, False, look)
                if "temperature" in parts:
                    channels |= frames.softened(whole, index, look)
                if "trajectory" in parts and count:
                    channels |= frames.along_the_text(part, index, look)
                yield frame(channels)
                clock.made(parts, now, time.monotonic() - now)
                said, shown = {}, count
                if not _waited(start + scene.seconds * place / len(counts), is_wanted):
                    return False
        return True


def _waited(due: float, is_wanted: Callable[[], bool]) -> bool:
    """Wait until a time of the monotonic clock; says no, at once, when nobody wants to."""
    while (left := due - time.monotonic()) > 0:
        if not is_wanted():
            return False
        time.sleep(min(0.05, left))
    return is_wanted()
