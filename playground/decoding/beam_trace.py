"""BeamTrace: a search with beams and the steps it has taken so far, facts only."""

from dataclasses import dataclass, replace

from playground.decoding.beam_steps import BeamStep, BeamStrategy, Cost, Hypothesis, StopReason
from playground.decoding.dialogue import Rendered
from playground.decoding.model import LanguageModel


@dataclass(frozen=True, eq=False)
class BeamTrace:
    """What was asked and what came of it. Frozen; a change makes a new value.

    Attributes:
        prompt_ids: what the model reads first, at least one id.
        strategy: how the search goes on.
        max_new_tokens: the longest that a sequence may become.
        steps: taken so far.
        rendered: the dialogue that the prompt is; None for a plain text.
    """

    prompt_ids: tuple[int, ...]
    strategy: BeamStrategy
    max_new_tokens: int
    steps: tuple[BeamStep, ...] = ()
    rendered: Rendered | None = None

    def ends(self, model: LanguageModel) -> tuple[int, ...]:
        """The ids that end a sequence: those that end any text of the model, and what ends a turn of a dialogue."""
        return (*model.eos_ids, *(self.rendered.end_ids if self.rendered else ()))

    @property
    def stop_reason(self) -> StopReason | None:
        return self.steps[-1].stop_reason if self.steps else None

    @property
    def is_finished(self) -> bool:
        return self.stop_reason is not None

    @property
    def total(self) -> Cost:
        return self.steps[-1].total if self.steps else Cost()

    @property
    def length_penalty(self) -> float:
        """Exponent of the length in the scores; strategies without one rank by the plain sum, which is 0."""
        return float(self.strategy.length_penalty)

    @property
    def best(self) -> Hypothesis | None:
        """The winner, once the search has ended."""
        return self.steps[-1].finished[0] if self.is_finished and self.steps[-1].finished else None

    def appended(self, step: BeamStep) -> "BeamTrace":
        return replace(self, steps=(*self.steps, step))

    def until(self, count: int) -> "BeamTrace":
        """The same search as it stood after `count` steps."""
        return replace(self, steps=self.steps[:count])

    def running(self, index: int) -> tuple[Hypothesis, ...]:
        """The beams that run after step `index`; after the last step those that were still running when it stopped."""
        return tuple(beam for beam in self.steps[index].beams if not beam.is_ghost and beam.ended_by is None)
