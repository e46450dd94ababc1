"""The session: what one visitor has on the Generate tab, shared by reference between that visitor's events."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from playground.decoding.trace import TRACE_BYTES, Trace
from playground.tabs.visitor import Running
from playground.views.notation import Unit

Ways = tuple[tuple[int, Mapping[str, Any]], ...]  # the settings of a text: the first token of each, and its settings


class Snapshot(NamedTuple):
    """A text as it was on the page."""

    trace: Trace
    model_name: str
    is_recorded: bool
    pinned: int | None
    ways: Ways


class Session(Running):
    """One visitor's text. Lives in a `gr.State`; two events of one visitor may use it at the same time.

    Attributes:
        trace: the run on the page.
        model_name: of the model that made it.
        pinned: index of the token under inspection, or None to follow the newest.
        is_recorded: whether it is, or goes on from, the recorded run that every visitor is met with.
        lesson: key of the example chosen last.
        unit: chosen while a run goes on, or None.
        verified: the trace that is being compared, or has been.
        ways: with which settings the trace was made.
        controls: what the controls said last, as settings; None before any event.
        tour_run: number of the run that plays the recorded text, or None.
        past, future: the texts that were on the page before this one, and those that were undone.
    """

    def __init__(self, trace: Trace, model_name: str) -> None:
        super().__init__()
        self.waiting = {"badge"}  # of the recorded run
        self.trace = trace
        self.model_name = model_name
        self.pinned: int | None = None
        self.is_recorded = False
        self.lesson = ""
        self.verified: Trace | None = None
        self.unit: Unit | None = None
        self.ways: Ways = ()
        self.controls: Mapping[str, Any] | None = None
        self.tour_run: int | None = None
        self.past: list[Snapshot] = []
        self.future: list[Snapshot] = []

    def __deepcopy__(self, memo: object) -> "Session":
        """Gradio copies the initial state for every visitor: the recorded trace is frozen, so it can be shared."""
        fresh = Session(self.trace, self.model_name)
        fresh.pinned, fresh.is_recorded, fresh.ways = self.pinned, self.is_recorded, self.ways
        fresh.lesson = self.lesson
        return fresh

    def snapshot(self) -> Snapshot:
        """What is on the page, for `restore`."""
        return Snapshot(self.trace, self.model_name, self.is_recorded, self.pinned, self.ways)

    def restore(self, snapshot: Snapshot) -> None:
        self.trace, self.model_name, self.is_recorded, self.pinned, self.ways = snapshot
        self.verified = None

    def put(self, trace: Trace, model_name: str, pinned: int | None) -> None:
        """Put another text on the page, or this one as it goes on. One that goes on from nothing of the text before
        it takes its place: that one is kept, and can be brought back."""
        before = self.snapshot()
        self.trace, self.model_name, self.pinned = trace, model_name, pinned
        self.is_recorded = self.is_recorded and bool(trace.steps)
        self.trim()
        old, new = before.trace, trace
        goes_on = new.token_ids[: len(old.steps)] == old.token_ids and new.request.prompt_ids == old.request.prompt_ids
        if old.steps and not (goes_on and before.model_name == model_name):
            self.past.append(before)
            self.future.clear()
        while len(self.past) > 1 and _bytes([*self.past, self.snapshot()]) > TRACE_BYTES:
            del self.past[0]

    def take_back(self, before: Snapshot) -> None:
        """Nothing came of the text that took the place of this one."""
        self.restore(before)
        self.past = [one for one in self.past if one is not before and one.trace is not before.trace]

    def undo(self) -> bool:
        """Bring back the text before this one; says no if there is none."""
        return self._swap(self.past, self.future)

    def redo(self) -> bool:
        """Bring back the text that was undone last; says no if there is none."""
        return self._swap(self.future, self.past)

    def _swap(self, source: list[Snapshot], target: list[Snapshot]) -> bool:
        self.stop()
        if not source:
            return False
        if self.trace.steps:
            target.append(self.snapshot())
        self.restore(source.pop())
        self.is_stopped = False
        return True

    def trim(self) -> None:
        """Tokens were taken back: settings of which none is left made nothing."""
        self.ways = tuple(way for way in self.ways if way[0] < max(1, len(self.trace.steps)))

    def make(self, start: int, settings: Mapping[str, Any]) -> None:
        """From token `start` on, the text is made with these settings."""
        kept = tuple(way for way in self.ways if way[0] < start)
        self.ways = kept if kept and kept[-1][1] == settings else (*kept, (start, settings))

    @property
    def inspected(self) -> int:
        """Index of the token on show; -1 if there is none."""
        newest = len(self.trace.steps) - 1
        return newest if self.pinned is None else min(self.pinned, newest)

    def take(self, run: int, trace: Trace) -> bool:
        """Put run number `run`'s newest trace on the page, unless that run is over: then say no."""
        with self._lock:
            if self.is_current(run):
                self.trace = trace
                return True
            return False


def _bytes(snapshots: list[Snapshot]) -> int:
    """Of all rows of logits that these texts keep, those that they share counted once."""
    rows = {id(step.row): step.row for one in snapshots for step in one.trace.steps}
    return sum(row.bytes for row in rows.values())
