"""The controls of a run: the components, built from the catalogue, and the values that come back from them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import gradio as gr

from playground import catalog, written
from playground.catalog import PARAMETERS, Parameter
from playground.components.knob import Knob
from playground.components.knob_bank import KnobBank, bank_values
from playground.components.live_button import LiveButton
from playground.components.live_text import LiveText
from playground.components.order_list import OrderList
from playground.components.text_knob import TextKnob
from playground.components.tour import Tour
from playground.components.turns import Turns
from playground.decoding.dialogue import Dialogue
from playground.decoding.processors import Processor
from playground.decoding.sampling import Sampling
from playground.engines import dialogues
from playground.i18n import Translator
from playground.lists import LISTS
from playground.runs.setup import Setup
from playground.runs.strategies import STRATEGIES, StrategyKind
from playground.views.notation import NATS, UNITS, Unit
from playground.views.slider_row import SLIDERS, Sliders
from playground.written import Speller

SPEEDS: Mapping[str, float | None] = {"fast": None, "lively": 12.0, "aloud": 3.0, "slow": 1.0}
MAX_LENGTH = 2048
TURN_WORDS = ("plain", "turns", "chooser", "add", "remove", "role", "content", "continue", "continue_help")
ORDER_WORDS = ("presets", "stages", "earlier", "later", "off", "empty", "back")


@dataclass(frozen=True)
class Values:
    """What the controls say. `of` reads the positional values that Gradio delivers, in the order of `Controls.all`;
    written settings that are left out are off. `turns` is the prompt as a dialogue, in JSON; "" for a plain text."""

    prompt: str
    mode: str
    seed: float
    length: float
    speed: str
    unit_name: str
    order: tuple[str, ...]
    parameters: Mapping[str, float]
    texts: Mapping[str, str]
    turns: str = ""

    @classmethod
    def of(cls, values: tuple[Any, ...]) -> "Values":
        prompt, mode, seed, length, speed, unit_name, order, bank, *more = values
        fields, turns = more[: len(LISTS)], "".join(str(one or "") for one in more[len(LISTS) :])
        numbers = bank_values(bank)
        by_name = {p.name: numbers.get(p.name, p.neutral) for p in PARAMETERS}
        texts = {name: str(text or "") for name, text in zip(LISTS, fields, strict=bool(fields))}
        return cls(
            prompt or "", mode, _number(seed), _number(length), speed, unit_name, order_of(order), by_name, texts, turns
        )

    @property
    def dialogue(self) -> Dialogue | None:
        """The prompt as turns; None where it is a plain text. Raises InvalidArgumentError."""
        return dialogues.of_the_page(self.turns)

    @property
    def kind(self) -> StrategyKind:
        return STRATEGIES[self.mode]

    @property
    def do_sample(self) -> bool:
        return self.kind.draws

    @property
    def unit(self) -> Unit:
        return UNITS.get(self.unit_name, NATS)

    @property
    def tokens_per_second(self) -> float | None:
        return SPEEDS.get(self.speed)

    def settings(self, speller: Speller | None = None) -> dict[str, Any]:
        """The numbers, and the lists that the texts become, by name. Raises the errors of `written.read`."""
        return {**self.parameters, **(written.settings(self.texts, speller) if speller else {})}

    def setup(self, speller: Speller, model: str | None = None) -> Setup:
        """The run as a value. Raises OutOfRangeError, as do the other three, for a value that is not allowed."""
        seed = catalog.check_seed(self.seed)  # type: ignore[arg-type]
        length = self.max_new_tokens()
        return Setup(self.mode, self.settings(speller), seed, length, self.order, **self.asked(), model=model)

    def asked(self) -> dict[str, Any]:
        """The prompt, as a Setup takes it. Raises InvalidArgumentError."""
        dialogue = self.dialogue
        return {"prompt": self.prompt} if dialogue is None else {"dialogue": dialogue}

    def strategy(self, speller: Speller) -> Sampling:
        return cast(Sampling, self.setup(speller).spelled(speller, len(speller.vocabulary.pieces)))

    def processors(self, speller: Speller) -> tuple[Processor, ...]:
        return catalog.processors(self.settings(speller), self.do_sample, self.order, speller.vocabulary)

    def sliders(self) -> Sliders | None:
        """What the page may redraw by itself; None where the four sliders are not at work as they stand."""
        if not self.do_sample or self.parameters["dynatemp_range"]:
            return None
        return Sliders({name: self.parameters[name] for name in SLIDERS}, self.order)

    def max_new_tokens(self) -> int:
        return catalog.check_whole("max_new_tokens", self.length, 1, MAX_LENGTH)


def kinds() -> tuple[StrategyKind, ...]:
    """The strategies of this tab: one sequence each."""
    return tuple(kind for kind in STRATEGIES.values() if not kind.has_beams)


def neutral_if_none(value: float | None, parameter: Parameter) -> float:
    return parameter.neutral if value is None else value


def order_of(value: str | None) -> tuple[str, ...]:
    """The order of the stages that an OrderList says; what it leaves out comes last, as in transformers."""
    try:
        names = json.loads(value or "[]")
    except ValueError:
        names = []
    usual = catalog.ORDERS["transformers"]
    named = [name for name in dict.fromkeys(map(str, names)) if name in usual] if isinstance(names, list) else []
    return (*named, *(name for name in usual if name not in named))


def _number(value: float | None) -> float:
    return float("nan") if value is None else value  # an emptied field: no number, so out of every range


@dataclass(frozen=True)
class Controls:
    """The components, in one column."""

    prompt: gr.Textbox
    mode: gr.Radio
    seed: gr.Number
    dice: gr.Button
    length: gr.Number
    speed: gr.Dropdown
    unit: gr.Radio
    order: OrderList
    bank: KnobBank
    texts: Mapping[str, TextKnob]
    examples: Mapping[int, gr.Button]
    run: LiveButton
    step: gr.Button
    pause: LiveButton
    stop: LiveButton
    back: gr.Button
    prompt_end: LiveText
    tour: Tour
    turns: Turns

    @property
    def all(self) -> list[Any]:
        """The components whose values `Values.of` reads."""
        more = [*(self.texts[name] for name in LISTS), self.turns]
        return [self.prompt, self.mode, self.seed, self.length, self.speed, self.unit, self.order, self.bank, *more]


def knob(parameter: Parameter, value: float, t: Translator, prefix: str = "", bank: str = "") -> Knob:
    """The knob of a processor; `prefix` makes its id another tab's, `bank` keeps its value."""
    label = t(f"parameter.{parameter.name}.label")
    return Knob(
        value,
        label=label,
        help_text=t(f"parameter.{parameter.name}.help"),
        words=t(f"parameter.{parameter.name}.words"),
        off=t("parameter.usual", value=parameter.neutral) if parameter.belongs_to else t("parameter.off"),
        slider=parameter.slider,
        limits=(parameter.minimum, parameter.maximum),
        start=parameter.start,
        neutral=parameter.neutral,
        whole=parameter.is_whole,
        range_text=t("parameter.range", name=label, minimum=parameter.minimum, maximum=parameter.maximum),
        bank=bank,
        name=parameter.name,
        elem_id=f"{prefix}knob-{parameter.name}",
        elem_classes=[
            *(["sampling-only"] if parameter.sampling_only else []),
            *(["detail"] if parameter.belongs_to else []),
        ],
    )


def text_knob(name: str, t: Translator) -> TextKnob:
    """The field of a setting that is a list."""
    note = _NOTES[name]
    belongs_to = LISTS[name].belongs_to
    return TextKnob(
        name=name,
        label=t(f"parameter.{name}.label"),
        help_text=t(f"parameter.{name}.help"),
        words=t(f"parameter.{name}.words"),
        off=t("written.off_negative") if belongs_to else t("parameter.off"),
        placeholder=t(f"written.{name}.placeholder"),
        note=t(note),
        longest=written.MAX_CHARACTERS,
        channel="written",
        elem_id=f"knob-{name}",
        elem_classes=["detail"] if belongs_to else [],
    )


_NOTES = {
    "sequence_bias": "written.bias_note", "bad_words_ids": "written.phrase_note",
    "suppress_tokens": "written.token_note", "negative_prompt_ids": "written.prompt_note",
    "stop_strings": "written.string_note",
}  # fmt: skip


def turns_of(t: Translator, channel: str, plain: str, element: str = "") -> Turns:
    """The prompt as turns, where the model has a chat template, instead of the field `plain`."""
    roles = {role: t(f"turns.role.{role}") for role in dialogues.ROLES}
    words = {name: t(f"turns.{name}") for name in TURN_WORDS}
    return Turns(channel=channel, plain=plain, roles=roles, words=words, elem_id=element or channel)


def drawer() -> list[str]:
    """The names of the settings behind "more", in the order in which they apply, each followed by its details."""
    usual = catalog.ORDERS["transformers"]
    owners = {p.name: p.belongs_to or p.name for p in PARAMETERS if not p.is_common}
    owners |= {one.name: one.belongs_to or one.name for one in LISTS.values()}
    places = [*usual, *(name for name in LISTS if name not in usual)]
    return sorted(owners, key=lambda name: places.index(owners[name]))


def order_list(t: Translator) -> OrderList:
    """Not rendered yet: it stands beside the picture of the stages."""
    return OrderList(
        catalog.ORDERS["transformers"],
        labels={name: t(f"parameter.{name}.short") for name in catalog.ORDERS["transformers"]},
        presets={key: (t(f"dice.order.{key.replace('.', '_')}"), order) for key, order in catalog.ORDERS.items()},
        words={name: t(f"dice.order.{name}") for name in ORDER_WORDS},
        notes={key: t("dice.order.note", order=t(f"dice.order.{key.replace('.', '_')}")) for key in catalog.ORDERS}
        | {"own": t("dice.order.note_own")},
        channel="headline",
        elem_id="order",
        render=False,
    )
