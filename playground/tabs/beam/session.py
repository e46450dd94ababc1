"""The beam session: what one visitor has on the Beam search tab, and a search that can be put down and taken up."""

import threading
from collections.abc import Iterator, Mapping
from typing import Any

from playground.decoding.beam_steps import BeamStep, Hypothesis
from playground.decoding.beam_trace import BeamTrace
from playground.tabs.visitor import Running
from playground.views.beam_tree import BeamTree, Place


class LiveSearch:
    """A search that waits between its steps for as long as the person does: Pause keeps its KV cache.

    `trace` has every step that was taken, shown or not. One step at a time, whoever asks.
    """

    def __init__(self, trace: BeamTrace, steps: Iterator[BeamStep]) -> None:
        self.trace = trace
        self._steps = steps
        self._lock = threading.Lock()
        self._is_closed = False
        self._error: Exception | None = None  # with which it broke off

    def traces(self, shown: int) -> Iterator[BeamTrace]:
        """The trace after every step from number `shown` on. Closing this iterator leaves the search as it is; one that
        broke off raises its error again."""
        while shown < len(self.trace.steps):
            shown += 1
            yield self.trace.until(shown)
        while True:
            with self._lock:
                if self._is_closed or self.trace.is_finished:
                    return
                if self._error is not None:
                    raise self._error
                try:
                    step = next(self._steps, None)
                except Exception as error:
                    self._error = error
                    raise
                if step is None:
                    return
                trace = self.trace = self.trace.appended(step)
            yield trace

    def close(self) -> None:
        """End it and hand its KV cache back."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._steps.close()  # type: ignore[attr-defined]  # engine.search is a generator


class BeamSession(Running):
    """One visitor's search. Lives in a `gr.State`.

    Attributes:
        trace: the search on the page; `tree` is made of it.
        model_name: of the model that made it.
        search: the search that the trace belongs to, while it can go on.
        greedy: what greedy decoding makes of the same prompt, once it is known.
        pinned: how many steps are on show when the person looks back, or None for all.
        picked: the node that was clicked.
        is_recorded: whether it is the recorded search that every visitor is met with.
        lesson: key of the example chosen last.
        alpha: where the length-penalty slider stands, or None: at the search's own.
        verified: the trace that is being compared, or has been.
        made: the settings of the search.
        controls: what the controls said last, as settings; None before any event.
    """

    def __init__(
        self, trace: BeamTrace, tree: BeamTree, model_name: str, greedy: Hypothesis | None, lesson: str
    ) -> None:
        super().__init__()
        self.waiting = {"beam.badge"}  # of the recorded search
        self.trace = trace
        self.tree = tree
        self.model_name = model_name
        self.greedy = greedy
        self.lesson = lesson
        self.search: LiveSearch | None = None
        self.pinned: int | None = None
        self.picked: Place | None = None
        self.alpha: float | None = None
        self.is_recorded = False
        self.verified: BeamTrace | None = None
        self.made: Mapping[str, Any] = {}
        self.controls: Mapping[str, Any] | None = None

    def __deepcopy__(self, memo: object) -> "BeamSession":
        """Gradio copies the initial state for every visitor: the recorded search is frozen, so it can be shared."""
        fresh = BeamSession(self.trace, self.tree, self.model_name, self.greedy, self.lesson)
        fresh.is_recorded, fresh.made = self.is_recorded, self.made
        return fresh

    @property
    def inspected(self) -> int:
        """Index of the step on show; -1 if there is none."""
        newest = len(self.trace.steps) - 1
        return newest if self.pinned is None else min(self.pinned - 1, newest)

    def put(self, trace: BeamTrace, tree: BeamTree, model_name: str, search: LiveSearch | None) -> None:
        """Put another search on the page; the one before it is closed."""
        old, self.search = self.search, search
        if old is not None and old is not search:
            old.close()
        self.trace, self.tree, self.model_name = trace, tree, model_name
        self.greedy = self.picked = self.pinned = self.alpha = self.verified = None
        self.is_recorded = False

    def snapshot(self) -> tuple[BeamTrace, BeamTree, str, Hypothesis | None, bool, Mapping[str, Any]]:
        """What is on the page, for `restore`."""
        return self.trace, self.tree, self.model_name, self.greedy, self.is_recorded, self.made

    def restore(
        self, snapshot: tuple[BeamTrace, BeamTree, str, Hypothesis | None, bool, Mapping[str, Any]]
    ) -> None:  # fmt: skip
        """Put it back on the page; it can't go on, but be looked at."""
        self.put(*snapshot[:3], None)
        self.greedy, self.is_recorded, self.made = snapshot[3:]

    def take(self, run: int, trace: BeamTrace, tree: BeamTree) -> bool:
        """Put run number `run`'s newest trace on the page, unless that run is over: then say no."""
        with self._lock:
            if self.is_current(run):
                self.trace, self.tree = trace, tree
                return True
            return False

    def close(self) -> None:
        """The visitor has gone."""
        self.stop()
        if self.search is not None:
            self.search.close()
