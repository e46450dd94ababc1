"""Setups become requests, each with its dice and its length; what is wrong with one says which it is."""

from typing import Any

import pytest

from playground.decoding.sampling import Sampling
from playground.decoding.selection import Multinomial
from playground.decoding.trace import TRACE_BYTES
from playground.engines.table import TableEngine, from_table
from playground.errors import InvalidArgumentError, OutOfRangeError, PlaygroundError, PromptTooLongError
from playground.runs.comparison import MAX_LANES, Writer, placed, read_setups, requests_of, seeds_of
from playground.runs.setup import MAX_TOKENS, Setup


@pytest.fixture(scope="module")
def engine() -> TableEngine:
    """Four tokens, a row of 16 bytes, a context of 10."""
    return from_table({"the": {" fox": 0.75, " wolf": 0.25}, " fox": {" ran": 1.0}}, context_length=10)


def setups(*many: dict[str, Any]) -> tuple[Setup, ...]:
    return read_setups(list(many))


def writers(engine: TableEngine, *prompts: tuple[int, ...]) -> list[Writer]:
    return [Writer(engine, prompt) for prompt in prompts]


# ---- dice


@pytest.mark.parametrize(
    ("seeds", "same", "own"),
    [
        ((None, 7, 3), (7, 7, 7), (0, 7, 3)),  # the first that names one
        ((0, 7), (0, 0), (0, 7)),  # 0 is a name
        ((None, None), (0, 0), (0, 0)),
    ],
)
def test_the_dice_of_each_lane(seeds: tuple[int | None, ...], same: tuple[int, ...], own: tuple[int, ...]) -> None:
    found = [Setup(seed=seed) for seed in seeds]
    assert seeds_of(found, same_dice=True) == same
    assert seeds_of(found, same_dice=False) == own


# ---- from JSON


def test_setups_are_read_in_order() -> None:
    found = setups({"temperature": 0.5}, {"strategy": "greedy", "max_new_tokens": 3})
    assert found == (Setup("sample", {"temperature": 0.5}), Setup("greedy", max_new_tokens=3))
    assert len(setups(*[{}] * MAX_LANES)) == MAX_LANES


@pytest.mark.parametrize("wrong", [[], [{}] * (MAX_LANES + 1), {}, "greedy", None])
def test_a_list_of_too_few_or_too_many_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidArgumentError) as found:
        read_setups(wrong)
    assert found.value.values["name"] == "setups"


@pytest.mark.parametrize(
    ("wrong", "name"),
    [({"temperature": 0}, "setups[1].temperature"), ({"strategy": "beams"}, "setups[1].strategy"), (7, "setups[1]")],
)
def test_what_is_wrong_with_a_setup_says_which_it_is(wrong: Any, name: str) -> None:
    with pytest.raises(PlaygroundError) as found:
        read_setups([{}, wrong])
    assert found.value.values["name"] == name


def test_an_error_that_names_nothing_stays_as_it_is() -> None:
    error = PromptTooLongError(tokens=9, limit=5)
    assert placed(error, 3) is error
    named = placed(OutOfRangeError(name="top_p", value=7, minimum=0, maximum=1), 3)
    assert (type(named), named.values["name"], named.values["value"]) == (OutOfRangeError, "setups[3].top_p", 7)


# ---- requests


def test_each_lane_has_its_strategy_its_prompt_and_its_length(engine: TableEngine) -> None:
    both = setups({"temperature": 0.5, "seed": 4, "max_new_tokens": 2}, {"strategy": "greedy", "max_new_tokens": 8})
    drawn, greedy = requests_of(both, writers(engine, (0,), (0, 1)), same_dice=True)
    assert (drawn.prompt_ids, drawn.max_new_tokens) == ((0,), 2)
    assert (greedy.prompt_ids, greedy.max_new_tokens) == ((0, 1), 8)
    assert isinstance(drawn.strategy, Sampling) and drawn.strategy.selection == Multinomial(4)
    assert isinstance(greedy.strategy, Sampling) and greedy.strategy.processors == ()


def test_the_context_holds_the_prompt_and_all_tokens_but_the_last(engine: TableEngine) -> None:
    prompt = (0, 1, 3, 0)
    (request,) = requests_of(setups({"max_new_tokens": 7}), writers(engine, prompt), same_dice=True)
    assert request.max_new_tokens == 7  # 10 - 4, and the last one, which is never read
    with pytest.raises(OutOfRangeError) as found:
        requests_of(setups({}, {"max_new_tokens": 8}), writers(engine, (0,) * 1, prompt), same_dice=True, held=None)
    # the first asks for the usual 20, of which 10 fit
    assert found.value.values == {"name": "setups[0].max_new_tokens", "value": 20, "minimum": 1, "maximum": 10}
    two = setups({"max_new_tokens": 1}, {"max_new_tokens": 8})
    with pytest.raises(OutOfRangeError) as found:
        requests_of(two, writers(engine, (0,), prompt), same_dice=True)
    assert found.value.values == {"name": "setups[1].max_new_tokens", "value": 8, "minimum": 1, "maximum": 7}


def test_a_negative_prompt_needs_the_same_room(engine: TableEngine) -> None:
    guided = {"guidance_scale": 2.0, "negative_prompt_ids": [0, 1, 3, 0, 1, 3], "max_new_tokens": 6}
    with pytest.raises(OutOfRangeError) as found:
        requests_of(setups(guided), writers(engine, (0,)), same_dice=True)
    assert found.value.values["maximum"] == 5  # 10 - 6 + 1


def test_all_lanes_together_have_to_fit_beside_what_is_held_already(engine: TableEngine) -> None:
    two, of = setups({"max_new_tokens": 5}, {"max_new_tokens": 5}), writers(engine, (0,), (0,))
    needed = 2 * 5 * 16  # lanes, tokens, bytes of a row
    assert len(requests_of(two, of, same_dice=True, held=TRACE_BYTES - needed)) == 2
    with pytest.raises(OutOfRangeError) as found:
        requests_of(two, of, same_dice=True, held=TRACE_BYTES - needed + 1)
    assert found.value.values == {"name": "setups[0].max_new_tokens", "value": 5, "minimum": 1, "maximum": 4}


def test_where_nothing_is_kept_only_the_longest_text_of_all_counts() -> None:
    large = from_table({"the": {" fox": 1.0}}, context_length=3 * MAX_TOKENS)
    two = setups({"max_new_tokens": MAX_TOKENS}, {"max_new_tokens": 1})
    found = requests_of(two, writers(large, (0,), (0,)), same_dice=True, held=None)
    assert [request.max_new_tokens for request in found] == [MAX_TOKENS, 1]
    with pytest.raises(OutOfRangeError):
        requests_of(two, writers(large, (0,), (0,)), same_dice=True, held=TRACE_BYTES)
