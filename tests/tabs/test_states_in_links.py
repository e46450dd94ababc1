"""Random states of the Generate tab become links, and a fresh visitor who opens one has their controls and tokens."""

import random
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from playground.catalog import BY_NAME, ORDERS, PARAMETERS
from playground.runs.links import query_of, read
from playground.tabs.generate.controls import Values
from playground.tabs.links import ROOMS
from tests.visitors import Visitor

FEW, MANY = 20, 200
KNOBS = (
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "typical_p",
    "repetition_penalty",
    "no_repeat_ngram_size",
    "epsilon_cutoff",
)
PROMPTS = ("The fox", "Once upon a time,\nthere", 'The "wolf" & <b>', "a=b&c=d#e?f", "  two  spaces ", "été 束搜索 🐺")


def state(number: int) -> dict[str, Any]:
    """Controls as somebody might leave them; the same for the same number."""
    chance = random.Random(number)
    found: dict[str, Any] = {
        "prompt": chance.choice(PROMPTS), "mode": chance.choice(("sample", "greedy")), "seed": chance.randrange(10**6),
        "length": chance.randint(1, 8), "unit": chance.choice(("nats", "bits")), "speed": "fast",
    }  # fmt: skip
    for name in chance.sample(KNOBS, chance.randint(0, 4)):
        one = BY_NAME[name]
        low, high, _ = one.slider
        value = chance.randint(int(low), int(high)) if one.is_whole else chance.uniform(low, high)
        found[name] = value
    return found


def passes_on(number: int, visitors: Callable[[], Visitor]) -> None:
    first, other = visitors(), visitors()
    first.told("run", **state(number))
    index = random.Random(number).randrange(len(first.ids))
    if number % 3 == 0 and first.session.trace.steps[index].choice.by != "hand":  # steered by hand too
        first.told("inspect", picked=index)
        first.told("branch", picked=int(first.session.trace.steps[index].logits.argsort(descending=True)[1]))
    first.told("inspect", picked=index)
    told: Any = first.tab.standing(first.session)["address"]
    link = f"tab=generate&{told['run']}&{told['view']}"
    *values, _ = other.tab.open_link(other.session, link, *other.values)
    assert Values.of(tuple(values)) == Values.of(first.values), link
    for _ in other.tab.run_link(other.session, *values):
        pass
    assert other.ids == first.ids, link
    assert other.session.pinned == index
    assert parse_qs(told["view"])["at"] == [str(index + 1)]


@pytest.mark.parametrize("number", range(FEW))
def test_a_state_passes_on_in_its_link(number: int, visitors: Callable[[], Visitor]) -> None:
    passes_on(number, visitors)


@pytest.mark.long
@pytest.mark.parametrize("number", range(FEW, MANY))
def test_two_hundred_states_pass_on(number: int, visitors: Callable[[], Visitor]) -> None:
    passes_on(number, visitors)


OWN = ("prompt", "strategy", "at", "by_hand", "order", "tab", "seed", "max_new_tokens", "num_beams")
NAMES = st.sampled_from([*(p.name for p in PARAMETERS), *OWN])
ODD = ("1e999", "-0", "nan", "%00", "0x10", *ORDERS, "1:1,2:2", "beam", "sample")
WORDS = st.text(max_size=30) | st.sampled_from(ODD) | st.floats().map(str)
ADDRESSES = st.lists(st.tuples(NAMES | st.text(max_size=12), WORDS), max_size=12).map(
    lambda pairs: "&".join(f"{name}={value}" for name, value in pairs)
)


@pytest.mark.long
@settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(ADDRESSES | st.text(max_size=300))
@example("tab=generate&by_hand=" + "9" * 4000)
def test_whatever_an_address_says_is_read_and_what_was_taken_reads_the_same_again(address: str) -> None:
    link = read(address, ROOMS)
    again = read(query_of(link), ROOMS)
    assert (again.tab, again.setup, again.texts, again.at, again.by_hand, again.views) == (
        link.tab, link.setup, link.texts, link.at, link.by_hand, link.views
    )  # fmt: skip
    assert all(len(str(note)) < 10_000 for note in link.notes)
