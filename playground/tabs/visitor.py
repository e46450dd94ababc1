"""What the sessions of all tabs share: whose they are; one run at a time, begun, current, stopped; what was sent."""

import threading
from typing import NamedTuple

from playground.components.live_bus import FrameLog
from playground.engines.loading import ModelSlot
from playground.i18n import Said
from playground.runs.links import Link


class Asks(NamedTuple):
    """Two parts of an address."""

    run: str = ""
    view: str = ""


class Visitor:
    """Whose a session is.

    Attributes:
        language: in which the visitor is answered; None before their first event.
        model: the name of the model that they have chosen; "" for the first of their language.
        on: the slot of the model that the session was put in order for last; None: as it was made.
    """

    language: str | None = None
    model: str = ""
    on: ModelSlot | None = None


class Running(Visitor):
    """One visitor's run in one tab. Two events of one visitor may use it at the same time.

    Attributes:
        frames: what was sent to the page lately.
        waiting: the channels on which the page says that something is on its way.
        leaves_end_off: whether prompts are read without the special tokens that the tokenizer puts behind them.
        is_auto: whether the run goes on by itself (Run), or waits for the person (Step, Pause, Stop, Back).
        is_stopped: whether the person has ended the run before its end: it waits for nobody.
        told: what the page was told last of how the run stands.
        link: the link that was opened last, or None.
        link_words: what is said of it, until another text is made.
        asks: what the controls ask for, as queries: the run and how the page looks; empty before any event.
    """

    def __init__(self) -> None:
        self.frames = FrameLog()
        self.waiting: set[str] = set()
        self.leaves_end_off = False
        self.is_auto = True
        self.is_stopped = False
        self.told: dict[str, object] = {}
        self.link: Link | None = None
        self.link_words: Said | None = None
        self.asks = Asks()
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
    def version(self) -> int:
        """Changes whenever a run begins or is stopped: work for an older version is no longer wanted."""
        return self._run
