"""A run: begun, paused, stopped; its steps at the pace of whoever watches. One at a time for each visitor of a tab."""

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Generic, Literal, NamedTuple, TypeVar

from playground import engine

Item = TypeVar("Item")
State = Literal["ready", "running", "paused", "stopped", "ended"]


class Turns:
    """Whose turn it is: a run that begins ends the one before it. Two events of one visitor may use it at a time.

    Attributes:
        is_auto: whether the run goes on by itself (Run), or waits for the person (Step, Pause, Stop, Back).
        is_stopped: whether the person has ended the run before its end: it waits for nobody.
    """

    def __init__(self) -> None:
        self.is_auto = True
        self.is_stopped = False
        self._run = 0
        self._is_running = False
        self._lock = threading.Lock()

    @property
    def is_running(self) -> bool:
        return self._is_running

    @property
    def version(self) -> int:
        """Changes whenever a run begins or is stopped: work for an older version is no longer wanted."""
        return self._run

    def begin(self) -> int:
        """Start a run and end the one before it; the number tells them apart."""
        with self._lock:
            self._run += 1
            self._is_running = True
            self.is_stopped = False
            return self._run

    def is_current(self, run: int) -> bool:
        """Whether nothing has been started or stopped since run number `run` began."""
        return self._run == run and self._is_running

    def end(self, run: int) -> None:
        """Run number `run` has nothing more to do."""
        with self._lock:
            if self._run == run:
                self._is_running = False

    def stop(self) -> None:
        """End whatever runs: the next token is not taken."""
        with self._lock:
            self._run += 1
            self._is_running = False

    @property
    def reached(self) -> tuple[bool, bool]:
        """Whether anything is there, and whether it has come to its end; of turns alone nothing is."""
        return False, False

    @property
    def state(self) -> State:
        """How the run stands."""
        if self.is_running:
            return "running"
        is_there, is_finished = self.reached
        if not is_there:
            return "ready"
        if is_finished:
            return "ended"
        return "stopped" if self.is_stopped else "paused"

    def pause(self) -> bool:
        """Let what runs wait; says no if nothing does."""
        if not self.is_running:
            return False
        self.stop()
        self.is_auto = False
        return True

    def call_off(self) -> bool:
        """End it as it is: it waits for nobody any longer. Says no if nothing runs or waits."""
        if self.state not in ("running", "paused"):
            return False
        self.stop()
        self.is_auto, self.is_stopped = False, True
        return True

    @contextmanager
    def watching(
        self, steps: Iterator[Item], per_second: float | None, frame_seconds: float = 0.0,
        take: Callable[[int, Item], bool] = lambda run, item: True, single: bool = False,
    ) -> "Iterator[Watch[Item]]":  # fmt: skip
        """A run that begins here and has ended behind the block: its number, and its steps as of `watched`. `take` is
        told the number too."""
        self.is_auto = not single
        run = self.begin()
        wanted = watched(self, run, steps, per_second, frame_seconds, lambda item: take(run, item), single)
        try:
            yield Watch(run, wanted)
        finally:
            wanted.close()
            self.end(run)


class Watch(NamedTuple, Generic[Item]):
    """A run that goes on: its number, and its steps."""

    run: int
    steps: Generator[Item, None, None]


def watched(
    turns: Turns, run: int, steps: Iterator[Item], per_second: float | None, frame_seconds: float = 0.0,
    take: Callable[[Item], bool] = lambda item: True, single: bool = False,
) -> Generator[Item, None, None]:  # fmt: skip
    """The steps of run number `run` as one watches them, until something else is begun or the run is stopped.

    At most `per_second` of them (None: as they come), and at most one in `frame_seconds`: always the newest, and the
    last. `take` puts one down where the page will look for it; the run is over where it says no. With `single` there is
    one. Closing this closes `steps`; who began the run ends it (`turns.end`). Errors of the steps come through.
    """
    wanted = engine.paced(steps, per_second, lambda: turns.is_current(run))
    try:
        for item in engine.latest_every(frame_seconds, wanted) if frame_seconds else wanted:
            if not take(item):
                return
            yield item
            if single:
                return
    finally:
        wanted.close()  # type: ignore[attr-defined]  # engine.paced is a generator
