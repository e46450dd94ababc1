"""A comparison is read back from its link as it was written; what else is there is left out, and named."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from playground.i18n import said, translator
from playground.runs.lane_links import MOST_DRAWN, LinkedLane, LinkedLanes, query_of_lanes, query_of_view, read_lanes
from playground.runs.setup import Setup
from tests.runs.test_links import links, phrases, prompts

t = translator()
NAMES = ["lane", "1.name", "1.text", "2.strategy", "2.<b>", "at", "drawn", "dice", "speed", "model", "x"]
NUMBERS, LONGEST, SPEEDS = (2, 6), 24, ("fast", "aloud")


def found(query: str) -> LinkedLanes:
    return read_lanes(query, NUMBERS, LONGEST, SPEEDS)


@st.composite
def lanes(draw: st.DrawFn) -> LinkedLane:
    name = draw(phrases)[:LONGEST]
    if draw(st.booleans()):
        return LinkedLane(name, text=draw(prompts), model=draw(st.none() | phrases))
    link = draw(links())
    assert link.setup is not None
    return LinkedLane(name, replace(link.setup, prompt=None, model=None), link.texts)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_comparison_is_read_back_as_it_was_written(data: st.DataObject) -> None:
    draw = data.draw
    one = LinkedLanes(
        tuple(draw(st.lists(lanes(), min_size=2, max_size=6))), draw(st.none() | prompts),
        draw(st.none() | st.booleans()),
        draw(st.none() | st.sampled_from(SPEEDS)), draw(st.none() | st.tuples(st.integers(1, 6), st.integers(1, 2048))),
        draw(st.integers(0, MOST_DRAWN)), draw(st.none() | prompts),
    )  # fmt: skip
    assert found(f"?tab=compare&{query_of_lanes(one)}&{query_of_view(one)}") == one


def test_it_is_readable() -> None:
    one = LinkedLanes((LinkedLane("T 1", Setup("sample", {"temperature": 1.5}, 3, 9)),) * 2, "The fox", False)
    lanes = [
        f"{n}.name=T+1&{n}.strategy=sample&{n}.temperature=1.5&{n}.seed=3&{n}.max_new_tokens=9" for n in ("1", "2")
    ]
    assert query_of_lanes(one) == "&".join(["prompt=The+fox&dice=own", *lanes])


def test_an_address_of_before_is_read_too() -> None:
    one = LinkedLanes((LinkedLane("T 1", Setup("sample", {"temperature": 1.5}, 3, 9)), LinkedLane("a", text="b&c=d")))
    before = [urlencode({"lane": "name=T+1&strategy=sample&temperature=1.5&seed=3&max_new_tokens=9"})]
    before.append(urlencode({"lane": urlencode({"name": "a", "text": "b&c=d"})}))
    assert found("?tab=compare&" + "&".join(before)) == one
    assert found("?tab=compare&" + query_of_lanes(one)) == one


def test_the_rows_have_the_order_of_their_numbers_and_one_that_is_left_out_leaves_no_gap() -> None:
    query = "3.name=last&3.strategy=greedy&1.name=first&1.strategy=greedy&1.name=again&0.name=x&12.name=y"
    assert [lane.name for lane in found(query).lanes] == ["first", "last"]
    unknown = {t("link.unknown", name=one) for one in ("0.name", "12.name")}
    assert {said(note, t) for note in found(query).notes} == unknown


@pytest.mark.parametrize(
    ("query", "key", "values"),
    [
        ("dice=loaded", "link.choice", {"name": "dice", "value": "loaded", "known": "same, own"}),
        ("at=0:4", "link.value", {"name": "at", "value": "0"}),
        ("drawn=100000", "link.value", {"name": "drawn", "value": "100000"}),
        ("<b>=1", "link.unknown", {"name": "<b>"}),
        ("lane=name%3Da%26strategy%3Dgreedy", "link.lanes", {"count": 1, "fewest": 2, "most": 6}),
        ("1.name=a&1.strategy=greedy", "link.lanes", {"count": 1, "fewest": 2, "most": 6}),
        ("1.strategy=greedy&1.%3Cb%3E=1&2.strategy=greedy", "link.unknown", {"name": "<b>"}),
        ("&".join(["lane=strategy%3Dgreedy"] * 7), "link.lanes", {"count": 6, "fewest": 2, "most": 6}),
    ],
)
def test_what_cannot_be_taken_is_left_out_and_named(query: str, key: str, values: dict[str, Any]) -> None:
    assert t(key, **values) in [said(note, t) for note in found(query).notes]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(NAMES), st.text(max_size=60))))
def test_whatever_an_address_says_it_is_read(pairs: list[tuple[str, str]]) -> None:
    link = found(urlencode(pairs))
    assert all(said(note, t) for note in link.notes)
    assert found(f"{query_of_lanes(link)}&{query_of_view(link)}") == replace(link, notes=())
