"""The catalogue: every processor as data (name, range, default, neutral value), from which the page is built."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from playground.decoding.orders import LLAMA_CPP_ORDER, SAMPLING_ONLY, TRANSFORMERS_ORDER
from playground.decoding.processors import (
    MinNewTokens,
    MinP,
    NoRepeatNGram,
    Processor,
    RepetitionPenalty,
    Temperature,
    TopK,
    TopP,
    TypicalP,
)
from playground.decoding.processors_adaptive import AdaptiveP
from playground.decoding.processors_community import XTC, PLess, TailFree, TopA, TopNSigma
from playground.decoding.processors_constraints import ExponentialDecay, RenormalizeLogits
from playground.decoding.processors_guidance import Guidance
from playground.decoding.processors_mirostat import Mirostat
from playground.decoding.processors_penalties import DRY, FrequencyPenalty, PresencePenalty
from playground.decoding.processors_softening import DynamicTemperature, QuadraticSmoothing
from playground.decoding.processors_truncation import EpsilonCutoff, EtaCutoff, TopH
from playground.decoding.processors_watermark import Watermark
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Argmax, Multinomial
from playground.decoding.stopping import StopStrings
from playground.errors import InvalidArgumentError, OutOfRangeError
from playground.lists import LISTS
from playground.vocabulary import Vocabulary

MAX_SEED = 2**32 - 1
MAX_BEAMS = 16
LENGTH_PENALTIES = (-10, 10)  # of a search with beams, on the page and at the endpoint
DIVERSITY_PENALTIES = (0, 100)  # nats
DRY_BREAKERS = ("\n", ":", '"', "*")  # llama.cpp's: a token that holds one of them ends a copy
ORDERS: Mapping[str, tuple[str, ...]] = {"transformers": TRANSFORMERS_ORDER, "llama.cpp": LLAMA_CPP_ORDER}


@dataclass(frozen=True)
class Parameter:
    """One setting of a processor, a number, named as in transformers' `generate` where that has it.

    Attributes:
        name: also the stem of its texts (`parameter.<name>.label`, `.short`, `.help`; of a main one `.formula`).
        processor: built from the value; of a detail, the one that it belongs to.
        minimum, maximum: what is accepted.
        slider: (low, high, step), the range worth dragging through.
        start: where the slider stands when it is first switched on.
        neutral: the value that is off, an exact no-op; of a detail, the usual value.
        is_whole: whole numbers only.
        is_common: shown at first sight.
        paper: who brought it up, and when; `url` where to read it.
        details: further settings of the same processor, by the name of its field.
        belongs_to: of a detail, the name of the main setting.
    """

    name: str
    processor: type
    minimum: float
    maximum: float
    slider: tuple[float, float, float]
    start: float
    neutral: float
    is_whole: bool = False
    is_common: bool = False
    paper: str = ""
    url: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    belongs_to: str | None = None

    @property
    def sampling_only(self) -> bool:
        """Whether it is a warper, or like one: greedy search leaves it out (as `generate` does)."""
        return (self.belongs_to or self.name) in SAMPLING_ONLY

    @property
    def is_flag(self) -> bool:
        """Whether it can only be on or off."""
        return self.is_whole and (self.minimum, self.maximum) == (0, 1)

    def check(self, value: float) -> float:
        """The value, a whole number where that is meant. Raises OutOfRangeError, naming argument and range."""
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not self.minimum <= value <= self.maximum or (self.is_whole and value != int(value)):
            raise OutOfRangeError(name=self.name, value=value, minimum=self.minimum, maximum=self.maximum)
        return int(value) if self.is_whole else float(value)

    def build(self, value: float, **details: Any) -> Processor:
        """The processor of a main setting; `details` by the names of its fields."""
        processor: Processor = self.processor(self.check(value), **details)
        return processor


def _detail(
    main: str, name: str, processor: type, minimum: float, maximum: float, slider: tuple[float, float, float],
    start: float, usual: float, is_whole: bool = False,
) -> Parameter:  # fmt: skip
    return Parameter(name, processor, minimum, maximum, slider, start, usual, is_whole, belongs_to=main)


ARXIV = "https://arxiv.org/abs/"
WEBUI = "https://github.com/oobabooga/text-generation-webui/pull/"
TRANSFORMERS = "https://huggingface.co/docs/transformers/internal/generation_utils#transformers."

# In transformers' order of application, each followed by its details.
PARAMETERS: tuple[Parameter, ...] = (
    Parameter("guidance_scale", Guidance, 0, 20, (0, 4, 0.1), 1.5, 1,
              paper="Sanchez et al. 2023, Stay on topic with Classifier-Free Guidance", url=ARXIV + "2306.17806"),
    Parameter("repetition_penalty", RepetitionPenalty, 0.01, 100, (1, 2, 0.05), 1.2, 1,
              paper="Keskar et al. 2019, CTRL", url=ARXIV + "1909.05858"),
    Parameter("presence_penalty", PresencePenalty, -100, 100, (-2, 2, 0.1), 0.5, 0,
              paper="OpenAI API", url="https://platform.openai.com/docs/api-reference/chat"),
    Parameter("frequency_penalty", FrequencyPenalty, -100, 100, (-2, 2, 0.1), 0.5, 0,
              paper="OpenAI API", url="https://platform.openai.com/docs/api-reference/chat"),
    Parameter("dry_multiplier", DRY, 0, 100, (0, 4, 0.1), 0.8, 0, paper="p-e-w 2024, DRY", url=WEBUI + "5677",
              details={"base": "dry_base", "allowed_length": "dry_allowed_length", "last_n": "dry_penalty_last_n"}),
    _detail("dry_multiplier", "dry_base", DRY, 1, 10, (1, 4, 0.05), 2, 1.75),
    _detail("dry_multiplier", "dry_allowed_length", DRY, 1, 100, (1, 10, 1), 3, 2, is_whole=True),
    _detail("dry_multiplier", "dry_penalty_last_n", DRY, -1, 1_000_000, (-1, 511, 1), 64, -1, is_whole=True),
    Parameter("no_repeat_ngram_size", NoRepeatNGram, 0, 64, (0, 6, 1), 2, 0, is_whole=True,
              paper="Paulus et al. 2017, A Deep Reinforced Model for Abstractive Summarization",
              url=ARXIV + "1705.04304"),
    Parameter("min_new_tokens", MinNewTokens, 0, 1_000_000, (0, 100, 1), 20, 0, is_whole=True, paper="transformers",
              url=TRANSFORMERS + "MinNewTokensLengthLogitsProcessor"),
    Parameter("exponential_decay_length_penalty", ExponentialDecay, 0.01, 100, (1, 1.5, 0.01), 1.05, 1,
              paper="transformers", url=TRANSFORMERS + "ExponentialDecayLengthPenalty",
              details={"start": "exponential_decay_start"}),
    _detail("exponential_decay_length_penalty", "exponential_decay_start", ExponentialDecay, 0, 1_000_000,
            (0, 100, 1), 10, 0, is_whole=True),
    Parameter("temperature", Temperature, 0.01, 100, (0.1, 2, 0.05), 0.8, 1, is_common=True,
              paper="Ackley et al. 1985, A Learning Algorithm for Boltzmann Machines",
              url="https://doi.org/10.1207/s15516709cog0901_7"),
    Parameter("dynatemp_range", DynamicTemperature, 0, 100, (0, 2, 0.05), 0.5, 0, paper="kalomaze 2023",
              url="https://github.com/ggml-org/llama.cpp/issues/3483",
              details={"temperature": "temperature", "exponent": "dynatemp_exponent"}),
    _detail("dynatemp_range", "dynatemp_exponent", DynamicTemperature, 0.01, 10, (0.25, 4, 0.25), 2, 1),
    Parameter("smoothing_factor", QuadraticSmoothing, 0, 100, (0, 2, 0.05), 0.25, 0, paper="kalomaze 2024",
              url=WEBUI + "5403", details={"curve": "smoothing_curve"}),
    _detail("smoothing_factor", "smoothing_curve", QuadraticSmoothing, 1, 3, (1, 3, 0.1), 2, 1),
    Parameter("top_h", TopH, 0, 1, (0, 1, 0.01), 0.4, 0, paper="Potraghloo et al. 2025, Top-H Decoding",
              url=ARXIV + "2509.02510"),
    Parameter("top_k", TopK, 0, 1_000_000, (0, 100, 1), 40, 0, is_whole=True, is_common=True,
              paper="Fan et al. 2018, Hierarchical Neural Story Generation", url=ARXIV + "1805.04833"),
    Parameter("top_p", TopP, 0, 1, (0.05, 1, 0.01), 0.9, 1, is_common=True,
              paper="Holtzman et al. 2019, The Curious Case of Neural Text Degeneration", url=ARXIV + "1904.09751"),
    Parameter("min_p", MinP, 0, 1, (0, 0.5, 0.01), 0.05, 0, is_common=True,
              paper="Nguyen et al. 2024, Turning Up the Heat", url=ARXIV + "2407.01082"),
    Parameter("typical_p", TypicalP, 0.001, 1, (0.05, 1, 0.01), 0.9, 1,
              paper="Meister et al. 2022, Locally Typical Sampling", url=ARXIV + "2202.00666"),
    Parameter("epsilon_cutoff", EpsilonCutoff, 0, 0.999, (0, 0.1, 0.001), 0.01, 0,
              paper="Hewitt et al. 2022, Truncation Sampling as Language Model Desmoothing", url=ARXIV + "2210.15191"),
    Parameter("eta_cutoff", EtaCutoff, 0, 0.999, (0, 0.1, 0.001), 0.01, 0,
              paper="Hewitt et al. 2022, Truncation Sampling as Language Model Desmoothing", url=ARXIV + "2210.15191"),
    Parameter("top_n_sigma", TopNSigma, 0, 100, (0, 5, 0.1), 1, 0, paper="Tang et al. 2024, Top-nσ",
              url=ARXIV + "2411.07641"),
    Parameter("p_less", PLess, 0, 1, (0, 1, 1), 1, 0, is_whole=True,
              paper="Tan, Wu and Howard 2025, p-less Sampling", url=ARXIV + "2509.23234"),
    Parameter("top_a", TopA, 0, 1, (0, 1, 0.01), 0.2, 0, paper="BlinkDL 2022",
              url="https://github.com/BlinkDL/RWKV-LM/tree/4cb363e5aa31978d801a47bc89d28e927ab6912e"
              "#the-top-a-sampling-method"),
    Parameter("tfs_z", TailFree, 0, 1, (0.05, 1, 0.01), 0.95, 1, paper="Bricken 2019, Tail Free Sampling",
              url="https://www.trentonbricken.com/Tail-Free-Sampling/"),
    Parameter("xtc_probability", XTC, 0, 1, (0, 1, 0.05), 0.5, 0, paper="p-e-w 2024, Exclude Top Choices",
              url=WEBUI + "6335", details={"threshold": "xtc_threshold"}),
    _detail("xtc_probability", "xtc_threshold", XTC, 0.001, 1, (0.01, 0.5, 0.01), 0.2, 0.1),
    Parameter("mirostat", Mirostat, 0, 2, (0, 2, 1), 2, 0, is_whole=True, paper="Basu et al. 2021, Mirostat",
              url=ARXIV + "2007.14966", details={"tau": "mirostat_tau", "eta": "mirostat_eta"}),
    _detail("mirostat", "mirostat_tau", Mirostat, 0, 100, (0.5, 10, 0.5), 3, 5),
    _detail("mirostat", "mirostat_eta", Mirostat, 0, 1, (0.05, 1, 0.05), 1, 0.1),
    Parameter("adaptive_target", AdaptiveP, -1, 1, (-0.01, 1, 0.01), 0.5, -0.01, paper="MrJackSpade 2025, Adaptive-P",
              url="https://github.com/ggml-org/llama.cpp/pull/17927", details={"decay": "adaptive_decay"}),
    _detail("adaptive_target", "adaptive_decay", AdaptiveP, 0, 0.99, (0, 0.99, 0.01), 0.5, 0.9),
    Parameter("watermark_bias", Watermark, 0, 100, (0, 10, 0.5), 2, 0,
              paper="Kirchenbauer et al. 2023, A Watermark for Large Language Models", url=ARXIV + "2301.10226",
              details={"ratio": "watermark_greenlist_ratio"}),
    _detail("watermark_bias", "watermark_greenlist_ratio", Watermark, 0.01, 0.99, (0.05, 0.95, 0.05), 0.5, 0.25),
    Parameter("renormalize_logits", RenormalizeLogits, 0, 1, (0, 1, 1), 1, 0, is_whole=True, paper="transformers",
              url=TRANSFORMERS + "LogitNormalization"),
)  # fmt: skip
BY_NAME: Mapping[str, Parameter] = {parameter.name: parameter for parameter in PARAMETERS}
# What beam search offers: the penalties and the warpers best known.
FOR_BEAMS: tuple[Parameter, ...] = tuple(
    BY_NAME[name]
    for name in (
        "repetition_penalty", "no_repeat_ngram_size", "temperature", "top_k", "top_p", "min_p", "typical_p",
    )
)  # fmt: skip
MAIN: tuple[Parameter, ...] = tuple(parameter for parameter in PARAMETERS if not parameter.belongs_to)


def sampling(
    values: Mapping[str, Any],
    do_sample: bool,
    seed: int,
    order: Sequence[str] = TRANSFORMERS_ORDER,
    vocabulary: Vocabulary | None = None,
) -> Sampling:
    """The strategy of these settings; a missing value is off. Greedy search leaves out the warpers, as `generate` does.

    Raises OutOfRangeError for a number that is not allowed, InvalidArgumentError for a list or an order that is not.
    """
    selection = Multinomial(check_seed(seed)) if do_sample else Argmax(check_seed(seed))
    strings = LISTS["stop_strings"].check(values.get("stop_strings"))
    if strings and vocabulary is None:
        raise InvalidArgumentError(name="stop_strings", rule="given with a vocabulary", value=list(strings))
    stop = StopStrings(strings, vocabulary.pieces) if strings and vocabulary else None
    return Sampling(processors(values, do_sample, order, vocabulary), selection, stop)


def processors(
    values: Mapping[str, Any],
    do_sample: bool = True,
    order: Sequence[str] = TRANSFORMERS_ORDER,
    vocabulary: Vocabulary | None = None,
) -> tuple[Processor, ...]:
    """The processors of these settings that are on, in this order. Raises as `sampling` does.

    Args:
        values: numbers by the names of PARAMETERS, lists by those of LISTS.
        order: names of the processors; those left out come after, in transformers' order.
        vocabulary: in which DRY looks for its breakers; without one it has none.
    """
    numbers = {p.name: p.check(values.get(p.name, p.neutral)) for p in PARAMETERS}
    built: list[Processor] = []
    for name in check_order(order):
        if name in SAMPLING_ONLY and not do_sample:
            continue
        if name in LISTS:
            built.append(LISTS[name].build(LISTS[name].check(values.get(name))))
        elif name == "temperature" and numbers["dynatemp_range"]:
            continue  # the dynamic one takes its place
        else:
            details: dict[str, Any] = {key: numbers[detail] for key, detail in BY_NAME[name].details.items()}
            if name == "dry_multiplier" and vocabulary and numbers[name]:
                details["breaker_ids"] = vocabulary.holding(DRY_BREAKERS)
            if name == "guidance_scale":
                details["negative_prompt_ids"] = LISTS["negative_prompt_ids"].check(values.get("negative_prompt_ids"))
            built.append(BY_NAME[name].build(numbers[name], **details))
    return tuple(p for p in built if not p.is_neutral)


def values_of(built: Sequence[Processor]) -> dict[str, Any]:
    """The settings that build these processors: the reverse of `processors`."""
    values: dict[str, Any] = {}
    for processor in built:
        if processor.name in LISTS:
            values[processor.name] = LISTS[processor.name].read(processor)
            continue
        values[processor.name] = processor.value
        for key, detail in BY_NAME[processor.name].details.items():
            values[detail] = getattr(processor, key)
        if isinstance(processor, Guidance):
            values["negative_prompt_ids"] = processor.negative_prompt_ids
    return values


def check_order(order: Sequence[str]) -> tuple[str, ...]:
    """All names of processors, those of `order` first. Raises InvalidArgumentError for an unknown or repeated one."""
    named = tuple(order)
    if len(set(named)) < len(named) or not set(named) <= set(TRANSFORMERS_ORDER):
        raise InvalidArgumentError(name="order", rule="names of processors, each once", value=list(named))
    return (*named, *(name for name in TRANSFORMERS_ORDER if name not in named))


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
