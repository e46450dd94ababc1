"""The catalogue speaks transformers: names, order and neutral values are those of `generate`."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import GenerationConfig

from playground import catalog
from playground.backends.huggingface import HuggingFaceModel
from playground.catalog import PARAMETERS, Parameter, check_seed, check_whole, processors, sampling
from playground.decoding.processors import TRANSFORMERS_ORDER, MinP, RepetitionPenalty, Temperature, TopK, TopP
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Argmax, Multinomial
from playground.errors import OutOfRangeError

each = pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda parameter: parameter.name)
ALL_ON = {parameter.name: parameter.start for parameter in PARAMETERS}


@each
def test_the_name_is_an_argument_of_generate(parameter: Parameter) -> None:
    assert parameter.name in GenerationConfig().to_dict()
    assert parameter.processor.name == parameter.name  # type: ignore[attr-defined]


@each
def test_the_neutral_value_is_an_exact_no_op(parameter: Parameter) -> None:
    processor = parameter.build(parameter.neutral)
    logits = torch.randn(1, 50, generator=torch.Generator().manual_seed(0))
    assert processor.is_neutral
    assert processor(torch.tensor([[1, 2, 1]]), logits) is logits
    assert processors({parameter.name: parameter.neutral}) == ()


@each
def test_the_neutral_value_is_what_generate_takes_for_off(
    parameter: Parameter, tiny: Callable[..., HuggingFaceModel]
) -> None:
    """With every setting at its neutral value, transformers itself builds no processor at all."""
    neutral = {p.name: float(p.neutral) if not p.is_whole else int(p.neutral) for p in PARAMETERS}
    assert theirs(tiny(), neutral) in ([], ["min_p"])  # min_p = 0 builds a warper that removes nothing
    assert parameter.name in theirs(tiny(), neutral | {parameter.name: parameter.start})


@each
def test_where_the_slider_starts_is_on_and_within_its_range(parameter: Parameter) -> None:
    low, high, step = parameter.slider
    assert not parameter.build(parameter.start).is_neutral
    assert parameter.minimum <= low <= parameter.start <= high <= parameter.maximum
    assert low <= parameter.neutral <= high  # so that it can be dragged to off
    assert step > 0
    for value in (low, high, parameter.start, parameter.neutral):
        assert ((value - low) / step) == pytest.approx(round((value - low) / step), abs=1e-9)


@each
def test_both_ends_of_the_range_are_accepted_and_nothing_beyond(parameter: Parameter) -> None:
    for value in (parameter.minimum, parameter.maximum):
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
    value = parameter.check(1)
    assert type(value) is (int if parameter.is_whole else float)
    if parameter.is_whole:
        assert type(parameter.check(3.0)) is int
        with pytest.raises(OutOfRangeError):
            parameter.check(2.5)


# ---- the order and the selection


def theirs(model: HuggingFaceModel, values: dict[str, Any], do_sample: bool = True) -> list[str]:
    """The processors that transformers builds for these arguments, by the names of their arguments."""
    names = {
        "RepetitionPenaltyLogitsProcessor": "repetition_penalty",
        "NoRepeatNGramLogitsProcessor": "no_repeat_ngram_size",
        "TemperatureLogitsWarper": "temperature",
        "TopKLogitsWarper": "top_k",
        "TopPLogitsWarper": "top_p",
        "MinPLogitsWarper": "min_p",
        "TypicalLogitsWarper": "typical_p",
    }
    arguments = {"do_sample": do_sample, "top_k": 0, **values}
    configuration, _ = model.module._prepare_generation_config(GenerationConfig(**arguments))
    built = model.module._get_logits_processor(
        generation_config=configuration, input_ids_seq_length=1, logits_processor=[], device="cpu", model_kwargs={}
    )
    return [names[type(processor).__name__] for processor in built]


@pytest.mark.parametrize("do_sample", [True, False], ids=["sampling", "greedy"])
def test_the_order_is_that_of_the_list_which_generate_builds(
    tiny: Callable[..., HuggingFaceModel], do_sample: bool
) -> None:
    ours = [processor.name for processor in processors(ALL_ON, do_sample)]
    assert ours == theirs(tiny(), ALL_ON, do_sample)
    assert len(ours) == (7 if do_sample else 2)


def test_the_catalogue_holds_every_processor_once_in_order() -> None:
    assert tuple(parameter.processor for parameter in PARAMETERS) == TRANSFORMERS_ORDER


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
    assert [p.name for p in PARAMETERS if not p.sampling_only] == ["repetition_penalty", "no_repeat_ngram_size"]


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
