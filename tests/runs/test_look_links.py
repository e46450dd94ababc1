"""A look is read back from its link as it was written; what else is there is left out, and named."""

from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.i18n import said, translator
from playground.runs.look_links import Amount, LinkedLook, OneOf, Several, Whole, Words, query_of_look, read_look
from tests.runs.test_links import prompts

t = translator()
FIELDS = {"text": Words(200), "side": OneOf(("left", "right")), "at": Whole(1, 512)}
FIELDS |= {"scale": Amount(0, 2), "beside": Several(("a", "b*0", "tiktoken:x"))}
LOOKS = st.fixed_dictionaries(
    {},
    optional={
        "text": prompts.filter(lambda text: len(text) <= 200), "side": st.sampled_from(("left", "right")),
        "at": st.integers(1, 512), "scale": st.floats(0, 2, allow_subnormal=False),
        "beside": st.lists(st.sampled_from(("a", "b*0", "tiktoken:x")), unique=True).map(",".join),
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
        ("scale=2.01", "link.value", {"name": "scale", "value": "2.01"}),
        ("scale=-1", "link.value", {"name": "scale", "value": "-1"}),
        ("scale=nan", "link.value", {"name": "scale", "value": "nan"}),
        ("beside=c", "link.choice", {"name": "beside", "value": "c", "known": "a, b*0, tiktoken:x"}),
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


def test_of_several_words_those_that_are_known_are_taken() -> None:
    found = read_look("beside=b*0,<b>,a,a", FIELDS)
    assert found.values == {"beside": "b*0,a"}
    assert [said(note, t) for note in found.notes] == [
        t("link.choice", name="beside", value="<b>", known="a, b*0, tiktoken:x")
    ]
    assert len(read_look("beside=" + ",".join(map(str, range(99))), FIELDS).notes) == 5
    assert read_look("beside=", FIELDS).values == {"beside": ""}


def test_a_word_that_is_not_told_is_taken() -> None:
    fields = {"tokenizer": OneOf(("default",), {"/home/me"})}
    assert read_look("tokenizer=%2Fhome%2Fme", fields).values == {"tokenizer": "/home/me"}
    assert "/home/me" not in str(read_look("tokenizer=x", fields).notes)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([*FIELDS, "model", "x", "tab"]), st.text(max_size=60))))
def test_whatever_an_address_says_it_is_read(pairs: list[tuple[str, str]]) -> None:
    link = read_look(urlencode(pairs), FIELDS)
    assert all(said(note, t) for note in link.notes)
    assert read_look(query_of_look(link.values), FIELDS).values == link.values
