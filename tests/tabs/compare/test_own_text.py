"""A text of one's own as a lane of Compare: read by the model beside the lanes that write."""

import copy
import json
import math
from typing import Any

import gradio as gr
import pytest
import torch

from playground.engines.huggingface.backend import Backend
from playground.engines.loading import ModelSlot
from playground.i18n import translator
from playground.runs.scoring import score_text, text_lane
from playground.runs.setup import Setup
from playground.runs.verification.texts import verify_text
from playground.tabs.compare.handlers import CompareTab
from playground.tabs.compare.session import CompareSession, OwnText
from playground.tabs.state_line import stated

PROMPT, TEXT = "The old king said to his", ' daughter, "I shall give you my golden apple if you will not weep."'
GREEDY = Setup("greedy", {}, None, 8)


@pytest.fixture
def tab(storyteller: Backend) -> CompareTab:
    return CompareTab(ModelSlot.filled(storyteller, "assets/models/storyteller"), translator())


class Reader:
    """One visitor; what a handler yields is laid over what the page has."""

    def __init__(self, tab: CompareTab, *sources: Any) -> None:
        self.tab, self.page = tab, {}
        self.session: CompareSession = copy.deepcopy(tab.new_session())
        self.session.fill([(f"L{i}", source) for i, source in enumerate(sources)], "strategies")

    def do(self, handler: str, *event: Any, prompt: str = PROMPT) -> "Reader":
        made = stated(self.tab, getattr(self.tab, handler), 4)(self.session, *event, prompt, True, "fast", "")
        for update in [made] if isinstance(made, str) else made:
            self.page |= json.loads(update)["channels"]
        return self

    def edit(self, **picked: Any) -> "Reader":
        return self.do("edit", gr.EventData(None, {"picked": picked}))

    def verify(self) -> "Reader":
        for update in self.tab.verify(self.session):
            self.page |= json.loads(update)["channels"]
        return self

    @property
    def lanes(self) -> list[dict[str, Any]]:
        return list(self.page["compare.lanes"]["lanes"])


def test_a_lane_of_a_text_says_what_scoring_says_and_has_the_rows_of_one_pass(storyteller: Backend) -> None:
    lane, scored = text_lane(PROMPT, TEXT, storyteller), score_text(PROMPT, TEXT, storyteller)
    assert lane.is_over and lane.token_ids == tuple(token.token_id for token in scored.tokens)
    readings = [(step.reading.logprob, step.reading.rank, step.reading.entropy) for step in lane.trace.steps]
    assert readings == [(token.logprob, token.rank, token.entropy) for token in scored.tokens]
    ids = lane.request.prompt_ids + lane.token_ids
    with torch.inference_mode():
        own = storyteller.model.module(torch.tensor([list(ids)]), use_cache=False).logits[0]
    for place, step in enumerate(lane.trace.steps, len(lane.request.prompt_ids)):
        assert float((step.logits - own[place - 1]).abs().max()) < 1e-3


def test_a_row_that_is_not_at_hand_is_read_again_bit_for_bit(
    storyteller: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = [step.logits.clone() for step in text_lane(PROMPT, TEXT, storyteller).trace.steps]
    monkeypatch.setattr("playground.runs.scoring.TEXT_BYTES", 2 * 4 * storyteller.info.vocab_size)
    steps = text_lane(PROMPT, TEXT, storyteller).trace.steps
    assert len(steps) > 10 and not any(step.row.is_kept for step in steps)
    assert all(torch.equal(step.logits, row) for step, row in zip(steps, kept, strict=True))


def test_its_numbers_are_those_of_a_pass_of_transformers_and_a_wrong_one_is_seen(storyteller: Backend) -> None:
    lane = text_lane(PROMPT, TEXT, storyteller)
    found = verify_text(lane, storyteller)
    assert found.passed and found.equal == found.tokens == len(lane.token_ids) and found.largest_difference < 1e-4
    reading = lane.trace.steps[3].reading
    lane.trace.steps[3].__dict__["reading"] = type(reading)(reading.logprob - 0.01, reading.rank, reading.entropy)
    wrong = verify_text(lane, storyteller)
    assert not wrong.passed and wrong.equal == wrong.tokens - 1


def test_it_is_read_beside_the_lanes_that_write(tab: CompareTab, storyteller: Backend) -> None:
    reader = Reader(tab, OwnText(TEXT), GREEDY).do("run")
    scored = score_text(PROMPT, TEXT, storyteller)
    tokens = reader.page["compare.lanes.0"]["tokens"]
    assert "".join(token["text"] for token in tokens) == TEXT
    assert f"rank {scored.tokens[1].rank}," in tokens[1]["title"]
    assert len(reader.page["compare.lanes.1"]["tokens"]) <= 8 and reader.session.written.steps == 8
    said = "".join(p if isinstance(p, str) else p["text"] for p in reader.page["compare.parting"]["parts"])
    first = math.exp(scored.tokens[0].logprob)
    assert "token 1" in said and f"L0 has {scored.tokens[0].label} ({100 * first:.1f} %)" in said
    head, row = reader.page["compare.measures"]["table"]["head"], reader.page["compare.measures"]["table"]["rows"][0]
    counts = {name: row[head.index(name)] for name in ("top 10", "top 100", "top 1000")}
    assert counts == {f"top {n}": str(scored.among_first(n)) for n in (10, 100, 1000)}
    assert float(row[head.index("perplexity")]) == pytest.approx(scored.perplexity, rel=0.01)
    assert f"{scored.among_first(10)} of {len(scored.tokens)} tokens" in reader.lanes[0]["note"]
    assert reader.lanes[1]["note"] == ""


def test_the_surprisal_of_every_token_is_a_point_that_can_be_picked(tab: CompareTab, storyteller: Backend) -> None:
    reader = Reader(tab, OwnText(TEXT), GREEDY).do("run")
    line, greedy = reader.page["compare.surprisal"]["data"]
    scored = score_text(PROMPT, TEXT, storyteller)
    assert line["y"] == pytest.approx([-token.logprob for token in scored.tokens], rel=1e-4)
    assert line["customdata"] == [[0, i] for i in range(len(scored.tokens))] and len(greedy["y"]) == 8
    reader.do("inspect", [0, 4])
    taken = [row for row in reader.page["compare.step"]["rows"] if row["cells"][0]["taken"]]
    assert [row["name"] for row in taken] == [scored.tokens[4].label]
    assert reader.page["compare.surprisal"]["layout"]["shapes"][0]["x0"] == 4.5


def test_a_pasted_text_is_read_at_once_and_the_badge_says_with_what_it_was_compared(tab: CompareTab) -> None:
    reader = Reader(tab, GREEDY, GREEDY).do("run").edit(do="add_text")
    key = reader.session.lanes[-1].key
    assert reader.lanes[-1]["text"] == "" and reader.lanes[-1]["note"].startswith("No text yet")
    assert reader.page["compare.made"]["kind"] == "ended"  # nothing that is on the page has changed
    reader.edit(do="text", key=key, name="Me", text=TEXT)
    assert (reader.lanes[-1]["name"], reader.lanes[-1]["text"]) == ("Me", TEXT)
    assert len(reader.page["compare.lanes.2"]["tokens"]) > 10 and reader.page["compare.made"]["kind"] == "ended"
    badges = [lane["badge"] for lane in reader.verify().lanes]
    assert [badge["kind"] for badge in badges] == ["good"] * 3
    assert "one pass of transformers" in badges[2]["text"] and "generate" in badges[0]["text"]
    again = reader.edit(do="text", key=key, name="Me", text=" son.")
    assert [lane["badge"]["kind"] for lane in again.lanes] == ["good", "good", ""]  # the others are what they were
    assert [token["text"] for token in again.page["compare.lanes.2"]["tokens"]] == [" son", "."]


def test_a_text_is_read_before_anything_was_run_and_stays_while_the_others_go_step_by_step(tab: CompareTab) -> None:
    reader = Reader(tab, GREEDY, OwnText("")).do("resync")
    key = reader.session.lanes[1].key
    reader.edit(do="text", key=key, name="Me", text=TEXT)
    lane = reader.session.lane_of(key)
    assert lane is not None and len(lane.token_ids) > 10 and reader.session.written.steps == 0
    reader.do("step").do("step")
    assert reader.session.written.steps == 2 and reader.session.state == "paused"
    paused = reader.session.lane_of(key)
    reader.do("pause")
    assert reader.session.written.steps == 8 and reader.session.lane_of(key) is paused
    assert reader.session.state == "ended"


def test_two_texts_and_nothing_that_writes(tab: CompareTab) -> None:
    reader = Reader(tab, OwnText(TEXT), OwnText(" son.")).do("run")
    assert [len(lane["numbers"]) for lane in reader.lanes] == [3, 3] and reader.session.state == "ended"
    reader = Reader(tab, OwnText(""), OwnText("")).do("run")
    assert reader.page["compare.notice"]["kind"] == "bad"


@pytest.mark.parametrize("text", [None, 7, "x" * 100_001, "word " * 3000])
def test_what_can_not_be_read_is_one_line_and_leaves_what_is_there(tab: CompareTab, text: Any) -> None:
    reader = Reader(tab, GREEDY, OwnText(TEXT)).do("run")
    before = reader.session.comparison
    reader.edit(do="text", key=reader.session.lanes[1].key, name="Me", text=text)
    assert reader.page["compare.notice"]["kind"] == "bad" and reader.session.comparison is before


def test_a_text_that_begins_in_the_middle_of_the_prompts_last_word_is_not_compared_place_by_place(
    tab: CompareTab,
) -> None:
    reader = Reader(tab, OwnText("ng said no."), GREEDY, GREEDY).do("run", prompt="The old ki")
    said = "".join(p if isinstance(p, str) else p["text"] for p in reader.page["compare.parting"]["parts"])
    assert "same 8 tokens" in said
