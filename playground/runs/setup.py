"""Setup: all that it takes to make a run again, as a value: to JSON and back, and to the strategy that it describes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from playground import catalog
from playground.decoding.dialogue import Dialogue
from playground.decoding.trace import Strategy
from playground.engines import dialogues
from playground.engines.prompts import speller_of
from playground.errors import InvalidArgumentError
from playground.lists import MAX_ID
from playground.runs.strategies import STRATEGIES, StrategyKind
from playground.runs.strategies.kind import USUAL_ORDER
from playground.written import Speller

if TYPE_CHECKING:
    from playground.engines.protocol import Engine

VERSION = 1
MAX_TOKENS = 2048
MAX_TEXT = 100_000  # characters of a prompt in JSON
OWN = ("version", "strategy", "seed", "max_new_tokens", "order", "prompt", "model")
TURNS = ("messages", "continue_final_message")  # a prompt as turns, by the names of apply_chat_template


@dataclass(frozen=True)
class Setup:
    """A run before it is made. What is in range for any model has been checked.

    Raises InvalidArgumentError, OutOfRangeError for a value that no model takes.

    Attributes:
        strategy: a name of STRATEGIES.
        settings: by name, as at the endpoints: numbers of the catalogue, lists, those of a search. What is neutral is
            left out.
        seed: of the dice; None where none is named (then it is 0).
        max_new_tokens: the length that is asked for.
        order: of the processors.
        prompt: the text to go on from, or its ids, if it is of the run.
        model: the name of the model, if it is of the run.
        dialogue: the prompt as turns; then there is no other.
    """

    strategy: str = "sample"
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    max_new_tokens: int = 20
    order: tuple[str, ...] = USUAL_ORDER
    prompt: str | tuple[int, ...] | None = None
    model: str | None = None
    dialogue: Dialogue | None = None

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            rule = f"one of {', '.join(STRATEGIES)}"
            raise InvalidArgumentError(name="strategy", rule=rule, value=self.strategy)
        checked: dict[str, Any] = {
            "settings": self.kind.check(self.settings),
            "seed": None if self.seed is None else catalog.check_seed(self.seed),
            "max_new_tokens": catalog.check_whole("max_new_tokens", self.max_new_tokens, 1, MAX_TOKENS),
            "order": catalog.check_order(self.order),
            "prompt": self.prompt if self.prompt is None else _prompt(self.prompt),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if self.model is not None:
            _text("model", self.model)
        if self.dialogue is not None and self.prompt is not None:
            raise InvalidArgumentError(name="messages", rule="without a prompt: they are one", value=self.prompt)

    @property
    def kind(self) -> StrategyKind:
        return STRATEGIES[self.strategy]

    @property
    def dice(self) -> int:
        """The seed that the run has."""
        return self.seed or 0

    def with_seed(self, seed: int) -> "Setup":
        return replace(self, seed=seed)

    def build(self, backend: "Engine", **further: Any) -> Strategy[Any]:
        """The strategy for a model; `further` as of Asked.

        Raises PlaygroundErrors for what does not fit: an engine that gives less than the strategy needs, phrases that
        its tokenizer can't spell, ids that it lacks.
        """
        self.kind.check_engine(backend)
        return self.spelled(speller_of(backend), backend.info.vocab_size, **further)

    def spelled(self, speller: Speller, vocab_size: int, **further: Any) -> Strategy[Any]:
        """The same where there is a tokenizer and no model."""
        return self.kind.make(self.settings, self.dice, self.order, speller, vocab_size, **further)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, flat, with a version; what is as usual is left out."""
        found: dict[str, Any] = {"version": VERSION, "strategy": self.strategy, **_plain(self.settings)}
        if self.seed is not None:
            found["seed"] = self.seed
        found["max_new_tokens"] = self.max_new_tokens
        if self.order != USUAL_ORDER:
            found["order"] = list(self.order)
        if self.prompt is not None:
            found["prompt"] = _plain(self.prompt)
        if self.dialogue is not None:
            found |= dialogues.to_json(self.dialogue)
        return found | ({} if self.model is None else {"model": self.model})

    @classmethod
    def from_json(cls, value: object, **usual: Any) -> "Setup":
        """What `to_json` wrote, or anybody; `usual` stands in for what is not said (max_new_tokens, prompt …).

        Raises InvalidArgumentError, which names the argument, OutOfRangeError.
        """
        if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
            raise InvalidArgumentError(name="setup", rule="an object of settings by name", value=value)
        version = value.get("version", VERSION)
        if version != VERSION:
            raise InvalidArgumentError(name="version", rule=f"{VERSION}: it was made by another one", value=version)
        own = {name: value[name] for name in OWN if name in value and name != "version"}
        if "order" in own:
            own["order"] = _order(own["order"])
        if not isinstance(own.get("strategy", ""), str):
            raise InvalidArgumentError(name="strategy", rule=f"one of {', '.join(STRATEGIES)}", value=own["strategy"])
        if "messages" in value:
            own["dialogue"] = dialogues.from_json({name: value[name] for name in TURNS if name in value})
            usual = {name: one for name, one in usual.items() if name != "prompt"}
        settings = {name: one for name, one in value.items() if name not in (*OWN, *TURNS)}
        return cls(settings=settings, **(usual | own))


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise InvalidArgumentError(name=name, rule=f"text of at most {MAX_TEXT:,} characters", value=value)
    return value


def _prompt(value: object) -> str | tuple[int, ...]:
    """A text, or at least one token id."""
    if not isinstance(value, (list, tuple)):
        return _text("prompt", value)
    if not 0 < len(value) <= MAX_TEXT or not all(type(i) is int and 0 <= i < MAX_ID for i in value):
        raise InvalidArgumentError(name="prompt", rule="text, or a list of token ids", value=value)
    return tuple(value)


def _order(value: object) -> tuple[str, ...]:
    names = catalog.ORDERS.get(value) if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise InvalidArgumentError(name="order", rule='"transformers", "llama.cpp" or a list of names', value=value)
    return tuple(names)


def _plain(value: Any) -> Any:
    """Tuples as lists."""
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, (tuple, list)) else value
