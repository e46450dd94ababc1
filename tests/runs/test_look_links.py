"""A look is read back from its link as it was written; what else is there is left out, and named."""

from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.i18n import said, translator
from playground.runs.look_links import LinkedLook, OneOf, Whole, Words, query_of_look, read_look
from tests.runs.test_links import prompts

t = translator()
FIELDS = {"text": Words(200), "side": OneOf(("left", "right")), "at": Whole(1, 512)}
LOOKS = st.fixed_dictionaries(
    {},
    optional={
        "text": prompts.filter(lambda text: len(text) <= 200), "side": st.sampled_from(("left", "right")),
        "at": st.integers(1, 512),
    },
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(LOOKS)
def test_a_look_is_read_back_as_it_was_written(values: dict[str, Any]) -> None:
    assert read_look("?tab=attention&" + query_of_look(values), FIELDS) == LinkedLook(values)


def test_it_is_readable_and_names_its_model() -> None:
    query = query_of_look({"text": "The fox & he", "at": 3, "model": "poet"})
    assert query == "text=The+fox+%26+he&at=3&model=poet"
    assert read_look(query, FIELDS) == LinkedLook({"text": "The fox & he", "at": 3}, "poet")


@pytest.mark.parametrize(
    ("query", "key", "values"),
    [
        ("at=0", "link.value", {"name": "at", "value": "0"}),
        ("at=513", "link.value", {"name": "at", "value": "513"}),
        ("at=%D9%A3", "link.value", {"name": "at", "value": "\u0663"}),
        ("side=up", "link.choice", {"name": "side", "value": "up", "known": "left, right"}),
        ("text=" + "a" * 201, "link.text", {"name": "text", "characters": 200}),
        ("<b>=1", "link.unknown", {"name": "<b>"}),
        ("a=1&" * 201, "link.too_many", {"count": 200}),
        ("a" * 200_001, "link.too_long", {"characters": 200_000}),
    ],
)
def test_what_cannot_be_taken_is_left_out_and_named(query: str, key: str, values: dict[str, Any]) -> None:
    found = read_look(query + "&lang=zh&utm_x=1" if len(query) < 9999 else query, FIELDS)
    assert [said(note, t) for note in found.notes] == [t(key, **values)]
    assert found.values == {}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([*FIELDS, "model", "x", "tab"]), st.text(max_size=60))))
def test_whatever_an_address_says_it_is_read(pairs: list[tuple[str, str]]) -> None:
    link = read_look(urlencode(pairs), FIELDS)
    assert all(said(note, t) for note in link.notes)
    assert read_look(query_of_look(link.values), FIELDS).values == link.values
