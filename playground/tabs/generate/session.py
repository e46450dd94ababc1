"""The session: what one visitor has on the Generate tab, shared by reference between that visitor's events."""

from playground.decoding.trace import Trace
from playground.runs.text_run import Settings, TextRun
from playground.tabs.visitor import Running
from playground.views.notation import Unit


class Session(TextRun, Running):
    """One visitor's text. Lives in a `gr.State`; two events of one visitor may use it at the same time.

    Attributes:
        lesson: key of the example chosen last.
        unit: chosen while a run goes on, or None.
        controls: what the controls said last, as settings; None before any event.
        tour_run: number of the run that plays the recorded text, or None.
    """

    def __init__(self, trace: Trace, model_name: str) -> None:
        super().__init__(trace, model_name)
        self.waiting = {"badge"}  # of the recorded run
        self.lesson = ""
        self.unit: Unit | None = None
        self.controls: Settings | None = None
        self.tour_run: int | None = None

    def __deepcopy__(self, memo: object) -> "Session":
        """Gradio copies the initial state for every visitor: the recorded trace is frozen, so it can be shared."""
        fresh = Session(self.trace, self.model_name)
        fresh.pinned, fresh.is_recorded, fresh.ways = self.pinned, self.is_recorded, self.ways
        fresh.lesson = self.lesson
        return fresh
