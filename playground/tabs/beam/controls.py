"""The controls of a search: the components, made from the catalogue of strategies, and what comes back from them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import gradio as gr

from playground import catalog
from playground.catalog import FOR_BEAMS
from playground.components.knob import Knob
from playground.components.live_button import LiveButton
from playground.components.live_text import LiveText
from playground.components.turns import Turns
from playground.decoding.beam_steps import BeamStrategy
from playground.decoding.dialogue import Dialogue
from playground.engines import dialogues
from playground.i18n import Translator, say
from playground.runs.setup import Setup
from playground.runs.strategies import STRATEGIES, StrategyKind
from playground.runs.strategies.options import Choice, Number, Option, Texts
from playground.tabs.generate.controls import SPEEDS, neutral_if_none

if TYPE_CHECKING:
    from playground.engines.protocol import Engine

MAX_STEPS = 64


def searches() -> tuple[StrategyKind, ...]:
    """The strategies of this tab."""
    return tuple(kind for kind in STRATEGIES.values() if kind.has_beams)


def options() -> tuple[Option, ...]:
    """What the page asks of them, each once, in the order of the controls."""
    found: dict[str, Option] = {}
    for option in (option for kind in searches() for option in kind.options if option.label):
        found.setdefault(option.name, option)
    return tuple(sorted(found.values(), key=lambda option: option.place))


def start_of(option: Option, t: Translator) -> Any:
    """What its control says when the page opens."""
    return t(option.first) if isinstance(option, Texts) and option.first else option.start


@dataclass(frozen=True)
class BeamValues:
    """What the controls say. `of` reads the positional values that Gradio delivers, in the order of `BeamControls.all`.

    Attributes:
        mode: the name of the strategy.
        options: what the controls of `options()` say, by the name of the setting.
        parameters: the settings of the processors.
        turns: the prompt as a dialogue, in JSON; "" for a plain text.
    """

    prompt: str
    mode: str
    length: float
    seed: float
    speed: str
    options: Mapping[str, Any]
    parameters: Mapping[str, float]
    turns: str = ""

    @classmethod
    def of(cls, values: tuple[Any, ...]) -> "BeamValues":
        asked = options()
        prompt, mode, length, seed, speed, *rest = values
        own, knobs = rest[: len(asked)], rest[len(asked) : len(asked) + len(FOR_BEAMS)]
        turns = "".join(str(one or "") for one in rest[len(asked) + len(FOR_BEAMS) :])
        by_name = {p.name: neutral_if_none(value, p) for p, value in zip(FOR_BEAMS, knobs, strict=True)}
        chosen = {option.name: value for option, value in zip(asked, own, strict=True)}
        return cls(prompt or "", mode, _number(length), _number(seed), speed, chosen, by_name, turns)

    @property
    def dialogue(self) -> Dialogue | None:
        """The prompt as turns; None where it is a plain text. Raises InvalidArgumentError."""
        return dialogues.of_the_page(self.turns)

    @property
    def kind(self) -> StrategyKind:
        return STRATEGIES[self.mode]

    @property
    def steps_per_second(self) -> float | None:
        return SPEEDS.get(self.speed)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that the strategy takes, by name, not checked yet."""
        own = {o.name: o.read(self.options[o.name]) for o in self.kind.options if o.name in self.options}
        return own | {name: self.parameters[name] for name in self.kind.processors if name in self.parameters}

    def max_new_tokens(self) -> int:
        return catalog.check_whole("max_new_tokens", self.length, 1, MAX_STEPS)

    def setup(self, model: str | None = None) -> Setup:
        """The search as a value. Raises OutOfRangeError or InvalidArgumentError for a value that is not allowed."""
        seed = catalog.check_seed(self.seed)  # type: ignore[arg-type]
        dialogue = self.dialogue
        prompt = self.prompt if dialogue is None else None
        length = self.max_new_tokens()
        return Setup(self.mode, self.settings, seed, length, prompt=prompt, model=model, dialogue=dialogue)

    def strategy(self, backend: "Engine") -> BeamStrategy:
        """Raises the errors of `setup`, UnknownPhraseError for a phrase that the tokenizer can't spell."""
        names = {o.name: say(o.label) for o in self.kind.options if isinstance(o, Texts)}
        return cast(BeamStrategy, self.setup().build(backend, names=names))


def _number(value: float | None) -> float:
    return math.nan if value is None else value  # an emptied field: no number, so out of every range


@dataclass(frozen=True)
class BeamControls:
    """The components, in one column."""

    prompt: gr.Textbox
    mode: gr.Radio
    length: Knob
    seed: gr.Number
    dice: gr.Button
    speed: gr.Dropdown
    options: Mapping[str, Any]
    knobs: Mapping[str, Knob]
    examples: Mapping[int, gr.Button]
    run: LiveButton
    step: gr.Button
    pause: LiveButton
    stop: LiveButton
    prompt_end: LiveText
    turns: Turns

    @property
    def all(self) -> list[Any]:
        """The components whose values `BeamValues.of` reads."""
        return [
            self.prompt, self.mode, self.length, self.seed, self.speed,
            *(self.options[option.name] for option in options()), *(self.knobs[p.name] for p in FOR_BEAMS),
            self.turns,
        ]  # fmt: skip

    def settable(self, names: Sequence[str]) -> list[Any]:
        """The components that an example sets, which has a word on the options of these names."""
        return [
            self.prompt, self.mode, self.length, *(self.options[name] for name in names),
            *(self.knobs[p.name] for p in FOR_BEAMS), self.turns,
        ]  # fmt: skip


def control(option: Option, value: Any, t: Translator) -> Any:
    """The component that asks for an option, and says `value` at first."""
    if isinstance(option, Number):
        limits = (option.minimum, option.maximum)
        return dial(
            option.element, (option.label, option.help), value, option.slider, option.is_whole, t, option.off, limits,
            elem_classes=[f"for-{option.element}"],
        )  # fmt: skip
    if isinstance(option, Choice):
        return gr.Dropdown(
            [(t(key), name) for name, key in option.texts.items()], value=value, label=t(option.label),
            elem_id=option.element, elem_classes=f"speed for-{option.element}", filterable=False,
        )  # fmt: skip
    assert isinstance(option, Texts)
    room: dict[str, Any] = {"max_lines": 1, "min_width": 64} if option.is_single else {}
    return gr.Textbox(
        value, label=t(option.label), placeholder=t(option.help), info=t(option.info) if option.info else None,
        lines=1, elem_id=option.element, elem_classes=f"for-{option.element} plain-field", **room,
    )  # fmt: skip


def style() -> str:
    """The rules that show of each strategy what it takes, and what it is."""
    rules = [f"{_chosen([kind.name])} .only-{kind.name} {{ display: block; }}" for kind in searches()]
    for option in options():
        takes = [kind.name for kind in searches() if option.name in kind.settings]
        if len(takes) < len(searches()):
            rules.append(f"{_chosen(takes, False)} .for-{option.element} {{ display: none !important; }}")
    undrawn = _chosen([kind.name for kind in searches() if kind.draws], False)
    name, mover = ".knob-name span, .knob-value *", 'input[type="range"], input[role="switch"]'
    rules.append(f"{undrawn} .sampling-only :is({name}) {{ color: var(--plot-muted); }}")
    rules.append(f"{undrawn} .sampling-only :is({mover}) {{ opacity: 0.42; }}")
    return "\n".join(rules)


def _chosen(names: Sequence[str], is_chosen: bool = True) -> str:
    """The selector of the controls while one of these strategies is chosen, or while none is."""
    inputs = ", ".join(f'[value="{name}"]' for name in names)
    has = f":has(#beam-strategy input:is({inputs}):checked)"
    return f"#beam-controls{has if is_chosen else f':not({has})'}"


def dial(
    element: str, texts: tuple[str, str], value: float, slider: tuple[float, float, float], whole: bool, t: Translator,
    neutral: float | None = None, limits: tuple[float, float] | None = None, **arguments: Any,
) -> Knob:  # fmt: skip
    """A knob of the search itself; `texts` are the keys of its name and help. Without a neutral value it has no switch:
    it is always on. The field takes what is within `limits`, by default the ends of the slider."""
    limits = limits or slider[:2]
    label = t(texts[0])
    always = ["always-on"] if neutral is None else []
    return Knob(
        value,
        label=label,
        help_text=t(texts[1]),
        off=t("beam.length_penalty.off"),
        slider=slider,
        limits=limits,
        start=value or 1.0,
        neutral=limits[0] - 1 if neutral is None else neutral,  # a value that it can't have
        whole=whole,
        range_text=t("parameter.range", name=label, minimum=limits[0], maximum=limits[1]),
        elem_id=element,
        elem_classes=[*always, *arguments.pop("elem_classes", [])],
        **arguments,
    )
