"""The catalogue: every processor as data (name, range, default, neutral value), from which the page is built."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from playground.decoding.processors import (
    MinP,
    NoRepeatNGram,
    Processor,
    RepetitionPenalty,
    Temperature,
    TopK,
    TopP,
    TypicalP,
)
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Argmax, Multinomial
from playground.errors import OutOfRangeError

MAX_SEED = 2**32 - 1


@dataclass(frozen=True)
class Parameter:
    """One setting of a processor, named as in transformers' `generate`.

    Attributes:
        name: also the stem of its texts (`parameter.<name>.label`, `.help`).
        processor: built from the value.
        minimum, maximum: what is accepted.
        slider: (low, high, step), the range worth dragging through.
        start: where the slider stands when it is first switched on.
        neutral: the value that is off, an exact no-op.
        is_whole: whole numbers only.
        sampling_only: a warper, which greedy search does not apply (as in `generate`).
        is_common: shown at first sight.
    """

    name: str
    processor: type
    minimum: float
    maximum: float
    slider: tuple[float, float, float]
    start: float
    neutral: float
    is_whole: bool = False
    sampling_only: bool = True
    is_common: bool = True

    def check(self, value: float) -> float:
        """The value, a whole number where that is meant. Raises OutOfRangeError, naming argument and range."""
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not self.minimum <= value <= self.maximum or (self.is_whole and value != int(value)):
            raise OutOfRangeError(name=self.name, value=value, minimum=self.minimum, maximum=self.maximum)
        return int(value) if self.is_whole else float(value)

    def build(self, value: float) -> Processor:
        processor: Processor = self.processor(self.check(value))
        return processor


# In transformers' order of application.
PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        "repetition_penalty", RepetitionPenalty, 0.01, 100, (1, 2, 0.05), 1.2, 1, sampling_only=False, is_common=False
    ),
    Parameter(
        "no_repeat_ngram_size", NoRepeatNGram, 0, 64, (0, 6, 1), 2, 0, is_whole=True, sampling_only=False,
        is_common=False,
    ),
    Parameter("temperature", Temperature, 0.01, 100, (0.1, 2, 0.05), 0.8, 1),
    Parameter("top_k", TopK, 0, 1_000_000, (0, 100, 1), 40, 0, is_whole=True),
    Parameter("top_p", TopP, 0, 1, (0.05, 1, 0.01), 0.9, 1),
    Parameter("min_p", MinP, 0, 1, (0, 0.5, 0.01), 0.05, 0),
    Parameter("typical_p", TypicalP, 0.001, 1, (0.05, 1, 0.01), 0.9, 1, is_common=False),
)  # fmt: skip


# Presets of the order of application: transformers' own, and llama.cpp's, in which temperature comes last.
ORDERS: Mapping[str, tuple[str, ...]] = {
    "transformers": tuple(p.name for p in PARAMETERS),
    "llama.cpp": (
        "repetition_penalty", "no_repeat_ngram_size", "top_k", "typical_p", "top_p", "min_p", "temperature",
    ),
}  # fmt: skip


def sampling(
    values: Mapping[str, float], do_sample: bool, seed: int, order: Sequence[str] | None = None
) -> Sampling:  # fmt: skip
    """The strategy of these settings, in transformers' order unless another is given; a missing value is off. Greedy
    search leaves out the warpers, as `generate` does. Raises OutOfRangeError for a value that is not allowed."""
    selection = Multinomial(check_seed(seed)) if do_sample else Argmax(check_seed(seed))
    return Sampling(processors(values, do_sample, order), selection)


def processors(
    values: Mapping[str, float], do_sample: bool = True, order: Sequence[str] | None = None
) -> tuple[Processor, ...]:
    """The processors of these settings that are on. Raises OutOfRangeError for a value that is not allowed."""
    place = {name: i for i, name in enumerate(order or ORDERS["transformers"])}
    ordered = sorted(PARAMETERS, key=lambda p: place.get(p.name, len(place)))
    built = [p.build(values.get(p.name, p.neutral)) for p in ordered if do_sample or not p.sampling_only]
    return tuple(p for p in built if not p.is_neutral)


def check_seed(seed: int) -> int:
    return check_whole("seed", seed, 0, MAX_SEED)


def check_whole(name: str, value: float, minimum: int, maximum: int) -> int:
    """The value as int. Raises OutOfRangeError unless it is a whole number in the range."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not minimum <= value <= maximum or value != int(value):
        raise OutOfRangeError(name=name, value=value, minimum=minimum, maximum=maximum)
    return int(value)


def check_number(name: str, value: float, minimum: float, maximum: float) -> float:
    """The value as float. Raises OutOfRangeError unless it is a number in the range."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not minimum <= value <= maximum:
        raise OutOfRangeError(name=name, value=value, minimum=minimum, maximum=maximum)
    return float(value)
