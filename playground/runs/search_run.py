"""A search with beams: begun, stepped, paused, resumed from its cache and looked back on; no page is needed."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from playground import engine
from playground.decoding.beam_steps import BeamStep, Hypothesis
from playground.decoding.beam_trace import BeamTrace
from playground.runs.run import Turns, Watch
from playground.views.beam_tree import BeamTree, Place

if TYPE_CHECKING:
    from playground.engines.protocol import Engine

Settings = Mapping[str, Any]
Snapshot = tuple[BeamTrace, BeamTree, str, Hypothesis | None, bool, Settings]
Onward = Literal["on", "another", "ended"]


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


class SearchRun(Turns):
    """One visitor's search. Two events of one visitor may use it at the same time.

    Attributes:
        trace: the search as far as it is shown; `tree` is made of it.
        model_name: of the model that made it.
        search: the search that the trace belongs to, while it can go on.
        greedy: what greedy decoding makes of the same prompt, once it is known.
        pinned: how many steps are on show when the person looks back, or None for all.
        picked: the node that was clicked.
        alpha: where the length-penalty slider stands, or None: at the search's own.
        is_recorded: whether it is the recorded search that every visitor is met with.
        verified: the trace that is being compared, or has been.
        made: with which settings.
    """

    def __init__(self, trace: BeamTrace, tree: BeamTree, model_name: str, greedy: Hypothesis | None) -> None:
        super().__init__()
        self.trace = trace
        self.tree = tree
        self.model_name = model_name
        self.greedy = greedy
        self.search: LiveSearch | None = None
        self.pinned: int | None = None
        self.picked: Place | None = None
        self.alpha: float | None = None
        self.is_recorded = False
        self.verified: BeamTrace | None = None
        self.made: Settings = {}

    @property
    def reached(self) -> tuple[bool, bool]:
        return bool(self.trace.steps), self.trace.is_finished

    # begun, and going on

    def onward(self, asked: BeamTrace, model_name: str) -> tuple[BeamTrace, LiveSearch | None, Onward]:
        """What a step, or a search that is resumed, starts from where `asked` is asked for, and the search that waits
        there: the same one goes on; "another" is begun where anything is another, or the old one can't go on; there is
        nothing to do where it has "ended"."""
        trace, search = self.trace, self.search
        same = (trace.prompt_ids, trace.strategy, trace.max_new_tokens, trace.rendered) == (
            asked.prompt_ids, asked.strategy, asked.max_new_tokens, asked.rendered,
        )  # fmt: skip
        if not same or self.model_name != model_name or (search is None and not trace.is_finished):
            return asked, None, "another"
        return trace, search, "ended" if trace.is_finished else "on"

    @contextmanager
    def searching(
        self, backend: "Engine", trace: BeamTrace, search: LiveSearch | None, settings: Settings,
        per_second: float | None = None, frame_seconds: float = 0.0, single: bool = False,
    ) -> Iterator[Watch[BeamTrace]]:  # fmt: skip
        """Take steps after `trace`, of `search` or, without one, of a new search that takes the place of what is here:
        within the block the number of the run, and its traces as of `watched`; the tree has grown with each.

        Where an error leaves the block before a step came of it, what was here is back; it can't go on.
        """
        before = self.snapshot()
        if search is None:
            steps = engine.search(backend.model, trace.strategy, trace.prompt_ids, trace.max_new_tokens, trace.rendered)
            search = LiveSearch(trace, steps)
            self.put(trace, BeamTree(), backend.info.name, search)
            self.made = settings
        self.pinned = None
        tree = self.tree

        def take(number: int, newest: BeamTrace) -> bool:
            nonlocal tree
            tree = tree.grown(newest, backend.vocabulary)
            return self.take(number, newest, tree)

        traces = search.traces(len(trace.steps))
        with self.watching(traces, per_second, frame_seconds, take, single) as watch:
            try:
                yield watch
            except Exception:
                if not self.trace.steps and self.is_current(watch.run):
                    self.restore(before)
                raise

    def take(self, run: int, trace: BeamTrace, tree: BeamTree) -> bool:
        """Put run number `run`'s newest trace here, unless that run is over: then say no."""
        with self._lock:
            if self.is_current(run):
                self.trace, self.tree = trace, tree
                return True
            return False

    # looked at

    @property
    def inspected(self) -> int:
        """Index of the step on show; -1 if there is none."""
        newest = len(self.trace.steps) - 1
        return newest if self.pinned is None else min(self.pinned - 1, newest)

    def look_back(self, steps: int | None) -> None:
        """Show it as it stood after so many steps, at least one; at None: as it stands now."""
        self.pinned = None if steps is None else max(1, steps)

    def pick(self, place: Place | None) -> None:
        """Look at a node of the tree; where there is none, at no one in particular."""
        layers = self.tree.layers
        is_there = place is not None and 0 <= place[0] < len(layers) and 0 <= place[1] < len(layers[place[0]])
        self.picked = place if is_there else None

    # what is here, and what was

    def put(self, trace: BeamTrace, tree: BeamTree, model_name: str, search: LiveSearch | None) -> None:
        """Put another search here; the one before it is closed."""
        old, self.search = self.search, search
        if old is not None and old is not search:
            old.close()
        self.trace, self.tree, self.model_name = trace, tree, model_name
        self.greedy = self.picked = self.pinned = self.alpha = self.verified = None
        self.is_recorded = False

    def snapshot(self) -> Snapshot:
        """What is here, for `restore`."""
        return self.trace, self.tree, self.model_name, self.greedy, self.is_recorded, self.made

    def restore(self, snapshot: Snapshot) -> None:
        """Put it back; it can't go on, but be looked at."""
        self.put(*snapshot[:3], None)
        self.greedy, self.is_recorded, self.made = snapshot[3:]

    def close(self) -> None:
        """The visitor has gone."""
        self.stop()
        if self.search is not None:
            self.search.close()
