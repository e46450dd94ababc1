"""The session: what one visitor has on the page, shared by reference between that visitor's events."""

import threading

from playground.components.live_bus import FrameLog
from playground.decoding.trace import Trace
from playground.examples import EXAMPLES
from playground.views.notation import Unit


class Session:
    """One visitor's run. Lives in a `gr.State`; two events of one visitor may use it at the same time.

    Attributes:
        trace: the run on the page.
        model_name: of the model that made it.
        pinned: index of the token under inspection, or None to follow the newest.
        is_recorded: whether it is, or goes on from, the recorded run that every visitor is met with.
        lesson: key of the example chosen last.
        unit: chosen while a run goes on, or None.
        frames: what was sent to the page lately.
        verified: the trace that is being compared, or has been.
        is_auto: whether the run goes on by itself (Run), or waits for the person (Step, Pause, Stop, Back).
    """

    def __init__(self, trace: Trace, model_name: str) -> None:
        self.trace = trace
        self.model_name = model_name
        self.pinned: int | None = None
        self.is_recorded = False
        self.lesson = EXAMPLES[0].key
        self.is_auto = True
        self.verified: Trace | None = None
        self.unit: Unit | None = None
        self.frames = FrameLog()
        self._run = 0
        self._is_running = False
        self._lock = threading.Lock()

    def __deepcopy__(self, memo: object) -> "Session":
        """Gradio copies the initial state for every visitor: the recorded trace is frozen, so it can be shared."""
        fresh = Session(self.trace, self.model_name)
        fresh.pinned, fresh.is_recorded = self.pinned, self.is_recorded
        return fresh

    def snapshot(self) -> tuple[Trace, str, bool, int | None]:
        """What is on the page, for `restore`."""
        return self.trace, self.model_name, self.is_recorded, self.pinned

    def restore(self, snapshot: tuple[Trace, str, bool, int | None]) -> None:
        self.trace, self.model_name, self.is_recorded, self.pinned = snapshot
        self.verified = None

    @property
    def is_running(self) -> bool:
        return self._is_running

    @property
    def inspected(self) -> int:
        """Index of the token on show; -1 if there is none."""
        newest = len(self.trace.steps) - 1
        return newest if self.pinned is None else min(self.pinned, newest)

    def begin(self) -> int:
        """Start a run and end the one before it; the number tells them apart."""
        with self._lock:
            self._run += 1
            self._is_running = True
            return self._run

    def is_current(self, run: int) -> bool:
        """Whether nothing has been started or stopped since run number `run` began."""
        return self._run == run and self._is_running

    def take(self, run: int, trace: Trace) -> bool:
        """Put run number `run`'s newest trace on the page, unless that run is over: then say no."""
        with self._lock:
            if self.is_current(run):
                self.trace = trace
                return True
            return False

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
    def version(self) -> int:
        """Changes whenever a run begins or is stopped: work for an older version is no longer wanted."""
        return self._run
