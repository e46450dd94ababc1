"""The beam session: what one visitor has on the Beam search tab, shared by reference between that visitor's events."""

from playground.decoding.beam_steps import Hypothesis
from playground.decoding.beam_trace import BeamTrace
from playground.runs.search_run import SearchRun, Settings
from playground.tabs.visitor import Running
from playground.views.beam_tree import BeamTree


class BeamSession(SearchRun, Running):
    """One visitor's search. Lives in a `gr.State`.

    Attributes:
        lesson: key of the example chosen last.
        controls: what the controls said last, as settings; None before any event.
    """

    def __init__(
        self, trace: BeamTrace, tree: BeamTree, model_name: str, greedy: Hypothesis | None, lesson: str
    ) -> None:
        super().__init__(trace, tree, model_name, greedy)
        self.waiting = {"beam.badge"}  # of the recorded search
        self.lesson = lesson
        self.controls: Settings | None = None

    def __deepcopy__(self, memo: object) -> "BeamSession":
        """Gradio copies the initial state for every visitor: the recorded search is frozen, so it can be shared."""
        fresh = BeamSession(self.trace, self.tree, self.model_name, self.greedy, self.lesson)
        fresh.is_recorded, fresh.made = self.is_recorded, self.made
        return fresh
