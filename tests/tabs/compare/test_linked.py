"""A comparison passes on in its link: the same rows, controls and tokens."""

import copy
import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from playground.engines.huggingface.backend import Backend
from playground.engines.loading import ModelSlot
from playground.i18n import said, translator
from playground.runs.gave import Gave
from playground.runs.setup import Setup
from playground.tabs.compare.linked import LinkedCompare
from playground.tabs.compare.session import OwnText
from playground.tabs.links import model_of
from playground.tabs.state_line import stated

t = translator()
USUAL = ("The old king said to his", True, "lively", "")


class Guest:
    """A session of the tab, its controls, and what its page was told last."""

    def __init__(self, tab: LinkedCompare) -> None:
        self.tab, self.session, self.values = tab, copy.deepcopy(tab.new_session()), USUAL
        self.page: dict[str, Any] = {}

    def do(self, name: str, *given: Any) -> "Guest":
        made = stated(self.tab, getattr(self.tab, name), 4)(self.session, *given, *self.values)
        for update in [made] if isinstance(made, str) else made:
            self.page |= json.loads(update)["channels"]
        return self

    def opens(self, query: str) -> Any:
        *self.values, drawn, shown = self.tab.open_link(self.session, query, *self.values)
        self.page |= json.loads(shown)["channels"]
        self.do("run_link")
        return drawn

    @property
    def rows(self) -> list[Any]:
        return [(said(one.name, t), one.setup) for one in self.session.lanes]

    @property
    def ids(self) -> list[tuple[int, ...]]:
        assert self.session.comparison is not None
        return [lane.token_ids for lane in self.session.comparison.lanes]

    @property
    def link(self) -> str:
        told = self.page["compare.address"]
        return f"tab=compare&{told['run']}&{told['view']}"


@pytest.fixture(scope="module")
def tab(storyteller: Backend) -> LinkedCompare:
    return LinkedCompare(ModelSlot.filled(storyteller, "assets/models/storyteller"), t)


def test_the_page_as_it_is_met_has_no_link(tab: LinkedCompare) -> None:
    assert Guest(tab).do("resync").page["compare.address"] == {"run": "", "view": "", "ended": False, "gave": ""}


def test_rows_controls_token_and_many_texts_pass_on(tab: LinkedCompare) -> None:
    one = Guest(tab)
    one.values = ('The "fox" & <b>', False, "fast", "")
    words = Setup("greedy", {"bad_words_ids": ((300,), (301, 302))}, None, 4)
    rows = [
        ("a&b=1", Setup("sample", {"temperature": 0.7, "top_k": 9}, 5, 4)), ("own", OwnText(" went; away")),
        ("beam", Setup("beam", {"num_beams": 2}, None, 4)), ("words", words),
    ]  # fmt: skip
    one.session.fill(rows, "")
    one.do("run").do("draw", 2)
    one.do("inspect", [2, 1])
    assert one.page["compare.address"]["ended"] is True
    other = Guest(tab)
    assert other.opens(one.link) == 2
    assert (other.rows, tuple(other.values), other.ids) == (one.rows, one.values, one.ids)
    assert other.page["compare.link"] == {"parts": [""]} or not "".join(other.page["compare.link"]["parts"])
    assert other.session.token == (other.session.lanes[2].key, 1)
    assert {key: len(cloud.samples) for key, cloud in other.session.clouds.drawn.items()} == {
        other.session.lanes[place].key: 2 for place in (0, 2, 3)
    }
    assert other.link == one.link
    assert model_of(one.link) == tab.slot.name


def test_a_file_brings_the_comparison_again_and_says_which_tokens_it_gave(tab: LinkedCompare) -> None:
    one = Guest(tab)
    one.values = ("The <b>fox</b>", False, "lively", "")
    one.session.fill(
        [("a", Setup("sample", {}, 5, 4)), ("<i>", Setup("greedy", {}, None, 3)), ("own", OwnText(" a"))], ""
    )
    one.do("run").do("save", "everything")
    found = json.loads(one.page["compare.save"]["text"])
    assert (found["format"], found["version"]) == ("decoding-playground/comparison", 1)
    other = Guest(tab)
    other.opens(found["link"])
    assert (other.rows, tuple(other.values), other.ids) == (one.rows, one.values, one.ids)
    assert not "".join(other.page["compare.link"]["parts"])
    wrong = Guest(tab)
    here, there = one.ids[1], (*one.ids[1][:2], 7)
    wrong.opens(found["link"].replace(*(parse_qs(Gave.of(ids).query)["gave"][0] for ids in (here, there))))
    words = "".join(wrong.page["compare.link"]["parts"])
    assert words == t("link.lane_parts", lane="<i>", number=3)


def test_a_file_of_a_comparison_that_was_changed_since_holds_no_link(tab: LinkedCompare) -> None:
    one = Guest(tab)
    one.do("draw", 2).do("save", "everything")  # many texts, and no comparison
    first = tab.brought.comparisons[0]
    other = Guest(tab)
    assert other.opens(json.loads(one.page["compare.save"]["text"])["link"]) == 2
    assert [setup for _, setup in other.rows] == [setup for _, setup in first.lanes]
    one.do("run")
    one.values = ("Another", True, "lively", "")
    one.do("save", "everything")
    assert json.loads(one.page["compare.save"]["text"])["link"] == ""


def test_a_link_waits_and_says_what_it_could_not_take(tab: LinkedCompare) -> None:
    guest = Guest(tab)
    before = guest.rows
    unknown = Guest(tab)
    unknown.opens("tab=compare&autorun=0&lane=strategy%3Dgreedy%26model%3Dnone&lane=text%3Da%26model%3Dno%2Fne")
    assert [setup.model for _, setup in unknown.rows] == [None, None]
    for name in ("none", "no/ne"):
        assert t("link.value", name="model", value=name) in "".join(unknown.page["compare.link"]["parts"])
    guest.opens("tab=compare&prompt=The+fox&lane=strategy%3Dgreedy&at=9&autorun=0&model=another")
    said_of_it = "".join(guest.page["compare.link"]["parts"])
    assert guest.rows == before and guest.session.comparison is None
    assert guest.values[0] == "The fox"
    for words in (t("link.waits"), t("link.lanes", count=1, fewest=2, most=6)):
        assert words in said_of_it
    assert t("link.other_model", made="another", loaded=tab.slot.name) in said_of_it
