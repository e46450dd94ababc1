"""The protocol of an engine: where next-token distributions come from, and what may be asked of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard, cast

from torch import Tensor

from playground.decoding.model import LanguageModel
from playground.decoding.partial import WORK_ON_TOLD
from playground.decoding.trace import Strategy
from playground.errors import CannotScoreError, NotToldError
from playground.i18n import Joined, Said, say
from playground.tokenization.text_tokenizer import TextTokenizer
from playground.vocabulary import Vocabulary

if TYPE_CHECKING:
    from playground.engines.huggingface.backend import Backend


@dataclass(frozen=True)
class Info:
    """What an engine says of itself: name, number of parameters, V, context length in tokens, layers, heads per layer.

    `ignored` are the settings of its configuration that name a token which the model does not have, `unused` the
    weights in its files that the model has no place for; `licence` is what its card names, if known; `device` is
    where it computes, `dtype` in how many bits; `packed` are the formats that the weights of a GGUF file were packed
    in, before they were dequantised.
    """

    name: str
    parameters: int
    vocab_size: int
    context_length: int
    layers: int
    heads: int
    ignored: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    licence: str | None = None
    device: str = "cpu"
    dtype: str = "float32"
    packed: str = ""


@dataclass(frozen=True)
class Capabilities:
    """What a caller may ask of an engine, besides its next tokens.

    Attributes:
        told: how many tokens of a row of logits it tells, the most probable; None: all of them.
        scores: whether it reads a text at once, and says how probable each of its tokens was.
        generates: whether transformers' `generate` runs the same model: what a run is compared with.
        opens: whether it shows its attention and its hidden states.
    """

    told: int | None = None
    scores: bool = False
    generates: bool = False
    opens: bool = False


class Tokenizer(Protocol):
    """Text to ids, as the engine's model expects them."""

    def encode(self, text: str) -> tuple[int, ...]:
        """The ids of a text, with the special tokens that the tokenizer adds."""
        ...

    def encode_inside(self, text: str) -> tuple[int, ...]:
        """The ids of a text that stands inside another: without special tokens."""
        ...

    def dropped(self, text: str) -> str:
        """The characters, spaces aside, of which no token is made: each once, in order."""
        ...

    def __hash__(self) -> int: ...

    def decode(self, token_ids: Sequence[int]) -> str: ...

    def finds(self, strings: Sequence[str]) -> bool:
        """Whether transformers' own stop strings work with it."""
        ...

    def text_tokenizer(self, name: str, context_length: int | None) -> TextTokenizer:
        """The same tokenizer as the Tokenizer tab shows it."""
        ...


class Engine(Protocol):
    """A model with its tokenizer, its vocabulary as text, and what to say about it. Shared by all visitors."""

    @property
    def model(self) -> LanguageModel: ...

    @property
    def tokenizer(self) -> Tokenizer: ...

    @property
    def vocabulary(self) -> Vocabulary: ...

    @property
    def info(self) -> Info: ...

    @property
    def can(self) -> Capabilities: ...


class Scorer(LanguageModel, Protocol):
    """A model that reads a whole text at once."""

    def read(self, ids: Sequence[int]) -> Iterator[Tensor]:
        """The logits (n, V) float32 before each id but the first, some rows after the others. Raises
        PromptTooLongError, UnreadableTokenError."""
        ...

    def logprobs(self, ids: Sequence[int]) -> tuple[float, ...]:
        """The natural-log probability of each id but the first, after all those before it. Raises as `read`."""
        ...


def scorer(engine: Engine) -> Scorer:
    """The engine's model as one that reads a whole text. Raises CannotScoreError where it does not."""
    if not engine.can.scores:
        raise CannotScoreError(name=engine.info.name)
    return cast(Scorer, engine.model)


def check_whole(engine: Engine, what: Said) -> None:
    """Before something (by name, for the person) that needs every token. Raises NotToldError where some are told."""
    if engine.can.told is not None:
        raise NotToldError(name=engine.info.name, told=engine.can.told, what=what)


def check_told(engine: Engine, strategy: Strategy[Any]) -> None:
    """Raises NotToldError where a processor in force needs more of a row than the engine tells."""
    names = [p.name for p in strategy.processors if not p.is_neutral and p.name not in WORK_ON_TOLD]
    if names:
        check_whole(engine, Joined(tuple(say(f"parameter.{name}.short") for name in names), ", "))


def runs_in_transformers(engine: Engine) -> "TypeGuard[Backend]":
    """Whether transformers' `generate` runs the same model."""
    return engine.can.generates
