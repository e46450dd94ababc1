"""A text that is written: begun, stepped, paused, resumed, taken back, branched and looked at; no page is needed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from playground import engine
from playground.decoding.trace import TRACE_BYTES, GenerationRequest, Strategy, Trace
from playground.runs.run import Turns, Watch

if TYPE_CHECKING:
    from playground.engines.protocol import Engine

Settings = Mapping[str, Any]
Ways = tuple[tuple[int, Settings], ...]  # the settings of a text: the first token of each, and its settings
Onward = Literal["on", "another", "anew", "ended", "full"]


class Snapshot(NamedTuple):
    """A text as it was on the page."""

    trace: Trace
    model_name: str
    is_recorded: bool
    pinned: int | None
    ways: Ways


class TextRun(Turns):
    """One visitor's text. Two events of one visitor may use it at the same time.

    Attributes:
        trace: as far as it is written.
        model_name: of the model that made it.
        pinned: index of the token under inspection, or None to follow the newest.
        is_recorded: whether it is, or goes on from, the recorded run that every visitor is met with.
        ways: with which settings it was made.
        verified: the trace that is being compared, or has been.
        past, future: the texts that were here before this one, and those that were undone.
    """

    def __init__(self, trace: Trace, model_name: str) -> None:
        super().__init__()
        self.trace = trace
        self.model_name = model_name
        self.pinned: int | None = None
        self.is_recorded = False
        self.ways: Ways = ()
        self.verified: Trace | None = None
        self.past: list[Snapshot] = []
        self.future: list[Snapshot] = []

    @property
    def reached(self) -> tuple[bool, bool]:
        return bool(self.trace.steps), self.trace.finish_reason is not None

    # begun, and going on

    def goes_on(self, request: GenerationRequest, model_name: str) -> bool:
        """Whether the text is the beginning of this request to this model."""
        return self.model_name == model_name and self.trace.request.prompt_ids == request.prompt_ids

    def onward(self, request: GenerationRequest, model_name: str, settings: Settings) -> tuple[Trace, Onward]:
        """What a step, or a run that is resumed, starts from under this request.

        "on": the text goes on, with new settings too if it is not over. "another": a new one, since the prompt or the
        model is another. "anew": a new one, since this one is over and other settings are wanted. "ended", "full":
        there is nothing to go on with; it has come to its end, or has its length.
        """
        trace, how = self.trace.unstopped(request.strategy.stop), "on"
        if not self.goes_on(request, model_name):
            trace, how = Trace(request), "another"
        elif self._is_over(trace, request) and self._is_changed(settings):
            trace, how = Trace(request), "anew"
        if trace.finish_reason in ("stop", "stop_string"):
            how = "ended"
        elif len(trace.steps) >= request.max_new_tokens:
            how = "full"
        return trace, how  # type: ignore[return-value]  # one of Onward

    def _is_over(self, trace: Trace, request: GenerationRequest) -> bool:
        """Whether nobody waits for the text to go on: it has come to its end, or was stopped. A text that ended at its
        length and may be longer now waits."""
        if trace.finish_reason == "length":
            return request.max_new_tokens <= len(trace.steps)
        return trace.finish_reason is not None or self.is_stopped

    def _is_changed(self, settings: Settings) -> bool:
        """Whether the settings are others than those that made the newest token; the length makes none."""
        made = self.ways[-1][1] if self.ways else {}
        return {**made, "length": None} != {**settings, "length": None}

    @contextmanager
    def writing(
        self, backend: "Engine", request: GenerationRequest, start: Trace, settings: Settings,
        per_second: float | None = None, frame_seconds: float = 0.0, single: bool = False, pinned: int | None = None,
    ) -> Iterator[Watch[Trace]]:  # fmt: skip
        """Write on after `start`, which takes the place of what is here: within the block the number of the run, and
        its traces as of `watched`.

        The view stays at token `pinned`, or follows the newest. Where an error leaves the block before a token came of
        it, the text that was here is back.
        """
        before = self.snapshot()
        self.put(start, backend.info.name, pinned)
        self.make(len(start.steps), settings)
        steps = engine.generate(backend.model, request, start)
        try:
            with self.watching(steps, per_second, frame_seconds, self.take, single) as watch:
                yield watch
        except Exception:
            if self.trace is start:
                self._take_back(before)
            raise

    def take(self, run: int, trace: Trace) -> bool:
        """Put run number `run`'s newest trace here, unless that run is over: then say no."""
        with self._lock:
            if self.is_current(run):
                self.trace = trace
                return True
            return False

    # looked at, taken back, branched

    @property
    def inspected(self) -> int:
        """Index of the token on show; -1 if there is none."""
        newest = len(self.trace.steps) - 1
        return newest if self.pinned is None else min(self.pinned, newest)

    def inspect(self, index: int | None) -> bool:
        """Hold the view at a token; at None: follow the newest again. Says no if there is no such token."""
        if index is not None and not 0 <= index < len(self.trace.steps):
            return False
        self.pinned = index
        return True

    def back(self) -> bool:
        """Take the last token back; says no if there is none."""
        self.stop()
        self.is_auto = False
        if not self.trace.steps:
            return False
        self.trace = self.trace.rewound(len(self.trace.steps) - 1)
        self.pinned, self.is_stopped = None, False
        self.trim()
        return True

    @property
    def goes_by_itself(self) -> bool:
        """Whether what is branched off now is written to its end: the text is being written, or was without a pause."""
        return self.is_running or (self.is_auto and self.trace.finish_reason is not None)

    def has_choice(self, token_id: int) -> bool:
        """Whether the token on show could be this one."""
        index = self.inspected
        return index >= 0 and 0 <= token_id < self.trace.steps[index].row.size

    def branched(self, index: int, token_id: int, strategy: Strategy[Any], ends: Sequence[int]) -> Trace:
        """The text up to token `index`, with another one in its place; it goes on by `strategy`, whose stop strings
        may be new, and ends at the ids `ends`."""
        begun = replace(self.trace.request, strategy=strategy)
        return replace(self.trace, request=begun).branched(index, token_id, ends)

    def rest(self, trace: Trace, pinned: int | None) -> None:
        """Another text of the same model is here, and waits for the person."""
        self.put(trace, self.model_name, pinned)
        self.is_auto = self.is_stopped = False

    # what is here, and what was

    def snapshot(self) -> Snapshot:
        """What is here, for `restore`."""
        return Snapshot(self.trace, self.model_name, self.is_recorded, self.pinned, self.ways)

    def restore(self, snapshot: Snapshot) -> None:
        self.trace, self.model_name, self.is_recorded, self.pinned, self.ways = snapshot
        self.verified = None

    def put(self, trace: Trace, model_name: str, pinned: int | None) -> None:
        """Put another text here, or this one as it goes on. One that goes on from nothing of the text before it takes
        its place: that one is kept, and can be brought back."""
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

    def _take_back(self, before: Snapshot) -> None:
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
        self.is_auto = self.is_stopped = False
        return True

    def trim(self) -> None:
        """Tokens were taken back: settings of which none is left made nothing."""
        self.ways = tuple(way for way in self.ways if way[0] < max(1, len(self.trace.steps)))

    def make(self, start: int, settings: Settings) -> None:
        """From token `start` on, the text is made with these settings."""
        kept = tuple(way for way in self.ways if way[0] < start)
        self.ways = kept if kept and kept[-1][1] == settings else (*kept, (start, settings))


def _bytes(snapshots: list[Snapshot]) -> int:
    """Of all rows of logits that these texts keep, those that they share counted once."""
    rows = {id(step.row): step.row for one in snapshots for step in one.trace.steps}
    return sum(row.bytes for row in rows.values())
