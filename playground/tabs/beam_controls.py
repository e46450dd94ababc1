"""The controls of a search: the components, and the values that come back from them as a strategy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from playground import catalog
from playground.catalog import FOR_BEAMS
from playground.components.knob import Knob
from playground.components.live_button import LiveButton
from playground.decoding.beam_search import BeamSearch
from playground.decoding.beam_steps import BeamStrategy
from playground.decoding.constrained_beam_search import ConstrainedBeamSearch
from playground.decoding.diverse_beam_search import DiverseBeamSearch
from playground.decoding.processors import Processor
from playground.decoding.selection import Argmax, Multinomial
from playground.decoding.stochastic_beam_search import StochasticBeamSearch
from playground.decoding.stopping import StopStrings
from playground.errors import InvalidArgumentError
from playground.i18n import Translator
from playground.tabs.controls import SPEEDS, neutral_if_none
from playground.views.beam_length_penalty import HIGHEST, LOWEST

if TYPE_CHECKING:
    from playground.backends.huggingface import Backend

STRATEGIES = ("beam", "sample", "diverse", "constrained", "stochastic")
EARLY: Mapping[str, Any] = {"full": True, "heuristic": False, "never": "never"}
MAX_BEAMS = 16
MAX_STEPS = 64


@dataclass(frozen=True)
class BeamValues:
    """What the controls say. `of` reads the positional values that Gradio delivers, in the order of `all`."""

    prompt: str
    mode: str
    num_beams: float
    length: float
    length_penalty: float
    early: str
    stop_text: str
    groups: float
    diversity_penalty: float
    phrases_text: str
    seed: float
    speed: str
    parameters: Mapping[str, float]

    @classmethod
    def of(cls, values: tuple[Any, ...]) -> "BeamValues":
        (prompt, mode, beams, length, alpha, early, stop, groups, diversity, phrases, seed, speed, *knobs) = values
        by_name = {p.name: neutral_if_none(value, p) for p, value in zip(FOR_BEAMS, knobs, strict=True)}
        numbers = [_number(v) for v in (beams, length, alpha, groups, diversity, seed)]
        beams, length, alpha, groups, diversity, seed = numbers
        return cls(
            prompt or "", mode, beams, length, alpha, early, stop or "", groups, diversity, phrases or "", seed, speed,
            by_name,
        )  # fmt: skip

    @property
    def steps_per_second(self) -> float | None:
        return SPEEDS.get(self.speed)

    def max_new_tokens(self) -> int:
        return catalog.check_whole("max_new_tokens", self.length, 1, MAX_STEPS)

    def processors(self) -> tuple[Processor, ...]:
        """Those that the strategy applies: the warpers only where something is drawn."""
        return catalog.processors(self.parameters, self.mode in ("sample", "stochastic"))

    def strategy(self, backend: "Backend") -> BeamStrategy:
        """Raises OutOfRangeError or InvalidArgumentError for a value that is not allowed."""
        beams = catalog.check_whole("num_beams", self.num_beams, 1, MAX_BEAMS)
        alpha = catalog.check_number("length_penalty", self.length_penalty, LOWEST, HIGHEST)
        seed, processors, early = catalog.check_seed(self.seed), self.processors(), EARLY[self.early]  # type: ignore[arg-type]
        if self.mode == "diverse":
            groups = catalog.check_whole("num_beam_groups", self.groups, 1, beams)
            if beams % groups:
                rule = f"a divisor of num_beams ({beams})"
                raise InvalidArgumentError(name="num_beam_groups", rule=rule, value=groups)
            penalty = catalog.check_number("diversity_penalty", self.diversity_penalty, 0, 10)
            return DiverseBeamSearch(beams, groups, penalty, alpha, early, processors)
        if self.mode == "constrained":
            return ConstrainedBeamSearch(beams, self.phrases(backend), alpha, early, processors)
        if self.mode == "stochastic":
            return StochasticBeamSearch(beams, seed, processors)
        stop = StopStrings((self.stop_text,), backend.vocabulary.pieces) if self.stop_text else None
        selection = Multinomial(seed) if self.mode == "sample" else Argmax()
        return BeamSearch(beams, alpha, early, processors, selection, stop=stop)

    def phrases(self, backend: "Backend") -> tuple[tuple[int, ...], ...]:
        """The phrases that must appear, one a line or between semicolons, each as it is spelt after a space."""
        texts = [text.strip() for text in self.phrases_text.replace("\n", ";").split(";") if text.strip()]
        phrases = tuple(ids for text in texts if (ids := backend.tokenizer.encode(" " + text)))
        if not phrases:
            raise InvalidArgumentError(name="force_words", rule="at least one phrase", value=self.phrases_text)
        return phrases


def _number(value: float | None) -> float:
    return float("nan") if value is None else value  # an emptied field: no number, so out of every range


@dataclass(frozen=True)
class BeamControls:
    """The components, in one column."""

    prompt: gr.Textbox
    mode: gr.Radio
    num_beams: Knob
    length: Knob
    length_penalty: Knob
    early: gr.Dropdown
    stop_text: gr.Textbox
    groups: Knob
    diversity_penalty: Knob
    phrases: gr.Textbox
    seed: gr.Number
    dice: gr.Button
    speed: gr.Dropdown
    knobs: Mapping[str, Knob]
    examples: Mapping[str, gr.Button]
    run: gr.Button
    step: gr.Button
    pause: LiveButton
    stop: gr.Button

    @property
    def all(self) -> list[Any]:
        """The components whose values `BeamValues.of` reads."""
        return [
            self.prompt, self.mode, self.num_beams, self.length, self.length_penalty, self.early, self.stop_text,
            self.groups, self.diversity_penalty, self.phrases, self.seed, self.speed,
            *(self.knobs[p.name] for p in FOR_BEAMS),
        ]  # fmt: skip

    @property
    def settable(self) -> list[Any]:
        """The components that an example sets."""
        return [
            self.prompt, self.mode, self.num_beams, self.length, self.length_penalty, self.early, self.stop_text,
            *(self.knobs[p.name] for p in FOR_BEAMS),
        ]  # fmt: skip


def dial(
    name: str, value: float, slider: tuple[float, float, float], whole: bool, t: Translator,
    neutral: float | None = None, **arguments: Any,
) -> Knob:  # fmt: skip
    """A knob of the search itself. Without a neutral value it has no switch: it is always on."""
    label = t(f"beam.{name}.label")
    always = ["always-on"] if neutral is None else []
    return Knob(
        value,
        label=label,
        help_text=t(f"beam.{name}.help"),
        off=t("beam.length_penalty.off"),
        slider=slider,
        limits=(slider[0], slider[1]),
        start=value or 1.0,
        neutral=slider[0] - 1 if neutral is None else neutral,  # a value that it can't have
        whole=whole,
        range_text=t("parameter.range", name=label, minimum=slider[0], maximum=slider[1]),
        elem_id=f"beam-{name.replace('_', '-')}",
        elem_classes=[*always, *arguments.pop("elem_classes", [])],
        **arguments,
    )
