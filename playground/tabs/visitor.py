"""What the sessions of all tabs share: one run at a time, begun, current, stopped; and what was sent to the page."""

import threading

from playground.components.live_bus import FrameLog


class Running:
    """One visitor's run in one tab. Two events of one visitor may use it at the same time.

    Attributes:
        frames: what was sent to the page lately.
        is_auto: whether the run goes on by itself (Run), or waits for the person (Step, Pause, Stop, Back).
    """

    def __init__(self) -> None:
        self.frames = FrameLog()
        self.is_auto = True
        self._run = 0
        self._is_running = False
        self._lock = threading.Lock()

    @property
    def is_running(self) -> bool:
        return self._is_running

    def begin(self) -> int:
        """Start a run and end the one before it; the number tells them apart."""
        with self._lock:
            self._run += 1
            self._is_running = True
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
    def version(self) -> int:
        """Changes whenever a run begins or is stopped: work for an older version is no longer wanted."""
        return self._run
