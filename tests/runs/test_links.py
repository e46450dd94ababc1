"""A link is read back as it was written, and whatever else an address says is left out, with a word on it."""

import string
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground import catalog
from playground.i18n import said, translator
from playground.runs.gave import Gave
from playground.runs.links import MAX_QUERY, Link, query_of, query_of_run, read
from playground.runs.setup import Setup
from playground.runs.strategies import STRATEGIES
from playground.runs.strategies.options import Choice, Number, Option
from playground.tabs.links import ROOMS

t = translator()
prompts = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)
phrases = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=30)


def values_of(option: Option) -> st.SearchStrategy[Any]:
    if isinstance(option, Number) and option.is_whole:
        return st.integers(int(option.minimum), int(option.maximum))
    if isinstance(option, Number):
        return st.floats(option.minimum, option.maximum)
    return (
        st.sampled_from(list(option.choices.values())) if isinstance(option, Choice) else st.lists(phrases, max_size=3)
    )


def number_of(name: str) -> st.SearchStrategy[float]:
    one = catalog.BY_NAME[name]
    return st.integers(int(one.minimum), int(one.maximum)) if one.is_whole else st.floats(one.minimum, one.maximum)


@st.composite
def links(draw: st.DrawFn) -> Link:
    room = draw(st.sampled_from(ROOMS))
    kind = draw(st.sampled_from(list(room.kinds)))
    options = [option for option in kind.options if option.label]
    found: dict[str, Any] = {}
    for option in draw(st.lists(st.sampled_from(options), unique_by=lambda o: o.name)) if options else []:
        found[option.name] = draw(values_of(option))
    numbers = [name for name in kind.processors if name in catalog.BY_NAME]
    for name in draw(st.lists(st.sampled_from(numbers), unique=True, max_size=6)) if numbers else []:
        found[name] = draw(number_of(name))
    own: dict[str, Any] = {}
    if room.tab == "generate":
        own["order"] = tuple(draw(st.permutations(catalog.ORDERS["transformers"])))
    setup = Setup(
        kind.name, found, draw(st.none() | st.integers(0, catalog.MAX_SEED)), draw(st.integers(1, room.longest)),
        prompt=draw(st.none() | prompts), model=draw(st.none() | prompts), **own,
    )  # fmt: skip
    typed = [name for name in kind.processors if name not in catalog.BY_NAME]
    texts = {name: draw(phrases.filter(str.strip)) for name in draw(st.sets(st.sampled_from(typed)))} if typed else {}
    views = {name: draw(st.sampled_from(sorted(values))) for name, values in room.views.items() if draw(st.booleans())}
    at = draw(st.none() | st.integers(1, room.longest))
    numbers_of = st.lists(st.integers(1, room.longest), unique=True, max_size=4).map(sorted)
    by_hand = tuple((number, draw(st.integers(0, 10**6))) for number in draw(numbers_of)) if room.is_steered else ()
    return Link(
        room.tab,
        setup,
        texts,
        at,
        by_hand,
        views,
        draw(st.booleans()),
        draw(st.none() | st.lists(st.integers(0, 10**6), max_size=60).map(Gave.of)),
    )


@settings(max_examples=300, deadline=None)
@given(links())
def test_a_link_is_read_back_as_it_was_written(link: Link) -> None:
    assert read("?" + query_of(link), ROOMS) == link


def test_it_is_readable_and_holds_what_is_not_neutral() -> None:
    setup = Setup("sample", {"temperature": 0.8, "top_p": 0.9, "top_k": 0}, 36, 40, prompt="The old king")
    expected = "prompt=The+old+king&strategy=sample&temperature=0.8&top_p=0.9&seed=36&max_new_tokens=40"
    assert query_of_run(setup) == expected
    assert query_of(Link("generate", setup, at=6)) == f"tab=generate&{expected}&at=6"
    llama = Setup("sample", order=catalog.ORDERS["llama.cpp"])
    assert "order=llama.cpp" in query_of_run(llama)
    first = Setup("sample", order=catalog.check_order(["top_k"]))
    assert "order=top_k" in query_of_run(first)


@pytest.mark.parametrize(
    ("query", "tab"),
    [("", "generate"), ("?lang=zh&theme=dark&utm_source=x&__sign=1", "generate"), ("tab=beam", "beam")],
)
def test_a_link_without_settings_brings_nothing(query: str, tab: str) -> None:
    assert read(query, ROOMS) == Link(tab)


def test_the_strategy_says_the_tab_where_the_link_does_not() -> None:
    assert read("strategy=diverse&num_beams=6", ROOMS).tab == "beam"
    assert read("strategy=greedy", ROOMS).tab == "generate"


HOSTILE = [
    ("temperature=hot&prompt=a", "temperature", {}),
    ("temperature=1e999&prompt=a", "temperature", {}),
    ("temperature=nan&prompt=a", "temperature", {}),
    ("temperature=0&prompt=a", "from 0.01 to 100", {}),
    ("temperature=٣&prompt=a", "temperature", {}),
    ("temperature=0.5&temperature=0.7&prompt=a", "temperature", {"temperature": 0.5}),
    ("top_k=2.5&prompt=a", "top_k", {}),
    ("num_beams=4&prompt=a", "num_beams", {}),
    ("strategy=__import__('os')&prompt=a", "strategy", {}),
    ("order=top_k,top_k&prompt=a", "order", {}),
    ("seed=" + "9" * 5000 + "&prompt=a", "seed", {}),
    ("seed=-1&prompt=a", "seed", {}),
    ("max_new_tokens=100000&prompt=a", "max_new_tokens", {}),
    ("at=0&prompt=a", "at", {}),
    ("by_hand=2:5,1:5&prompt=a", "by_hand", {}),
    ("by_hand=0:5&prompt=a", "by_hand", {}),
    ("by_hand=1:5;DROP&prompt=a", "by_hand", {}),
    ("by_hand=" + "1:1," * 9000 + "&prompt=a", "by_hand", {}),
    ("speed=warp&prompt=a", "speed", {}),
    ("bad_words_ids=" + "a" * 3000 + "&prompt=a", "bad_words_ids", {}),
    ("constructor=1&prompt=a", "constructor", {}),
    ("strategy=beam&temperature=0.5&early_stopping=maybe&prompt=a&tab=beam", "early_stopping", {"temperature": 0.5}),
    ("strategy=beam&min_new_tokens=5&prompt=a", "min_new_tokens", {}),
    ("strategy=constrained&prompt=a" + "&force_words=x" * 20, "force_words", {}),
    ("prompt=a&<img src=x onerror=alert(1)>=1", "<img", {}),
]


@pytest.mark.parametrize(("query", "word", "taken"), HOSTILE, ids=[one[0][:30] for one in HOSTILE])
def test_what_is_no_setting_is_left_out_and_said_so(query: str, word: str, taken: dict[str, float]) -> None:
    link = read(query, ROOMS)
    assert link.setup is not None and link.setup.prompt == "a" and dict(link.setup.settings) == taken
    (note,) = link.notes
    assert word in said(note, t) and len(said(note, t)) < 300


def test_a_link_of_which_nothing_can_be_taken_runs_nothing() -> None:
    for query in ("nonsense=1", "temperature=hot", "tab=tokenizer&prompt=a", "tab=../etc&prompt=a"):
        link = read(query, ROOMS)
        assert link.setup is None and len(link.notes) == 1, query
    assert len(read("a=1&" * 1000, ROOMS).notes) == 1
    assert len(read("prompt=" + "a" * MAX_QUERY, ROOMS).notes) == 1
    assert len(read("prompt=" + "a" * 150_000, ROOMS).notes) == 1


NAMES = sorted({name for kind in STRATEGIES.values() for name in kind.settings} | {
    "tab", "strategy", "prompt", "seed", "max_new_tokens", "order", "model", "at", "speed", "unit", "autorun", "lang",
})  # fmt: skip
anything = st.text(max_size=30) | st.from_regex(r"-?[0-9]{1,6}(\.[0-9]{1,3})?", fullmatch=True) | st.sampled_from(
    ["", "beam", "generate", "greedy", "sample", "true", "null", "[]", "%00", "1e309", "-0", "\ud800"]
)  # fmt: skip


@settings(max_examples=1500, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(NAMES) | st.text(max_size=10), anything), max_size=12))
def test_whatever_an_address_says_it_is_read(pairs: list[tuple[str, str]]) -> None:
    link = read(urlencode(pairs, errors="replace"), ROOMS)
    for note in link.notes:
        assert said(note, t) and len(said(note, t)) < 600
    if link.setup is not None:
        again = read(query_of(link), ROOMS)
        assert (again.setup, again.texts, again.at, again.views) == (link.setup, link.texts, link.at, link.views)
        assert again.notes == ()


@settings(max_examples=500, deadline=None)
@given(st.text(string.printable + "é\ud800%&=", max_size=200))
def test_no_text_is_too_odd_to_be_read(query: str) -> None:
    read(query, ROOMS)
