"""The controls of a run: the components, built from the catalogue, and the values that come back from them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from playground import catalog
from playground.catalog import PARAMETERS, Parameter
from playground.components.knob import Knob
from playground.components.knob_bank import KnobBank, bank_values
from playground.components.live_button import LiveButton
from playground.components.order_list import OrderList
from playground.decoding.processors import Processor
from playground.decoding.sampling import Sampling
from playground.i18n import Translator
from playground.views.notation import NATS, UNITS, Unit
from playground.vocabulary import Vocabulary

SPEEDS: Mapping[str, float | None] = {"fast": None, "lively": 12.0, "aloud": 3.0, "slow": 1.0}
MAX_LENGTH = 512
ORDER_WORDS = ("presets", "stages", "earlier", "later", "off", "empty")


@dataclass(frozen=True)
class Values:
    """What the controls say. `of` reads the positional values that Gradio delivers, in the order of `Controls.all`."""

    prompt: str
    mode: str
    seed: float
    length: float
    speed: str
    unit_name: str
    order: tuple[str, ...]
    parameters: Mapping[str, float]

    @classmethod
    def of(cls, values: tuple[Any, ...]) -> "Values":
        prompt, mode, seed, length, speed, unit_name, order, bank = values
        numbers = bank_values(bank)
        by_name = {p.name: numbers.get(p.name, p.neutral) for p in PARAMETERS}
        return cls(prompt or "", mode, _number(seed), _number(length), speed, unit_name, order_of(order), by_name)

    @property
    def do_sample(self) -> bool:
        return self.mode == "sample"

    @property
    def unit(self) -> Unit:
        return UNITS.get(self.unit_name, NATS)

    @property
    def tokens_per_second(self) -> float | None:
        return SPEEDS.get(self.speed)

    def strategy(self, vocabulary: Vocabulary | None = None) -> Sampling:
        """Raises OutOfRangeError, as do the other two, for a value that is not allowed."""
        seed = catalog.check_seed(self.seed)  # type: ignore[arg-type]
        return catalog.sampling(self.parameters, self.do_sample, seed, self.order, vocabulary)

    def processors(self, vocabulary: Vocabulary | None = None) -> tuple[Processor, ...]:
        return catalog.processors(self.parameters, self.do_sample, self.order, vocabulary)

    def max_new_tokens(self) -> int:
        return catalog.check_whole("max_new_tokens", self.length, 1, MAX_LENGTH)


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
    examples: Mapping[str, gr.Button]
    run: gr.Button
    step: gr.Button
    pause: LiveButton
    stop: gr.Button
    back: gr.Button

    @property
    def all(self) -> list[Any]:
        """The components whose values `Values.of` reads."""
        return [self.prompt, self.mode, self.seed, self.length, self.speed, self.unit, self.order, self.bank]


def knob(parameter: Parameter, value: float, t: Translator, prefix: str = "", bank: str = "") -> Knob:
    """The knob of a processor; `prefix` makes its id another tab's, `bank` keeps its value."""
    label = t(f"parameter.{parameter.name}.label")
    return Knob(
        value,
        label=label,
        help_text=t(f"parameter.{parameter.name}.help"),
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


def order_list(t: Translator) -> OrderList:
    """Not rendered yet: it stands beside the picture of the stages."""
    return OrderList(
        catalog.ORDERS["transformers"],
        labels={name: t(f"parameter.{name}.short") for name in catalog.ORDERS["transformers"]},
        presets={key: (t(f"dice.order.{key.replace('.', '_')}"), order) for key, order in catalog.ORDERS.items()},
        words={name: t(f"dice.order.{name}") for name in ORDER_WORDS},
        channel="headline",
        elem_id="order",
        render=False,
    )
