"""A walk by hand: each step from logits that it is given, without a model that computes any."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from playground.decoding.processors import Temperature, TopK
from playground.decoding.processors_constraints import SuppressTokens
from playground.decoding.processors_guidance import Guidance
from playground.decoding.processors_mirostat import Mirostat
from playground.decoding.rows import Row
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Argmax, InvalidLogitsError, Multinomial, NothingLeftError, dice
from playground.decoding.stopping import StopStrings
from playground.decoding.trace import GenerationRequest
from playground.decoding.walk import Walk, checked

INF, NAN = float("inf"), float("nan")
PIECES = (b"a", b"b", b"ab", b"c")
Models = Callable[..., Any]  # tests/conftest.py


def row(*logits: float) -> Row:
    return Row(torch.tensor(logits))


@pytest.fixture
def walk(table_model: Models) -> Callable[..., Walk]:
    """A walk over four tokens after the prompt 1 2; its model is asked for its size and its ends, for nothing else."""

    def begun(
        strategy: Sampling, most: int = 5, taken: tuple[int, ...] = (), eos: tuple[int, ...] = (), **states: float
    ) -> Walk:
        request = GenerationRequest((1, 2), strategy, most, taken, states)
        return Walk(strategy, table_model([[0.25] * 4] * 4, eos), request)

    return begun


def test_each_step_takes_from_the_logits_that_it_is_given_and_the_text_grows(walk: Callable[..., Walk]) -> None:
    made = walk(Sampling())
    assert made.context.tolist() == [[1, 2]]
    first = made.take(row(0.0, 3.0, 1.0, 2.0))
    assert (first.index, first.choice.token_id, first.choice.by, first.finish_reason) == (0, 1, "argmax", None)
    assert (made.ids, made.index, made.context.tolist()) == ([1, 2, 1], 1, [[1, 2, 1]])
    assert made.take(row(0.0, 1.0, 2.0, 3.0)).choice.token_id == 3
    assert made.context.tolist() == [[1, 2, 1, 3]]


def test_it_goes_on_where_the_tokens_already_taken_end(walk: Callable[..., Walk]) -> None:
    made = walk(Sampling(), most=4, taken=(0, 3))
    assert (made.index, made.context.tolist()) == (2, [[1, 2, 0, 3]])
    assert made.take(row(1.0, 0.0, 0.0, 0.0)).index == 2
    assert made.take(row(1.0, 0.0, 0.0, 0.0)).finish_reason == "length"  # the fourth of four


def test_what_is_drawn_is_drawn_with_the_dice_of_its_place(walk: Callable[..., Walk]) -> None:
    logits = (0.3, 0.1, 0.2, 0.4)
    drawn = [walk(Sampling((), Multinomial(7))).take(row(*logits)).choice.token_id for _ in range(2)]
    expected = Multinomial(7)(torch.tensor(logits), dice(7, 0, 4)).token_id
    assert drawn == [expected, expected]
    made, texts = walk(Sampling((), Multinomial(7)), most=30), []
    for place in range(30):
        texts.append((made.take(row(*logits)).choice.token_id, place))
    for token_id, place in texts:
        later = walk(Sampling((), Multinomial(7)), most=30, taken=(0,) * place)
        assert later.take(row(*logits)).choice.token_id == token_id  # the same, whoever begins there
    assert len({token_id for token_id, _ in texts}) > 1


def test_processors_come_before_the_choice_and_the_raw_row_is_kept(walk: Callable[..., Walk]) -> None:
    given = row(1.0, 4.0, 3.0, 2.0)
    step = walk(Sampling((Temperature(0.5), TopK(1)), Multinomial(0))).take(given)
    assert step.choice.token_id == 1  # the only one of one
    assert step.row is given
    assert step.logits.tolist() == [1.0, 4.0, 3.0, 2.0]
    assert (step.processors, step.selection) == ((Temperature(0.5), TopK(1)), Multinomial(0))
    assert (step.situation.prompt_length, step.situation.seed) == (2, 0)


def test_what_a_processor_carries_on_goes_from_step_to_step_and_into_a_text_that_goes_on(
    walk: Callable[..., Walk],
) -> None:
    """Mirostat's bar in bits: 2 τ = 4 at first, then less η · (surprise - τ)."""
    even = row(0.0, 0.0, 0.0, 0.0)  # a surprise of 2 bits, whatever is taken
    uneven = row(*map(math.log, (0.5, 0.25, 0.125, 0.125)))
    strategy = Sampling((Mirostat(2, 2.0, 0.5),), Argmax())
    made = walk(strategy)
    assert made.take(uneven).situation.states == {"mirostat": 4.0}
    assert made.take(even).situation.states == {"mirostat": pytest.approx(4.5)}  # 4 - 0.5 · (1 - 2)
    assert made.take(even).situation.states == {"mirostat": pytest.approx(4.5)}  # 4.5 - 0.5 · (2 - 2)
    later = walk(strategy, taken=(0,), mirostat=3.0)
    assert later.take(uneven).situation.states == {"mirostat": 3.0}
    assert later.take(even).situation.states == {"mirostat": pytest.approx(3.5)}


def test_why_a_text_ends(walk: Callable[..., Walk]) -> None:
    assert walk(Sampling(), eos=(3,)).take(row(0.0, 0.0, 0.0, 1.0)).finish_reason == "stop"
    assert walk(Sampling(), most=1).take(row(0.0, 0.0, 0.0, 1.0)).finish_reason == "length"
    assert walk(Sampling(), most=1, eos=(3,)).take(row(0.0, 0.0, 0.0, 1.0)).finish_reason == "stop"  # not "length"
    stopping = Sampling((), Argmax(), StopStrings(("bc",), PIECES))  # the prompt is b, ab
    assert walk(stopping).take(row(0.0, 1.0, 0.0, 0.0)).finish_reason is None
    assert walk(stopping).take(row(0.0, 0.0, 0.0, 1.0)).finish_reason == "stop_string"
    assert walk(stopping, eos=(3,)).take(row(0.0, 0.0, 0.0, 1.0)).finish_reason == "stop"


@pytest.mark.parametrize("bad", [NAN, INF])
def test_logits_that_are_no_numbers_are_refused_those_after_the_negative_prompt_too(
    walk: Callable[..., Walk], bad: float
) -> None:
    with pytest.raises(InvalidLogitsError):
        walk(Sampling()).take(row(0.0, bad, 0.0, 0.0))
    with pytest.raises(InvalidLogitsError):
        walk(Sampling((Guidance(2.0, (1,)),))).take(row(0.0, 1.0, 0.0, 0.0), row(0.0, 0.0, bad, 0.0))


def test_a_row_with_tokens_that_can_not_come_is_a_row_and_one_with_nothing_else_is_none() -> None:
    given = row(-INF, 0.0)
    assert checked(given) is given
    with pytest.raises(InvalidLogitsError):
        checked(row(-INF, -INF))


def test_guidance_weighs_the_two_rows_against_each_other(walk: Callable[..., Walk]) -> None:
    here, there = (row(*map(math.log, shares)) for shares in ((0.5, 0.4, 0.05, 0.05), (0.7, 0.1, 0.1, 0.1)))
    step = walk(Sampling((Guidance(2.0, (1,)),))).take(here, there)
    assert step.choice.token_id == 1  # p² / q: 0.25 / 0.7 = 0.36 is less than 0.16 / 0.1 = 1.6
    assert step.situation.guidance is there
    assert walk(Sampling()).take(here).choice.token_id == 0


def test_who_removed_the_last_token_is_named(walk: Callable[..., Walk]) -> None:
    with pytest.raises(NothingLeftError) as found:
        walk(Sampling((Temperature(0.5), SuppressTokens((0, 1, 2, 3))))).take(row(0.0, 1.0, 0.0, 0.0))
    assert found.value.by == ("suppress_tokens",)
