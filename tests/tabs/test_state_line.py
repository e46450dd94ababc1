"""Which settings made the text, what has changed since, what Run, Step, Pause and Stop then do; and the way back."""

import copy
import inspect
import json
from collections.abc import Callable
from typing import Any

import gradio as gr
import pytest
import torch
from tokenizers.processors import TemplateProcessing

from playground.decoding.rows import Row
from playground.decoding.trace import TRACE_BYTES
from playground.engines.huggingface.backend import Backend, from_parts
from playground.engines.loading import ModelSlot
from playground.i18n import translator
from playground.settings import DEFAULT_MODEL
from playground.tabs.beam.handlers import BeamTab
from playground.tabs.generate.handlers import GenerateTab
from playground.tabs.state_line import MOST_CHANGES, changes, listed
from tests.conftest import build_tiny
from tests.fixtures.prepended import build_tokenizer

Visitor = Any  # of conftest.py
t = translator()


def changed(*said: str) -> str:
    return t("made.changed", changes=", ".join(said))


def made(*said: str) -> str:
    return t("made.with", how=t("made.sample"), settings=", ".join(said))


# ---- what the line says


def test_the_page_opens_with_the_settings_of_the_recorded_run(visitor: Visitor, first_example: dict[str, Any]) -> None:
    frame = visitor.tab.first_frame()
    (state, by) = (part["text"] for part in frame["made"]["parts"])
    assert (state, by) == (t("state.ended"), made("temperature 0.8", "top-p 0.9", "seed 36"))
    assert visitor.line(**first_example) == f"{state} {by}"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 7}, "seed 36 → 7"),
        ({"seed": 4_000_000_000}, "seed 36 → 4000000000"),
        ({"seed": None}, "seed 36 → –"),
        ({"temperature": 1.2}, "temperature 0.8 → 1.2"),
        ({"top_p": 1}, "top-p 0.9 → off"),
        ({"top_k": 40}, "top-k off → 40"),
        ({"prompt": "Another prompt"}, "prompt"),
        ({"length": 60}, "tokens 40 → 60"),
        ({"suppress_tokens": "king"}, "suppressed tokens"),
        ({"stop_strings": "."}, "stop strings"),
    ],
    ids=str,
)
def test_a_changed_setting_is_named_and_is_gone_when_it_is_set_back(
    visitor: Visitor, first_example: dict[str, Any], change: dict[str, Any], said: str
) -> None:
    before = visitor.line(**first_example)
    assert visitor.line(**change) == f"{before} {changed(said)}"
    assert visitor.tab.standing(visitor.session)["made"]["kind"] == "changed"  # the badge is dimmed with it
    unset = {"suppress_tokens": "", "stop_strings": "", "top_k": 0}
    assert visitor.line(**{**unset, **first_example}) == before


def test_what_has_no_say_is_no_change(visitor: Visitor) -> None:
    visitor.do("run", mode="greedy", length=3)
    before = visitor.line()
    assert before == f"{t('state.ended')} {t('made.plain', how=t('made.greedy'))}"
    for change in ({"seed": 99}, {"temperature": 1.7}, {"speed": "slow"}, {"unit": "bits"}, {"dry_base": 3}):
        assert visitor.line(**change) == before
    assert "strategy greedy search → sampling" in visitor.line(mode="sample")


def test_settings_changed_on_the_way_are_told_with_their_token(visitor: Visitor) -> None:
    visitor.do("step", length=9, temperature=0.5)
    visitor.do("step")
    visitor.do("step", temperature=1.5)
    expected = made("temperature 0.5", "seed 1") + t("made.later", number=3, changes="temperature 0.5 → 1.5")
    assert visitor.line() == f"{t('state.paused')} {expected}"
    visitor.do("back")
    assert (
        visitor.line() == f"{t('state.paused')} {made('temperature 0.5', 'seed 1')} {changed('temperature 0.5 → 1.5')}"
    )


def test_a_long_list_is_counted(visitor: Visitor) -> None:
    items = [str(i) for i in range(MOST_CHANGES + 3)]
    assert listed(items, t) == "0, 1, 2, 3, " + t("made.more", count=3)
    assert listed(items[: MOST_CHANGES + 1], t) == "0, 1, 2, 3, 4"  # no longer than to count it
    assert changes({}, {}, t) == []


# ---- Step and Run do what a person means


@pytest.mark.parametrize(
    "change", [{"seed": 5}, {"temperature": 1.3}, {"mode": "greedy"}, {"prompt": "A cow"}, {"suppress_tokens": "the"}],
    ids=str,
)  # fmt: skip
def test_a_step_after_the_end_under_other_settings_begins_a_new_text(
    visitors: Callable[[], Visitor], change: dict[str, Any]
) -> None:
    visitor, other = visitors(), visitors()
    visitor.do("run", length=6)
    old = visitor.ids
    frames = visitor.do("step", **change)
    other.do("run", length=6, **change)
    assert visitor.ids == other.ids[:1]
    assert visitor.line().startswith(t("state.paused"))
    words = "".join(part for frame in frames for part in frame.get("notice", {}).get("parts", []))
    assert t("notice.full", tokens=6) not in words
    assert ("prompt" in change) or t("notice.new_text") in words
    visitor.do("swap", picked="undo")
    assert visitor.ids == old


def test_a_step_after_the_recorded_run_under_other_settings_begins_a_new_text(
    visitor: Visitor, first_example: dict[str, Any]
) -> None:
    visitor.do("step", **{**first_example, "seed": 37})
    assert len(visitor.ids) == 1
    assert visitor.session.trace.steps[0].selection.seed == 37


def test_a_step_goes_on_where_the_text_waits_whatever_the_settings(visitor: Visitor) -> None:
    visitor.do("step", length=9)
    first = visitor.ids
    visitor.do("step", temperature=1.4, seed=9)
    assert visitor.ids[:1] == first
    assert len(visitor.ids) == 2
    visitor.do("run", length=3)
    visitor.do("back")
    kept = visitor.ids
    visitor.do("step", temperature=0.3)  # what if the last token had been drawn at another temperature
    assert visitor.ids[:2] == kept
    assert len(visitor.ids) == 3


def test_more_tokens_are_asked_of_the_same_text(visitor: Visitor) -> None:
    visitor.do("run", length=4)
    first = visitor.ids
    visitor.do("step", length=5)
    assert visitor.ids[:4] == first
    assert len(visitor.ids) == 5


# ---- Pause is not Stop


def test_pause_waits_and_stop_is_the_end(visitor: Visitor) -> None:
    running = visitor.running(3, length=30)
    assert visitor.session.state == "running"
    visitor.do("pause")
    list(running)
    assert visitor.session.state == "paused"
    buttons = visitor.tab.standing(visitor.session)
    assert (buttons["pause"], buttons["stop"]["off"]) == ({"text": t("button.resume"), "off": False}, False)
    held = visitor.ids
    visitor.do("stop")
    assert visitor.session.state == "stopped"
    buttons = visitor.tab.standing(visitor.session)
    assert (buttons["pause"], buttons["stop"]["off"]) == ({"text": t("button.pause"), "off": True}, True)
    assert visitor.ids == held
    visitor.do("step")  # the same settings: one token more
    assert visitor.ids[:-1] == held
    assert visitor.session.state == "paused"
    visitor.do("stop")
    visitor.do("step", seed=8)  # a text that is over, and other settings: a new one
    assert len(visitor.ids) == 1


def test_whatever_a_handler_does_the_page_knows_how_the_run_stands(visitor: Visitor, monkeypatch: Any) -> None:
    visitor.told("run", length=3)
    assert [frame["run"]["kind"] for frame in visitor.told("run", length=0) if "run" in frame] == ["ended"]  # refused
    assert [frame["run"]["kind"] for frame in visitor.told("back") if "run" in frame] == ["paused"]
    states = [frame["run"]["kind"] for frame in visitor.told("pause", length=3) if "run" in frame]
    assert states == ["running", "ended"]


# ---- the way back


def test_after_a_branch_the_view_stays_there_and_the_old_text_is_kept(visitor: Visitor, storyteller: Backend) -> None:
    visitor.do("run", length=9)
    old, trace = visitor.ids, visitor.session.trace
    visitor.do("inspect", picked=3)
    token_id = int(trace.steps[3].logits.argsort(descending=True)[4])
    frames = visitor.do("branch", picked=token_id)
    assert visitor.session.pinned == 3
    assert {frame["strip.look"]["index"] for frame in frames if "strip.look" in frame} == {3}
    assert "4 of 9" in "".join(p for p in frames[-1]["headline"]["parts"] if isinstance(p, str))
    new = visitor.ids
    assert visitor.ways_back == ["undo"]
    (back,) = visitor.do("swap", picked="undo")
    assert (visitor.ids, visitor.session.pinned) == (old, 3)
    assert len(back["strip"]["tokens"]) == 9
    assert (
        visitor.verify()[-1]["badge"]["parts"][0].count(t("badge.generate", equal=9, tokens=9, difference="0.0")) == 1
    )
    assert visitor.ways_back == ["undo", "redo"]
    visitor.do("swap", picked="redo")
    assert visitor.ids == new
    assert visitor.do("swap", picked="redo") == []
    assert visitor.do("swap", picked="whatever") == []


def test_the_recorded_run_is_brought_back_with_its_badge(visitor: Visitor, first_example: dict[str, Any]) -> None:
    visitor.do("run", length=2)
    visitor.do("swap", picked="undo", **first_example)
    assert visitor.session.trace is visitor.tab.first_run
    assert "40/40" in visitor.verify()[-1]["badge"]["parts"][0]


def test_going_on_keeps_no_copy_and_undo_goes_back_text_by_text(visitor: Visitor) -> None:
    visitor.do("step", length=5)
    kept = len(visitor.session.past)
    visitor.do("step")
    visitor.do("pause")
    assert len(visitor.session.past) == kept == 1  # the recorded one
    texts = [visitor.ids]
    for seed in (5, 6):
        visitor.do("run", seed=seed)
        texts.append(visitor.ids)
    for text in (texts[1], texts[0]):
        visitor.do("swap", picked="undo")
        assert visitor.ids == text


def test_what_is_kept_is_bounded(visitor: Visitor) -> None:
    visitor.do("run", length=2)
    session, step = visitor.session, visitor.session.trace.steps[0]
    rows = TRACE_BYTES // 4 // 3 + 1
    for token in range(6):  # each of these takes more than a third of what a visitor's texts may take
        big = type(step)(0, Row(torch.zeros(rows)), (), step.selection, type(step.choice)(token, "argmax"))
        session.put(type(session.trace)(session.trace.request, (big,)), session.model_name, None)
    assert len(session.past) <= 2


def test_a_run_of_which_nothing_came_is_no_text_to_go_back_from(
    visitor_of: Callable[[Backend], Visitor], tiny_backend: Callable[..., Backend]
) -> None:
    visitor = visitor_of(tiny_backend())
    visitor.do("run", prompt="a b", length=3)
    old, past = visitor.ids, len(visitor.session.past)
    visitor.do("run", prompt="a b c d e f g h", no_repeat_ngram_size=1)
    assert (visitor.ids, len(visitor.session.past)) == (old, past)


# ---- another model than the recorded one's


@pytest.fixture(scope="module")
def unreadable() -> Backend:
    """A model that can read no text: the tokenizer begins each with a token that has no embedding."""
    tokenizer = build_tokenizer()
    size = len(tokenizer)
    tokenizer.add_special_tokens({"bos_token": "<new>"})
    template = TemplateProcessing(single="<new> $A", special_tokens=[("<new>", size)])
    tokenizer.backend_tokenizer.post_processor = template
    assert tokenizer("a").input_ids[0] == size
    return from_parts(build_tiny("llama", None, size).module, tokenizer, "storyteller")  # the recorded run's name


@pytest.mark.parametrize(("tab", "made"), [("generate", "made"), ("beam", "beam.made")])
@pytest.mark.parametrize("named", ["tiny", "storyteller"])
def test_where_the_recorded_run_is_put_away_nothing_is_said_to_have_made_a_text(
    build_page: Callable[[ModelSlot], gr.Blocks], tiny_backend: Callable[..., Backend], unreadable: Backend,
    tab: str, made: str, named: str,
) -> None:  # fmt: skip
    """As the page's own event says it, after the last frame. A model of the same name and another vocabulary is not
    the recorded one either, and one that can't even read the prompt leaves no other model's picture standing."""
    slot = ModelSlot.filled(*((tiny_backend(), "nowhere") if named == "tiny" else (unreadable, str(DEFAULT_MODEL))))
    demo = build_page(slot)
    owner = {"generate": GenerateTab, "beam": BeamTab}[tab]
    found = [(b.fn, inspect.unwrap(b.fn, stop=inspect.ismethod)) for b in demo.fns.values() if b.fn is not None]
    ((welcome, method),) = [(fn, one) for fn, one in found if getattr(one, "__func__", None) is owner.welcome]
    session = copy.deepcopy(method.__self__.new_session())
    shown: dict[str, Any] = dict(method.__self__.first_frame())  # of a model that brings none: empty at once
    for sent in welcome(session):
        shown |= json.loads(sent)["channels"]
    assert [part["text"] for part in shown[made]["parts"]] == [t("state.ready")]
    prefix = made.removesuffix("made")
    assert shown[f"{prefix}run"]["kind"] == "ready"
    assert shown[f"{prefix}badge"]["parts"] == []
    notice = "".join(map(str, shown[f"{prefix}notice"]["parts"]))
    assert bool(notice) == (named == "storyteller")
