"""The session: what one visitor has on the Generate tab, shared by reference between that visitor's events."""

from playground.decoding.trace import Trace
from playground.examples import EXAMPLES
from playground.tabs.visitor import Running
from playground.views.notation import Unit


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
    """

    def __init__(self, trace: Trace, model_name: str) -> None:
        super().__init__()
        self.trace = trace
        self.model_name = model_name
        self.pinned: int | None = None
        self.is_recorded = False
        self.lesson = EXAMPLES[0].key
        self.verified: Trace | None = None
        self.unit: Unit | None = None

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
