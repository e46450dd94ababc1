"""The example searches: settings that each make one thing about beams visible (their texts are in i18n)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from playground.runs.strategies.options import EARLY_STOPPING, LENGTH_PENALTY, NUM_BEAMS, STOP_STRINGS

if TYPE_CHECKING:
    from playground.tabs.beam.controls import BeamValues


@dataclass(frozen=True)
class BeamExample:
    """A prompt with its settings; `beam.example.<key>.name` and `.notice` are its texts.

    Attributes:
        stop: the text that ends a sequence, or "".
        processors: those that are on, by name.
    """

    key: str
    prompt: str
    strategy: str = "beam"
    num_beams: int = 4
    length: int = 20
    length_penalty: float = 1.0
    early_stopping: str = "heuristic"
    stop: str = ""
    processors: Mapping[str, float] = field(default_factory=dict)

    @property
    def options(self) -> dict[str, Any]:
        """What the controls of the search itself say, by the name of the setting."""
        return {
            NUM_BEAMS.name: self.num_beams, LENGTH_PENALTY.name: self.length_penalty,
            EARLY_STOPPING.name: self.early_stopping, STOP_STRINGS.name: self.stop,
        }  # fmt: skip

    def fits(self, values: "BeamValues") -> bool:
        """Whether the controls still say what the example set."""
        theirs = (values.prompt, values.mode, values.length, {name: values.options[name] for name in self.options})
        return not values.turns and theirs == (self.prompt, self.strategy, self.length, self.options)


BEAM_EXAMPLES: tuple[BeamExample, ...] = (
    BeamExample("pays_off", "The old man wanted to", length=14, stop="."),
    BeamExample("loses", "The princess opened the box, and", num_beams=2, length=12),
    BeamExample("short_wins", "The giant laughed and", length_penalty=0.0, stop="."),
    BeamExample("repeats", "There was once a", length=24),
    BeamExample("wide", "Once upon a time there was a little", num_beams=16, length=40),
)
POETS: tuple[BeamExample, ...] = (
    BeamExample("poet_pays_off", "春晓：", length=14, stop="。"),
    BeamExample("poet_wide", "江雪：", num_beams=16, length=40),
)


def of_any(language: str) -> tuple[BeamExample, ...]:
    """Of a model that brings none of its own. No text is set that ends a sequence: its vocabulary may lack it."""
    prompt = "今天天气很好，我们" if language == "zh" else "The most important thing about a good story is"
    return (BeamExample("any_beams", prompt), BeamExample("any_wide", prompt, num_beams=16, length=40))
