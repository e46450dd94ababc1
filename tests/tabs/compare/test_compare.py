"""The Compare tab by a visitor without a browser."""

import copy
import json
import math
from typing import Any

import gradio as gr
import pytest

from playground import engine
from playground.catalog import ORDERS
from playground.decoding.trace import GenerationRequest
from playground.engines import prompts
from playground.engines.huggingface.backend import Backend
from playground.engines.loading import ModelSlot
from playground.engines.prompts import speller_of
from playground.engines.shelf import Shelf, shipped
from playground.i18n import translator
from playground.runs.setup import Setup
from playground.tabs.compare.examples import COMPARE_EXAMPLES
from playground.tabs.compare.handlers import CompareTab
from playground.tabs.compare.session import MOST_LANES
from playground.tabs.state_line import stated
from playground.views.strip import spelt

PROMPT = "The old king said to his"
Channels = dict[str, Any]


class Comparer:
    """One session of the tab; what a handler yields is laid over what the page has."""

    def __init__(self, tab: CompareTab) -> None:
        self.tab = tab
        self.session = copy.deepcopy(tab.new_session())
        self.values: tuple[Any, ...] = (PROMPT, True, "fast", "")
        self.page: Channels = {}
        self.texts: dict[int, list[Channels]] = {}

    def lanes(self, *setups: Setup) -> "Comparer":
        self.session.fill([(f"L{i}", setup) for i, setup in enumerate(setups)], "strategies")
        return self

    def take(self, update: Any) -> Channels:
        channels: Channels = json.loads(update)["channels"]
        self.page |= channels
        for name, payload in channels.items():
            if name.startswith("compare.lanes."):
                old = self.texts.get(int(name.rpartition(".")[2]), [])
                assert payload["start"] <= len(old)
                self.texts[int(name.rpartition(".")[2])] = old[: payload["start"]] + payload["tokens"]
        return channels

    def do(self, handler: str, *event: Any) -> "Comparer":
        made = stated(self.tab, getattr(self.tab, handler), 4)(self.session, *event, *self.values)
        for update in [made] if isinstance(made, str) else made:
            self.take(update)
        return self

    def edit(self, **picked: Any) -> "Comparer":
        return self.do("edit", gr.EventData(None, {"picked": picked}))

    def text(self, place: int) -> str:
        return "".join(token["text"] for token in self.texts[place])

    def said(self, channel: str) -> str:
        parts = self.page[channel]["parts"]
        return "".join(part if isinstance(part, str) else part["text"] for part in parts)


@pytest.fixture(scope="module")
def compare_tab(storyteller: Backend) -> CompareTab:
    """On a shelf of all models that are shipped."""
    slot = ModelSlot.filled(storyteller, "assets/models/storyteller")
    shelf = Shelf(shipped(), lambda: None)
    shelf._slots["storyteller"] = slot
    return CompareTab(slot, translator(), shelf=shelf)


@pytest.fixture
def comparer(compare_tab: CompareTab) -> Comparer:
    return Comparer(compare_tab)


GREEDY = Setup("greedy", {}, None, 8)
DRAWN = Setup("sample", {"temperature": 1.2}, 36, 8)
BEAMS = Setup("beam", {"num_beams": 3}, None, 8)


def test_each_text_is_that_of_its_setup_alone(comparer: Comparer, storyteller: Backend) -> None:
    comparer.lanes(GREEDY, DRAWN, BEAMS).do("run")
    ids = prompts.prompt(PROMPT, storyteller)
    for place, setup in enumerate((GREEDY, DRAWN)):
        request = GenerationRequest(ids, setup.build(storyteller), 8)
        *_, alone = engine.generate(storyteller.model, request)
        session = comparer.session
        assert session.comparison is not None
        assert session.comparison.lanes[place].token_ids == alone.token_ids
        assert len(comparer.texts[place]) == 8
    assert len(comparer.texts[2]) == 8
    shown = comparer.page["compare.lanes"]["lanes"]
    assert [len(lane["numbers"]) for lane in shown] == [3, 3, 3]
    assert [bool(lane["note"]) for lane in shown] == [False, False, True]  # the search is no row of the batch


def test_the_sentence_names_the_first_token_that_differs_with_its_probability(comparer: Comparer) -> None:
    comparer.lanes(GREEDY, DRAWN).do("run")
    first, second = comparer.texts[0], comparer.texts[1]
    index = next(i for i, (a, b) in enumerate(zip(first, second, strict=True)) if a["text"] != b["text"])
    assert [lane["parts_at"] for lane in comparer.page["compare.lanes"]["lanes"]] == [index, index]
    said = comparer.said("compare.parting")
    assert f"token {index + 1}" in said and "L0 takes" in said and "L1 draws" in said
    taken = [[row["name"] for row in comparer.page["compare.step"]["rows"] if row["cells"][i]["taken"]] for i in (0, 1)]
    assert [len(one) for one in taken] == [1, 1] and taken[0] != taken[1]


def test_same_dice_are_one_seed_and_own_dice_are_each_lanes(comparer: Comparer) -> None:
    one, other = Setup("sample", {}, 1, 8), Setup("sample", {}, 5, 8)
    comparer.lanes(one, other).do("run")
    assert comparer.text(0) == comparer.text(1)
    comparer.values = (PROMPT, False, "fast", "")
    comparer.do("run")
    assert comparer.text(0) != comparer.text(1)


def test_step_pause_and_going_on_give_the_text_of_a_run_in_one_go(comparer: Comparer) -> None:
    vocabulary = comparer.tab.slot.get().vocabulary
    comparer.lanes(GREEDY, DRAWN, BEAMS).do("run")
    whole = [comparer.text(place) for place in range(3)]
    comparer.lanes(GREEDY, DRAWN, BEAMS)
    for count in (1, 2, 3):
        comparer.do("step")
        assert comparer.session.comparison is not None and comparer.session.comparison.steps == count
        for place, lane in enumerate(comparer.session.comparison.lanes):  # a search may think better of earlier tokens
            assert comparer.text(place) == "".join(spelt(i, vocabulary) for i in lane.token_ids)
    assert comparer.session.state == "paused"
    comparer.do("pause")
    assert [comparer.text(place) for place in range(3)] == whole


def test_a_click_shows_the_same_step_of_every_lane(comparer: Comparer) -> None:
    comparer.lanes(GREEDY, DRAWN).do("run").do("inspect", [1, 5])
    assert comparer.page["compare.lanes"]["token"] == [1, 5]
    rows = comparer.page["compare.step"]["rows"]
    assert all(len(row["cells"]) == 2 for row in rows)
    assert sum(row["cells"][1]["taken"] for row in rows) == 1
    comparer.do("inspect", None)
    assert comparer.page["compare.lanes"]["token"] is None


def test_lanes_are_added_copied_moved_renamed_and_taken_away(comparer: Comparer) -> None:
    comparer.lanes(GREEDY, DRAWN)
    first, second = (one.key for one in comparer.session.lanes)
    comparer.edit(do="copy", key=first).edit(do="down", key=first)
    assert [one.setup for one in comparer.session.lanes] == [GREEDY, GREEDY, DRAWN]
    comparer.edit(do="change", key=second, name="Hot", setup=DRAWN.to_json() | {"temperature": 2.0})
    assert comparer.page["compare.lanes"]["lanes"][2]["name"] == "Hot"
    assert comparer.session.lanes[2].setup.settings == {"temperature": 2.0}
    comparer.edit(do="remove", key=first).edit(do="remove", key=second)
    assert len(comparer.session.lanes) == 2  # fewer are no comparison
    while len(comparer.session.lanes) < MOST_LANES:
        comparer.edit(do="add")
    comparer.edit(do="add")
    assert len(comparer.session.lanes) == MOST_LANES and "at most 6" in comparer.said("compare.notice")


@pytest.mark.parametrize(
    "picked", [None, 7, {}, {"do": "change", "key": 999, "setup": {}}, {"do": "remove", "key": [1]}, {"do": "up"}]
)
def test_what_no_page_sends_changes_nothing(comparer: Comparer, picked: Any) -> None:
    before = list(comparer.session.lanes)
    comparer.do("edit", gr.EventData(None, {"picked": picked}))
    assert comparer.session.lanes == before


def test_a_setting_out_of_range_is_one_line_and_the_lane_stays(comparer: Comparer) -> None:
    comparer.lanes(GREEDY, DRAWN)
    key = comparer.session.lanes[1].key
    comparer.edit(do="change", key=key, name="x", setup=DRAWN.to_json() | {"temperature": -1})
    assert "temperature" in comparer.said("compare.notice").lower()
    assert comparer.session.lanes[1].setup == DRAWN


def test_lists_are_typed_and_the_order_is_chosen(comparer: Comparer, storyteller: Backend) -> None:
    comparer.lanes(GREEDY, DRAWN)
    key = comparer.session.lanes[0].key
    typed = {"bad_words_ids": "wife", "sequence_bias": "king -3", "suppress_tokens": "7", "stop_strings": '"said"'}
    comparer.edit(do="change", key=key, name="x", setup=GREEDY.to_json(), written=typed)
    speller = speller_of(storyteller)
    found = comparer.session.lanes[0].setup.settings
    assert found == {
        "bad_words_ids": (speller.phrase("wife"),), "sequence_bias": ((speller.phrase("king"), -3.0),),
        "suppress_tokens": (7,), "stop_strings": ("said",),
    }  # fmt: skip
    shown = comparer.page["compare.lanes"]["lanes"][0]["written"]
    assert shown["bad_words_ids"] == '"␣wife"' and shown["sequence_bias"] == '"␣king" -3'
    comparer.edit(do="change", key=key, name="x", setup=GREEDY.to_json(), written=shown)  # typed again, it is the same
    assert comparer.session.lanes[0].setup.settings == found
    comparer.do("run")
    assert "wife" not in comparer.text(0)
    comparer.edit(do="change", key=key, name="x", setup=GREEDY.to_json(), written={"sequence_bias": "king"})
    assert "Sequence bias" in comparer.said("compare.notice")
    assert comparer.session.lanes[0].setup.settings == found
    second = comparer.session.lanes[1].key
    comparer.edit(do="change", key=second, name="y", setup=DRAWN.to_json() | {"order": "llama.cpp"})
    assert comparer.session.lanes[1].setup.order == ORDERS["llama.cpp"]
    assert any("llama.cpp" in chip for chip in comparer.page["compare.lanes"]["lanes"][1]["chips"])


@pytest.mark.parametrize("texts", [7, {"bad_words_ids": 3}, {"nonsense": "x"}, {"bad_words_ids": ""}])
def test_lists_that_no_page_sends_are_no_lists(comparer: Comparer, texts: Any) -> None:
    comparer.lanes(GREEDY, DRAWN)
    key = comparer.session.lanes[0].key
    comparer.edit(do="change", key=key, name="x", setup=GREEDY.to_json(), written=texts)
    assert comparer.session.lanes[0].setup == GREEDY


def test_an_error_leaves_the_last_good_picture(comparer: Comparer) -> None:
    comparer.lanes(GREEDY, DRAWN).do("run")
    before = comparer.session.comparison
    comparer.values = ("word " * 3000, True, "fast", "")
    comparer.do("run")
    assert comparer.said("compare.notice") and comparer.page["compare.notice"]["kind"] == "bad"
    assert comparer.session.comparison is before
    assert not comparer.session.is_running


def test_the_state_line_names_what_has_changed_since(comparer: Comparer) -> None:
    comparer.lanes(GREEDY, DRAWN).do("run")
    assert comparer.page["compare.made"]["kind"] == "ended"
    key = comparer.session.lanes[1].key
    comparer.edit(do="change", key=key, name="Hot", setup=DRAWN.to_json() | {"temperature": 2.0})
    assert comparer.page["compare.made"]["kind"] == "changed" and "Hot" in comparer.said("compare.made")


def test_every_lane_has_its_badge(comparer: Comparer) -> None:
    comparer.lanes(GREEDY, DRAWN, BEAMS).do("run")
    for update in comparer.tab.verify(comparer.session):
        comparer.take(update)
    badges = [lane["badge"] for lane in comparer.page["compare.lanes"]["lanes"]]
    assert [one["kind"] for one in badges] == ["good"] * 3
    assert all("8/8" in one["text"] for one in badges[:2])
    assert all("generate" in one["text"] for one in badges)


def test_a_search_that_generate_has_not_is_not_said_to_equal_it(comparer: Comparer) -> None:
    comparer.lanes(GREEDY, Setup("stochastic", {"num_beams": 2}, 1, 6)).do("run")
    for update in comparer.tab.verify(comparer.session):
        comparer.take(update)
    badge = comparer.page["compare.lanes"]["lanes"][1]["badge"]
    assert badge["kind"] == "good" and badge["text"].startswith("✓ rescored"), badge


@pytest.mark.parametrize("example", COMPARE_EXAMPLES, ids=lambda one: one.key)
def test_an_example_shows_what_it_says(comparer: Comparer, example: Any) -> None:
    prompt, turns, same, update = comparer.tab.load_example(example, comparer.session)
    comparer.take(update)
    comparer.values = (prompt, same, "fast", turns)
    comparer.do("run")
    if example.key == "adapter":
        assert "Holmes" not in comparer.text(0) and "Mr. Holmes" in comparer.text(1)
        assert [lane["chips"][0] for lane in comparer.page["compare.lanes"]["lanes"]] == [
            "storyteller", "storyteller + detective", "storyteller + detective × 2"
        ]  # fmt: skip
        assert comparer.page["compare.lanes"]["lanes"][0]["parts_at"] == 4
        return
    found = [[number[0] for number in lane["numbers"]] for lane in comparer.page["compare.lanes"]["lanes"]]
    perplexity = [float(one[0].replace(",", "")) for one in found]
    repeats = [int(one[2].removesuffix(" %")) for one in found]
    if example.key == "strategies":
        assert max(perplexity[0], perplexity[3]) < min(perplexity[1:3]) and min(repeats[0], repeats[3]) > max(
            repeats[1:3]
        )
    elif example.key == "temperature":
        assert perplexity == sorted(perplexity) and perplexity[-1] > 10 * perplexity[0]
    elif example.key == "rigid":
        columns = comparer.page["compare.step"]["columns"]  # of token 3, where they part
        assert [one["kept"].partition(",")[0] for one in columns] == ["10 tokens stay", "1 token stays"]
        assert comparer.page["compare.lanes"]["lanes"][0]["parts_at"] == 2 and "98.2 %" in columns[0]["kept"]
        first = comparer.do("inspect", [0, 0]).page["compare.step"]["columns"]
        assert [one["kept"].partition(",")[0] for one in first] == ["10 tokens stay", "664 tokens stay"]
        assert "53.6 %" in first[0]["kept"]
        assert comparer.text(0).startswith(" sons, and") and comparer.text(1).startswith(' sons, "')
    elif example.key == "human":
        surprisal = [math.log(one) for one in perplexity]
        assert surprisal[0] > 3 * surprisal[1] and repeats[0] == 0 and repeats[1] > 50
        assert "39 of 71 tokens" in comparer.page["compare.lanes"]["lanes"][0]["note"]
    else:
        assert repeats[0] > 20 and repeats[1] == 0
