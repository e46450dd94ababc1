"""Tokenizer and Two models pass on in their links: a fresh visitor has the same fields, places and numbers."""

import copy
import json
from typing import Any

import pytest

from playground.engines.huggingface.backend import Backend
from playground.engines.loading import ModelSlot
from playground.engines.shelf import Entry, Shelf, shipped
from playground.i18n import translator
from playground.runs import late
from playground.tabs.inside.handlers import InsideSession
from playground.tabs.inside.linked import LinkedInside
from playground.tabs.links import model_of
from playground.tabs.lockstep.handlers import LockstepSession
from playground.tabs.lockstep.linked import LinkedLockstep
from playground.tabs.tokenizer.linked import LinkedTokenizer

t = translator()
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")  # peft asks transformers so


class Guest:
    """A visitor of one of the tabs, its fields, and what the page was told last."""

    def __init__(self, tab: Any, session: Any, fields: list[Any]) -> None:
        self.tab, self.session, self.fields = tab, session, fields
        self.page: dict[str, Any] = {}

    def do(self, name: str, *given: Any) -> "Guest":
        made = getattr(self.tab, name)(self.session, *given)
        for sent in [made] if isinstance(made, str) else made:
            self.page |= json.loads(sent)["channels"]
        return self

    def opens(self, query: str) -> "Guest":
        *fields, shown = self.tab.open_link(self.session, query, *self.fields)
        self.page |= json.loads(shown)["channels"]
        self.fields = [getattr(field, "value", field) for field in fields]
        return self.do("run_link", *self.fields)

    def is_read(self, tab: str) -> bool:
        return bool(self.page[f"{tab}.address"]["ended"])

    def said(self, channel: str) -> str:
        return "".join(self.page[channel]["parts"])


@pytest.fixture(scope="module")
def slot(storyteller: Backend) -> ModelSlot:
    return ModelSlot.filled(storyteller, "assets/models/storyteller")


def reader(slot: ModelSlot) -> Guest:
    tab = LinkedTokenizer(slot, t)
    return Guest(tab, copy.deepcopy(tab.new_session()), [tab.first_text, "default", "replay", ["default", "unigram"]])


def link_of(guest: Guest, tab: str) -> str:
    told = guest.page[f"{tab}.address"]
    return f"tab={tab}&{told['run']}&{told['view']}"


def test_what_the_tokenizer_reads_passes_on(slot: ModelSlot) -> None:
    one = reader(slot)
    text = "The old king 😀 <b> & so\non"
    one.do("type", text, "default")
    assert not one.is_read("tokenizer")  # no entry of the history for every key
    one.do("choose", text, "wordpiece").do("show", "side", "", 0, ["default", "wordpiece"], "", "", "", "left")
    other = reader(slot).opens(link_of(one, "tokenizer"))
    assert other.fields == [text, "wordpiece", "side", ["default", "wordpiece"]]
    assert other.page["tokenizer.tokens"]["ids"] == one.page["tokenizer.tokens"]["ids"]
    assert other.said("tokenizer.link") == ""
    assert link_of(other, "tokenizer") == link_of(one, "tokenizer")
    assert other.is_read("tokenizer")
    assert model_of(link_of(one, "tokenizer")) == "storyteller"


def test_a_tokenizer_at_its_usual_text_takes_the_text_along(slot: ModelSlot) -> None:
    """The text that the page brings is another one in another language."""
    one = reader(slot)
    one.do("show", "replay", "", 0, ["default", "wordpiece", "unigram", "sentencepiece-bpe"], "", "", "", "left")
    assert one.page["tokenizer.address"]["run"] == ""  # the page as everybody meets it
    one.do("show", "side", "", 0, ["unigram"], "", "", "", "left")
    other = reader(slot)
    other.tab.first_text = other.fields[0] = "又一段文字"
    assert other.opens(link_of(one, "tokenizer")).fields == [one.tab.first_text, "default", "side", ["unigram"]]


def test_a_link_has_no_tokenizer_fetched(slot: ModelSlot, monkeypatch: pytest.MonkeyPatch) -> None:
    one = reader(slot)
    monkeypatch.setattr(one.tab.shelf, "hub", lambda name: pytest.fail(f"{name} was read"))
    one.opens("tab=tokenizer&text=%3Cimg+src%3Dx%3E&tokenizer=%2Fetc&beside=gpt2,unigram&section=none&x=1")
    assert one.fields == ["<img src=x>", "default", "replay", ["unigram"]]
    for name, value in (("tokenizer", "/etc"), ("beside", "gpt2")):
        known = ", ".join(one.tab.shelf.offered)
        assert t("link.choice", name=name, value=value, known=known) in one.said("tokenizer.link")
    assert t("link.unknown", name="x") in one.said("tokenizer.link")


@pytest.fixture(scope="module")
def pairs(slot: ModelSlot) -> LinkedLockstep:
    return LinkedLockstep(slot, t, shelf=Shelf.of(slot).beside(shipped(), late.load))


def pair(tab: LinkedLockstep) -> Guest:
    return Guest(tab, LockstepSession(), [tab.brought.compared, *tab.at_first(), 1.0])


def test_two_models_their_text_and_a_place_pass_on(pairs: LinkedLockstep) -> None:
    one = pair(pairs).do("look", pairs.brought.compared, *pairs.at_first(), 1.0)
    assert one.page["lockstep.address"]["run"] == ""  # the page as everybody meets it
    one.do("look", "The old <b>king</b>", "apprentice", "detective", 1.0)
    assert one.is_read("lockstep")
    one.do("look", "The old <b>king</b>", "apprentice", "detective", 0.35)
    assert not one.is_read("lockstep")  # no entry of the history for every place of the slider
    one.do("pick", 3)
    link = link_of(one, "lockstep")
    other = pair(pairs).opens(link)
    assert other.fields == ["The old <b>king</b>", "apprentice", "detective", 0.35]
    assert other.session.token == one.session.token == 3
    for panel in ("whole", "headline", "chart", "next", "link"):
        assert f"lockstep.{panel}" in other.page
        if panel != "link":
            assert other.page[f"lockstep.{panel}"] == one.page[f"lockstep.{panel}"]
    assert other.said("lockstep.link") == "" and link_of(other, "lockstep") == link
    assert model_of(link) == "storyteller"


def test_a_side_is_on_this_machine_or_left_out(pairs: LinkedLockstep) -> None:
    pairs.shelf.add(Entry("far", "somebody/far", is_kept=lambda: False, fetch=lambda progress: pytest.fail("fetched")))
    one = pair(pairs).opens("tab=lockstep&first=far&second=%2Fetc&scale=9&at=0&text=The+fox")
    assert one.fields == ["The fox", *pairs.at_first(), 1.0]
    for name, value in (("first", "far"), ("second", "/etc")):
        assert t("link.choice", name=name, value=value, known="")[:-2] in one.said("lockstep.link")
    assert t("link.value", name="scale", value="9") in one.said("lockstep.link")
    assert one.said("lockstep.whole")


def test_a_model_that_is_chosen_after_a_link_to_inside_is_read(slot: ModelSlot) -> None:
    tab = LinkedInside(slot, t)
    one = Guest(tab, InsideSession(), [tab.brought.walked, "probability", "float32"])
    one.opens("tab=inside&text=The+old+fox&at=2")
    assert one.session.token == 1
    tab.renew(one.session)
    one.do("arrive", *one.fields[:2])
    assert one.page["inside.badge"]["kind"] == "good"
