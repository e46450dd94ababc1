"""Sampling over a model written by hand: after 0 comes 1, after 1 comes 2, and so on, with known probabilities."""

from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest
import torch

from playground.decoding.processors import MinP, NoRepeatNGram, RepetitionPenalty, Temperature, TopK
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Argmax, Choice, InvalidLogitsError, Multinomial, NothingLeftError, dice
from playground.decoding.trace import GenerationRequest, Step

INF = float("inf")
CHAIN = [  # row i: the distribution of the token that follows i
    [0.05, 0.80, 0.10, 0.05],
    [0.10, 0.05, 0.70, 0.15],
    [0.15, 0.05, 0.10, 0.70],
    [0.60, 0.20, 0.15, 0.05],
]
TableModels = Callable[..., Any]  # gives tests/conftest.py's TableModel


def steps_of(
    model: Any, strategy: Sampling, limit: int, prompt: tuple[int, ...] = (0,), taken: tuple[int, ...] = ()
) -> list[Step]:
    return list(strategy.decode(model, GenerationRequest(prompt, strategy, limit, taken)))


def ids_of(steps: list[Step]) -> list[int]:
    return [step.choice.token_id for step in steps]


def test_greedy_search_follows_the_most_probable_path(table_model: TableModels) -> None:
    steps = steps_of(table_model(CHAIN), Sampling(), 6)
    assert ids_of(steps) == [1, 2, 3, 0, 1, 2]
    assert {step.choice.by for step in steps} == {"argmax"}


def test_a_step_records_the_raw_logits_the_settings_and_the_choice(table_model: TableModels) -> None:
    model = table_model(CHAIN)
    strategy = Sampling((Temperature(0.5), TopK(1)), Multinomial(3))
    steps = steps_of(model, strategy, 2)
    assert [step.index for step in steps] == [0, 1]
    assert torch.equal(steps[0].logits, model.table[0])
    assert torch.equal(steps[1].logits, model.table[1])
    assert steps[0].processors == strategy.processors
    assert steps[0].selection == Multinomial(3)
    assert steps[0].choice == Choice(1, "multinomial")


def test_the_token_is_drawn_from_the_processed_logits_with_the_dice_of_its_step(table_model: TableModels) -> None:
    model = table_model(CHAIN)
    strategy = Sampling((Temperature(1.7), MinP(0.1)), Multinomial(12))
    last = 0
    for step in steps_of(model, strategy, 30):
        context = torch.tensor([[last]])
        logits = MinP(0.1)(context, Temperature(1.7)(context, model.table[last][None]))[0]
        last = Multinomial(12)(logits, dice(12, step.index, 4)).token_id
        assert step.choice.token_id == last


def test_the_processors_see_everything_that_came_before(table_model: TableModels) -> None:
    assert ids_of(steps_of(table_model(CHAIN), Sampling((NoRepeatNGram(1),)), 3)) == [1, 2, 3]
    assert ids_of(steps_of(table_model(CHAIN), Sampling((NoRepeatNGram(1),)), 2, prompt=(1, 0))) == [2, 3]
    assert ids_of(steps_of(table_model(CHAIN), Sampling((NoRepeatNGram(1),)), 3, (1,), (0,))) == [2, 3]
    penalised = steps_of(table_model(CHAIN), Sampling((RepetitionPenalty(50.0),)), 3, prompt=(1, 2, 0))
    assert ids_of(penalised) == [3, 0, 1]  # 3 is new; from then on all are penalised alike


@pytest.mark.parametrize("eos_ids", [(3,), (3, 2), (9, 3)])
def test_an_end_of_text_token_is_kept_and_ends_the_run(table_model: TableModels, eos_ids: tuple[int, ...]) -> None:
    steps = steps_of(table_model(CHAIN, eos_ids), Sampling(), 10)
    assert ids_of(steps) == ([1, 2] if 2 in eos_ids else [1, 2, 3])
    assert [step.finish_reason for step in steps] == [None] * (len(steps) - 1) + ["stop"]


def test_an_end_of_text_token_in_the_prompt_ends_nothing(table_model: TableModels) -> None:
    assert ids_of(steps_of(table_model(CHAIN, (3,)), Sampling(), 2, prompt=(3,))) == [0, 1]


def test_without_an_end_of_text_token_the_length_limit_ends_the_run(table_model: TableModels) -> None:
    steps = steps_of(table_model(CHAIN), Sampling(), 4)
    assert [step.finish_reason for step in steps] == [None, None, None, "length"]


def test_an_end_of_text_token_in_the_last_place_is_a_stop(table_model: TableModels) -> None:
    assert steps_of(table_model(CHAIN, (3,)), Sampling(), 3)[-1].finish_reason == "stop"


def test_a_run_that_goes_on_counts_the_tokens_already_taken(table_model: TableModels) -> None:
    steps = steps_of(table_model(CHAIN), Sampling(), 5, taken=(1, 2, 3))
    assert [(step.index, step.choice.token_id) for step in steps] == [(3, 0), (4, 1)]
    assert steps[-1].finish_reason == "length"


@pytest.mark.parametrize("taken", [1, 4, 9])
def test_a_run_that_goes_on_throws_the_dice_of_the_straight_run(table_model: TableModels, taken: int) -> None:
    strategy = Sampling((), Multinomial(21))
    straight = ids_of(steps_of(table_model(CHAIN), strategy, 14))
    assert ids_of(steps_of(table_model(CHAIN), strategy, 14, taken=tuple(straight[:taken]))) == straight[taken:]
    assert len(set(straight)) == 4


def test_nothing_is_left_to_do_when_the_limit_has_been_reached(table_model: TableModels) -> None:
    model = table_model(CHAIN)
    assert steps_of(model, Sampling(), 2, taken=(1, 2)) == []
    assert model.open_states == 0


def test_n_tokens_cost_one_prefill_and_n_minus_one_advances(table_model: TableModels) -> None:
    model = table_model(CHAIN)
    steps_of(model, Sampling(), 7, prompt=(2, 0))
    assert (model.reads, model.advances) == ([(2, 0)], 6)


def test_tokens_come_one_by_one_as_they_are_asked_for(table_model: TableModels) -> None:
    model = table_model(CHAIN)
    steps = Sampling().decode(model, GenerationRequest((0,), Sampling(), 100))
    assert model.reads == []
    assert ids_of(list(islice(steps, 3))) == [1, 2, 3]
    assert model.advances == 2


# ---- the state goes back, however the run ends


def test_closing_a_run_releases_its_state(table_model: TableModels) -> None:
    model = table_model(CHAIN)
    steps = Sampling().decode(model, GenerationRequest((0,), Sampling(), 100))
    next(steps)
    next(steps)
    assert model.open_states == 1
    steps.close()  # type: ignore[attr-defined]
    assert model.open_states == 0


def test_a_run_that_ends_releases_its_state(table_model: TableModels) -> None:
    for model in (table_model(CHAIN), table_model(CHAIN, (2,))):
        steps_of(model, Sampling(), 5)
        assert model.open_states == 0


def test_a_run_that_fails_releases_its_state(table_model: TableModels) -> None:
    model = table_model(CHAIN)
    with pytest.raises(NothingLeftError):
        steps_of(model, Sampling((NoRepeatNGram(1),)), 5)
    assert model.open_states == 0


# ---- a broken model, impossible settings


@pytest.mark.parametrize(
    "row",
    [
        [float("nan"), 0.0, 0.0, 0.0],
        [float("nan")] * 4,
        [-INF] * 4,
        [INF, 0.0, 0.0, 0.0],
    ],
    ids=["one NaN", "all NaN", "all -inf", "+inf"],
)
@pytest.mark.parametrize("selection", [Argmax(), Multinomial(0)], ids=["argmax", "multinomial"])
def test_logits_that_make_no_distribution_are_an_error(
    table_model: TableModels, row: list[float], selection: Argmax | Multinomial
) -> None:
    """An overflowing model must neither crash the draw nor be followed as if it were certain."""
    model = table_model(CHAIN)
    model.table[1] = torch.tensor(row)
    strategy = Sampling((), selection)
    steps = strategy.decode(model, GenerationRequest((1,), strategy, 5))
    with pytest.raises(InvalidLogitsError, match="not numbers"):
        next(steps)
    assert model.open_states == 0


def test_the_steps_before_a_broken_one_are_given_out(table_model: TableModels) -> None:
    model = table_model(CHAIN)
    model.table[2] = float("nan")
    steps = Sampling().decode(model, GenerationRequest((0,), Sampling(), 5))
    assert [next(steps).choice.token_id, next(steps).choice.token_id] == [1, 2]
    with pytest.raises(InvalidLogitsError):
        next(steps)


def test_removing_every_token_is_an_error(table_model: TableModels) -> None:
    steps = Sampling((NoRepeatNGram(1),), Multinomial(0)).decode(
        table_model(CHAIN), GenerationRequest((0, 1, 2, 3), Sampling(), 5)
    )
    with pytest.raises(NothingLeftError):
        next(steps)


# ---- the same in transformers' words


@pytest.mark.parametrize(
    ("strategy", "arguments"),
    [
        (Sampling(), {"do_sample": False}),
        (Sampling((RepetitionPenalty(1.2),)), {"do_sample": False, "repetition_penalty": 1.2}),
        (Sampling((), Multinomial(1)), {"do_sample": True, "top_k": 0}),  # else `generate` keeps 50
        (Sampling((Temperature(0.5), TopK(7)), Multinomial(1)), {"do_sample": True, "top_k": 7, "temperature": 0.5}),
        (Sampling((Temperature(1.0), TopK(0)), Multinomial(1)), {"do_sample": True, "top_k": 0}),
    ],
)
def test_the_arguments_of_generate_are_what_is_on_and_always_top_k(
    strategy: Sampling, arguments: dict[str, object]
) -> None:
    assert strategy.generate_arguments() == arguments


def test_a_strategy_is_a_value() -> None:
    one, same, other = (Sampling((TopK(7),), selection) for selection in (Multinomial(1), Multinomial(1), Argmax()))
    assert one == same != other
    assert len({one, same, other}) == 2
