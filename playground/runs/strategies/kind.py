"""StrategyKind: what the page, the endpoints and a Setup know of a strategy: its settings, and how it is built."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from playground import catalog
from playground.catalog import BY_NAME, PARAMETERS
from playground.decoding.beam_trace import BeamTrace
from playground.decoding.orders import TRANSFORMERS_ORDER
from playground.decoding.processors import Processor
from playground.decoding.stopping import StopStrings
from playground.decoding.trace import Strategy
from playground.engines.prompts import forced
from playground.engines.protocol import check_whole
from playground.errors import InvalidArgumentError, NothingToInspectError
from playground.i18n import Said, say
from playground.lists import LISTS, check_ids
from playground.runs.strategies.options import MIN_NEW_TOKENS, NUM_BEAMS, Option
from playground.views.beam_code import GenerateCall, beam_code
from playground.written import Speller

if TYPE_CHECKING:
    from playground.engines.protocol import Engine

Witness = Literal["generate", "rescored", "none"]
Need = Literal["whole rows", "hidden states"]


@dataclass(frozen=True)
class Asked:
    """What a strategy is built from; every value has been checked for itself.

    Attributes:
        values: the settings by name, those that are off left out.
        seed: of the dice.
        order: of the processors.
        speller: phrases, stop strings and ids are of its vocabulary.
        options: the settings of the search itself, by name.
        num_return_sequences: how many results are wanted of a search whose course depends on that.
        names: by what name an error calls a setting, where a page has another word for it.
    """

    values: Mapping[str, Any]
    seed: int
    order: tuple[str, ...]
    speller: Speller
    options: Mapping[str, Option]
    num_return_sequences: int = 1
    names: Mapping[str, Said | str] | None = None

    def option(self, name: str) -> Any:
        """The value of an option, the usual one where none is given."""
        return self.values.get(name, self.options[name].usual)

    def processors(self, do_sample: bool) -> tuple[Processor, ...]:
        """Those that a search applies: the warpers only where something is drawn."""
        values = {p.name: self.values[p.name] for p in catalog.FOR_BEAMS if p.name in self.values}
        return catalog.processors(values, do_sample)

    @property
    def num_beams(self) -> int:
        return int(self.option("num_beams"))

    @property
    def min_new_tokens(self) -> int:
        return int(self.option("min_new_tokens"))

    @property
    def scoring(self) -> dict[str, Any]:
        """What the searches with a score have in common."""
        return {name: self.option(name) for name in ("length_penalty", "early_stopping", "min_new_tokens")}

    @property
    def stop(self) -> StopStrings | None:
        strings = self.option("stop_strings")
        return StopStrings(tuple(strings), self.speller.vocabulary.pieces) if strings else None

    @property
    def phrases(self) -> tuple[tuple[int, ...], ...]:
        """The ids of the phrases that must appear. Raises InvalidArgumentError without one, UnknownPhraseError."""
        texts = self.option("force_words")
        if not texts:
            raise InvalidArgumentError(name="force_words", rule=say("rule.phrases"), value="")
        return forced(texts, (self.names or {}).get("force_words", "force_words"), self.speller)


@dataclass(frozen=True)
class StrategyKind:
    """A strategy as data.

    Attributes:
        name: in a Setup and a link, and what the strategy calls itself.
        label, help, made: the keys of its texts: its name, what it does, its name within "Made by …".
        draws: whether chance decides: seed and warpers count.
        build: makes the strategy. Raises PlaygroundErrors.
        has_beams: whether it runs several sequences at once, and its steps are BeamSteps.
        needs: what an engine must give besides the most probable tokens: every token of a row of logits, or the hidden
            states behind it. (What a processor needs it says itself.)
        processors: the names of the settings of its processors, numbers and lists.
        options: its own settings.
        chosen_by: the argument of /beam_search that asks for it; "" where only its name does.
        call: how `generate` of transformers does it; None where it can't.
        is_summed: whether a sequence's score is made of the model's log-probabilities alone, which one more forward
            pass can check.
    """

    name: str
    label: str
    made: str
    draws: bool
    build: Callable[[Asked], Strategy[Any]]
    help: str = ""
    has_beams: bool = False
    needs: tuple[Need, ...] = ()
    processors: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    chosen_by: str = ""
    call: GenerateCall | None = None
    is_summed: bool = True

    def __post_init__(self) -> None:
        if not self.name.isidentifier():  # it stands in selectors and in links
            raise ValueError(f"a strategy's name is a word, and no {self.name!r}")

    @property
    def settings(self) -> tuple[str, ...]:
        """The names of the settings that it takes, besides seed, length and order."""
        return (*(option.name for option in self.options), *self.processors)

    def check_engine(self, engine: "Engine", what: Said | None = None) -> None:
        """Raises NotToldError, NothingToInspectError for an engine that does not give what it needs; `what` it is that
        needs it, where a page has another word for it."""
        if "whole rows" in self.needs:
            check_whole(engine, what or say(self.label))
        if "hidden states" in self.needs and not engine.can.opens:
            raise NothingToInspectError(name=engine.info.name, what="hidden states")

    def check(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values that are not neutral, checked.

        Raises InvalidArgumentError for one that this strategy does not take, OutOfRangeError.
        """
        own = {option.name: option for option in self.options}
        found = {}
        for name, value in values.items():
            if name not in self.settings:
                rule = f"left out with {self.name}, which takes {', '.join(self.settings)}"
                raise InvalidArgumentError(name=name, rule=rule, value=value)
            checked, neutral = (own[name].check(value), own[name].usual) if name in own else _checked(name, value)
            if checked != neutral:
                found[name] = checked
        return found

    def make(
        self, values: Mapping[str, Any], seed: int, order: tuple[str, ...], speller: Speller, vocab_size: int,
        **further: Any,
    ) -> Strategy[Any]:  # fmt: skip
        """The strategy of checked values; `further` as of Asked.

        Raises the errors of `build`, UnknownTokenError for an id beyond `vocab_size`.
        """
        check_ids(values, vocab_size)
        options = {option.name: option for option in self.options}
        return self.build(Asked(values, seed, order, speller, options, **further))

    def script(
        self, trace: BeamTrace, model: str, eos_ids: tuple[int, ...], finds_stop_strings: bool = True
    ) -> str | None:
        """The search as code for plain transformers (see `beam_code`), or None where `generate` has no such search."""
        if self.call is None:
            return None
        return beam_code(trace, self.call(trace.strategy), model, eos_ids, finds_stop_strings)

    def witness(self, strategy: Strategy[Any]) -> Witness:
        """What a finished search is compared with: a run of `generate`, its sequences read once more, or nothing."""
        if self.call is not None and self.call(strategy).is_same:
            return "generate"
        return "rescored" if self.is_summed else "none"


SEARCHES_TAKE: tuple[Option, ...] = (NUM_BEAMS, MIN_NEW_TOKENS)
FOR_BEAMS = tuple(parameter.name for parameter in catalog.FOR_BEAMS)
EVERY_PROCESSOR = (*(p.name for p in PARAMETERS), *LISTS)
USUAL_ORDER = TRANSFORMERS_ORDER


def _checked(name: str, value: Any) -> tuple[Any, Any]:
    """A value, checked, and the one that is as good as none."""
    if name in LISTS:
        return LISTS[name].check(value), ()
    return BY_NAME[name].check(value), BY_NAME[name].neutral
