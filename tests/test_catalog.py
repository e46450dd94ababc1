"""The catalogue speaks transformers: names, order and neutral values are those of `generate`."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import GenerationConfig
from transformers.generation import logits_process

from playground import catalog
from playground.catalog import (
    MAIN,
    ORDERS,
    PARAMETERS,
    Parameter,
    check_seed,
    check_whole,
    processors,
    sampling,
    values_of,
)
from playground.decoding.orders import LLAMA_CPP_ORDER, SAMPLING_ONLY, TRANSFORMERS_ORDER
from playground.decoding.processors import MinP, RepetitionPenalty, Temperature, TopK, TopP
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Argmax, Multinomial
from playground.engines.huggingface import in_generate
from playground.engines.huggingface.backend import HuggingFaceModel
from playground.errors import InvalidArgumentError, OutOfRangeError
from playground.lists import LISTS
from playground.vocabulary import Vocabulary

each = pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda parameter: parameter.name)
each_main = pytest.mark.parametrize("parameter", MAIN, ids=lambda parameter: parameter.name)
IN_GENERATE = {"watermark_bias": "watermarking_config"}  # by another name there
COMMUNITY = {
    "presence_penalty", "frequency_penalty", "dry_multiplier", "dynatemp_range", "smoothing_factor", "top_n_sigma",
    "p_less", "top_a", "tfs_z", "xtc_probability", "mirostat",
    "adaptive_target",
}  # fmt: skip
THEIRS = [p for p in MAIN if p.name not in COMMUNITY]
ALL_ON = {parameter.name: parameter.start for parameter in THEIRS}
LISTED = {"sequence_bias": [[[3, 4], 1.5]], "bad_words_ids": [[5], [6, 7]], "suppress_tokens": [9]}


@each_main
def test_the_name_is_an_argument_of_generate_unless_it_has_none(parameter: Parameter) -> None:
    known = IN_GENERATE.get(parameter.name, parameter.name) in GenerationConfig().to_dict()
    assert known == (parameter.name not in COMMUNITY)
    assert (parameter.build(parameter.start).arguments is None) == (parameter.name in COMMUNITY)
    assert parameter.processor.name == parameter.name  # type: ignore[attr-defined]


@each_main
def test_the_neutral_value_is_an_exact_no_op(parameter: Parameter) -> None:
    processor = parameter.build(parameter.neutral)
    logits = torch.randn(1, 50, generator=torch.Generator().manual_seed(0))
    assert processor.is_neutral
    assert parameter.processor.neutral == parameter.neutral  # type: ignore[attr-defined]
    assert processor(torch.tensor([[1, 2, 1]]), logits) is logits
    assert processors({parameter.name: parameter.neutral}) == ()


@each
def test_where_the_slider_starts_is_on_and_within_its_range(parameter: Parameter) -> None:
    low, high, step = parameter.slider
    assert parameter.start != parameter.neutral
    if not parameter.belongs_to:
        assert not parameter.build(parameter.start).is_neutral
    assert parameter.minimum <= low <= parameter.start <= high <= parameter.maximum
    assert low <= parameter.neutral <= high  # so that it can be dragged to off
    assert step > 0
    for value in (low, high, parameter.start, parameter.neutral):
        assert ((value - low) / step) == pytest.approx(round((value - low) / step), abs=1e-9)


@each
def test_both_ends_of_the_range_are_accepted_and_nothing_beyond(parameter: Parameter) -> None:
    for value in (parameter.minimum, parameter.maximum):
        assert parameter.check(value) == value
        if not parameter.belongs_to:
            assert parameter.build(value).value == value
    for value in (parameter.minimum - 0.001, parameter.maximum + 1, float("nan"), float("inf"), -float("inf")):
        with pytest.raises(OutOfRangeError) as error:
            parameter.check(value)
        assert error.value.values["name"] == parameter.name
        assert str(error.value).startswith(f"{parameter.name} must be between ")
        assert f"{parameter.minimum:,} and {parameter.maximum:,}" in str(error.value)


@each
@pytest.mark.parametrize("value", [None, "0.5", True, False, [1], {}, 1j])
def test_what_is_no_number_is_refused(parameter: Parameter, value: Any) -> None:
    with pytest.raises(OutOfRangeError, match=parameter.name):
        parameter.check(value)


@each
def test_the_value_has_the_type_that_generate_insists_on(parameter: Parameter) -> None:
    """`generate(temperature=2)` raises: a whole number is not a float to it."""
    value = parameter.check(int(parameter.maximum) if parameter.is_whole else parameter.maximum)
    assert type(value) is (int if parameter.is_whole else float)
    if parameter.is_whole:
        assert type(parameter.check(1.0)) is int
        with pytest.raises(OutOfRangeError):
            parameter.check(0.5)


ARXIV = re.compile(r"https://arxiv\.org/abs/(\d\d)(0[1-9]|1[0-2])\.\d{4,5}")  # two digits of the year, of the month
SOURCES = (
    re.compile(r"https://doi\.org/10\.\d{4,}/\S+"),
    re.compile(r"https://github\.com/[\w.-]+/[\w.-]+/(pull|issues)/\d+"),
    re.compile(r"https://github\.com/[\w.-]+/[\w.-]+/tree/[0-9a-f]{40}#\S+"),  # a page that may change: as it was
    re.compile(r"https://huggingface\.co/docs/transformers/internal/generation_utils#transformers\.(\w+)"),
    re.compile(r"https://platform\.openai\.com/docs/api-reference/\w+"),
    re.compile(r"https://www\.trentonbricken\.com/Tail-Free-Sampling/"),
)


@each
def test_every_processor_has_a_source_and_a_link_to_it(parameter: Parameter) -> None:
    if parameter.belongs_to:
        assert not parameter.paper and not parameter.url
        return
    assert parameter.paper.strip() == parameter.paper != ""
    assert parameter.url
    year = re.search(r"\b(19|20)\d\d\b", parameter.paper)
    arxiv = ARXIV.fullmatch(parameter.url)
    if arxiv:  # the number tells when it was put there: in the year that is named, or just before it was published
        assert year and 0 <= int(year[0]) - (2000 + int(arxiv[1])) <= 1, parameter.paper
        return
    assert not parameter.url.startswith("https://arxiv.org"), "a malformed arXiv number"
    assert any(pattern.fullmatch(parameter.url) for pattern in SOURCES), parameter.url
    assert year or parameter.paper in ("transformers", "OpenAI API")


def test_a_link_into_the_documentation_of_transformers_names_the_class_that_does_the_work() -> None:
    documented = [p for p in MAIN if p.paper == "transformers"]
    assert documented
    for parameter in documented:
        name = parameter.url.rpartition(".")[2]
        assert hasattr(logits_process, name)
        assert NAMES[name] == parameter.name


def test_no_two_papers_share_a_link() -> None:
    titles: dict[str, set[str]] = {}
    for parameter in MAIN:
        titles.setdefault(parameter.url, set()).add(parameter.paper)
    assert all(len(papers) == 1 for papers in titles.values()), titles


# ---- the order and the selection


NAMES = {
    "UnbatchedClassifierFreeGuidanceLogitsProcessor": "guidance_scale",
    "SequenceBiasLogitsProcessor": "sequence_bias",
    "RepetitionPenaltyLogitsProcessor": "repetition_penalty",
    "NoRepeatNGramLogitsProcessor": "no_repeat_ngram_size",
    "NoBadWordsLogitsProcessor": "bad_words_ids",
    "MinNewTokensLengthLogitsProcessor": "min_new_tokens",
    "ExponentialDecayLengthPenalty": "exponential_decay_length_penalty",
    "SuppressTokensLogitsProcessor": "suppress_tokens",
    "TemperatureLogitsWarper": "temperature",
    "TopHLogitsWarper": "top_h",
    "TopKLogitsWarper": "top_k",
    "TopPLogitsWarper": "top_p",
    "MinPLogitsWarper": "min_p",
    "TypicalLogitsWarper": "typical_p",
    "EpsilonLogitsWarper": "epsilon_cutoff",
    "EtaLogitsWarper": "eta_cutoff",
    "WatermarkLogitsProcessor": "watermark_bias",
    "LogitNormalization": "renormalize_logits",
}


@pytest.mark.parametrize("do_sample", [True, False], ids=["sampling", "greedy"])
def test_the_order_is_that_of_the_list_which_generate_builds(
    tiny: Callable[..., HuggingFaceModel], do_sample: bool
) -> None:
    strategy = sampling({**ALL_ON, **LISTED}, do_sample, 0)
    module = tiny().module
    arguments = in_generate.configured(strategy.generate_arguments())
    configuration, _ = module._prepare_generation_config(GenerationConfig(**arguments))
    configuration._eos_token_tensor = torch.tensor([10])
    built = module._get_logits_processor(
        generation_config=configuration, input_ids_seq_length=1, logits_processor=[], device="cpu", model_kwargs={}
    )
    ours = [processor.name for processor in strategy.processors]
    assert ours == [NAMES[type(processor).__name__] for processor in built]
    assert set(ours) == {name for name in NAMES.values() if do_sample or name not in SAMPLING_ONLY}


def test_every_processor_stands_once_in_each_order() -> None:
    every = {p.name for p in MAIN} | {name for name, one in LISTS.items() if one.processor}
    for order in ORDERS.values():
        assert len(order) == len(every) and set(order) == every
    places = [TRANSFORMERS_ORDER.index(p.name) for p in MAIN]
    assert places == sorted(places)


def test_an_order_is_data() -> None:
    values = {"temperature": 0.5, "top_k": 3, "top_p": 0.9}
    names = [p.name for p in processors(values, order=LLAMA_CPP_ORDER)]
    assert names == ["top_k", "top_p", "temperature"]
    assert [p.name for p in processors(values, order=("top_p",))] == ["top_p", "temperature", "top_k"]
    for order in (("top_p", "top_p"), ("no such",)):
        with pytest.raises(InvalidArgumentError, match="order must be"):
            processors(values, order=order)


def test_a_strategy_says_what_generate_can_not_do() -> None:
    plain = sampling({"temperature": 0.5, "top_k": 3}, True, 0)
    assert not plain.is_reordered and not plain.beyond_generate
    turned = sampling({"temperature": 0.5, "top_k": 3}, True, 0, LLAMA_CPP_ORDER)
    assert turned.is_reordered
    assert sampling({"top_a": 0.2, "xtc_probability": 0.5}, True, 0).beyond_generate == ("top_a", "xtc_probability")
    for strategy in (turned, sampling({"top_a": 0.2}, True, 0), Sampling((Temperature(0.5),), Argmax())):
        with pytest.raises(ValueError, match="generate has no arguments"):
            strategy.generate_arguments()


def test_the_settings_come_back_from_the_processors() -> None:
    values = {**{p.name: p.start for p in PARAMETERS}, **LISTED, "negative_prompt_ids": [4, 5]}
    built = processors(values)
    assert processors(values_of(built)) == built
    assert len(built) == len(TRANSFORMERS_ORDER) - 1  # the dynamic temperature takes the place of the plain one


def test_dry_breaks_at_the_tokens_that_hold_a_breaker() -> None:
    words = Vocabulary((b"a", b"b:", b"\n", b'"c', b"*"), frozenset({4}))
    (dry,) = processors({"dry_multiplier": 1.0}, vocabulary=words)
    assert dry.breaker_ids == {1, 2, 3}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sequence_bias", [[[1], "x"]]), ("sequence_bias", [[[], 1.0]]), ("bad_words_ids", [[]]),
        ("bad_words_ids", [5]), ("suppress_tokens", [-1]), ("suppress_tokens", "5"), ("suppress_tokens", [True]),
        ("negative_prompt_ids", [1.5]), ("stop_strings", [""]), ("stop_strings", ["a", 3]),
    ],
)  # fmt: skip
def test_a_bad_list_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=f"{name} must be"):
        sampling({name: value}, True, 0, vocabulary=Vocabulary((b"a",)))


def test_the_order_of_the_settings_does_not_matter() -> None:
    assert processors(dict(reversed(ALL_ON.items()))) == processors(ALL_ON)


def test_a_missing_value_is_off_and_nothing_is_on_by_default() -> None:
    assert sampling({}, True, 5) == Sampling((), Multinomial(5))
    assert sampling({"top_p": 0.9}, True, 5) == Sampling((TopP(0.9),), Multinomial(5))
    three = sampling({"min_p": 0.1, "temperature": 0.7, "top_k": 3}, True, 5)
    assert three.processors == (Temperature(0.7), TopK(3), MinP(0.1))


def test_greedy_search_takes_the_penalties_and_leaves_the_warpers_out() -> None:
    strategy = sampling({"repetition_penalty": 1.2, "temperature": 0.5, "top_k": 2}, False, 7)
    assert strategy == Sampling((RepetitionPenalty(1.2),), Argmax(7))


def test_a_value_out_of_range_is_refused_also_where_it_is_used() -> None:
    with pytest.raises(OutOfRangeError, match=r"top_p must be between 0 and 1, and you gave 1\.5"):
        sampling({"top_p": 1.5}, True, 0)


# ---- seeds and other whole numbers


@pytest.mark.parametrize("seed", [0, 1, 42.0, 2**32 - 1])
def test_a_seed_is_a_whole_number_of_32_bits(seed: float) -> None:
    assert check_seed(seed) == seed  # type: ignore[arg-type]
    assert type(check_seed(seed)) is int  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [-1, 2**32, 0.5, float("nan"), float("inf"), True, None, "7"])
@pytest.mark.parametrize("do_sample", [True, False])
def test_any_other_seed_is_refused(seed: Any, do_sample: bool) -> None:
    with pytest.raises(OutOfRangeError, match=r"^seed must be between 0 and 4,294,967,295"):
        sampling({}, do_sample, seed)
    assert catalog.MAX_SEED == 2**32 - 1


@pytest.mark.parametrize(
    ("value", "is_fine"), [(1, True), (10, True), (10.0, True), (0, False), (11, False), (1.5, False)]
)
def test_a_whole_number_is_checked_against_its_range(value: float, is_fine: bool) -> None:
    if is_fine:
        assert check_whole("max_new_tokens", value, 1, 10) == value
    else:
        with pytest.raises(OutOfRangeError, match="max_new_tokens must be between 1 and 10"):
            check_whole("max_new_tokens", value, 1, 10)
