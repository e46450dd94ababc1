"""The Generate tab without a browser: run, step, pause, stop, back, branch and look, and what each costs."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch

from playground.catalog import ORDERS, PARAMETERS, Parameter
from playground.components.knob_bank import bank_values
from playground.decoding.sampling import Sampling
from playground.decoding.trace import Trace
from playground.engines.huggingface.backend import Backend
from playground.engines.huggingface.state import Answer
from playground.engines.loading import ModelSlot
from playground.errors import ModelUnavailableError
from playground.examples import EXAMPLES
from playground.i18n import translator
from playground.lists import LISTS
from playground.tabs.generate.controls import MAX_LENGTH
from playground.tabs.generate.handlers import GenerateTab

Visitor = Any  # of conftest.py
t = translator()


def generate(backend: Backend, trace: Trace) -> list[int]:
    """What transformers' own `generate` gives for the settings of a run."""
    strategy = trace.request.strategy
    assert isinstance(strategy, Sampling)
    prompt = torch.tensor([trace.request.prompt_ids])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(strategy.selection.seed)
        output = backend.model.module.generate(
            prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=trace.request.max_new_tokens,
            pad_token_id=0, **strategy.generate_arguments(),
        )  # fmt: skip
    return output[0, prompt.shape[1] :].tolist()


def most_probable(trace: Trace, index: int, rank: int) -> int:
    return int(trace.steps[index].logits.argsort(descending=True)[rank - 1])


def kinds(frames: list[dict[str, Any]]) -> list[str]:
    return [frame["notice"]["kind"] for frame in frames if "notice" in frame]


def tokens(frames: Iterable[dict[str, Any]]) -> int:
    """How many tokens the frames brought."""
    return sum(len(frame["strip"]["tokens"]) for frame in frames if "strip" in frame)


def words(frames: list[dict[str, Any]]) -> str:
    return "".join(part for frame in frames if "notice" in frame for part in frame["notice"]["parts"])


# ---- before anything is pressed


def test_the_first_frame_fills_every_panel_without_a_model(recorded_tab: Callable[[ModelSlot], GenerateTab]) -> None:
    tab = recorded_tab(ModelSlot("somewhere"))  # never started: to wait for it would never end
    frame = json.loads(json.dumps(tab.first_frame(), allow_nan=False))
    charts = {"next_token", "cutoffs", "temperature", "trajectory"}
    assert {"strip", "headline", "stages", "badge", "notice", "lesson", "model", *charts} <= set(frame)
    assert len(frame["strip"]["tokens"]) == len(tab.first_run.steps)
    assert frame["strip.look"] == {"index": EXAMPLES[0].inspect, "pinned": True}
    assert all(frame[chart]["label"] for chart in charts)
    assert frame["model"]["kind"] == frame["badge"]["kind"] == "wait"


def test_the_welcome_says_what_is_loaded_and_verifies_the_recorded_run_once(visitors: Callable[[], Visitor]) -> None:
    for visitor in (visitors(), visitors()):
        frames = [json.loads(sent)["channels"] for sent in visitor.tab.welcome(visitor.session)]
        merged = {name: payload for frame in frames for name, payload in frame.items()}
        assert merged["model"]["kind"] == merged["badge"]["kind"] == "good"
        assert "40/40" in merged["badge"]["parts"][0]
        assert "generate(" in merged["code"]["code"]


def test_a_model_that_can_not_be_loaded_is_told_and_the_picture_stays(
    recorded_tab: Callable[[ModelSlot], GenerateTab],
) -> None:
    slot = ModelSlot("nowhere")
    slot._result.set_exception(ModelUnavailableError(name="nowhere", reason="no such folder."))
    tab = recorded_tab(slot)
    session = tab.new_session()
    (sent,) = tab.welcome(session)
    channels = json.loads(sent)["channels"]
    assert set(channels) == {"model", "notice"}
    assert channels["model"]["kind"] == channels["notice"]["kind"] == "bad"
    assert "nowhere" in channels["notice"]["parts"][0]
    assert session.trace is tab.first_run


def test_a_model_that_can_not_be_loaded_is_told_on_every_button(
    recorded_tab: Callable[[ModelSlot], GenerateTab], visitor: Visitor
) -> None:
    slot = ModelSlot("nowhere")
    slot._result.set_exception(ModelUnavailableError(name="nowhere", reason="no such folder."))
    visitor.tab = recorded_tab(slot)
    for handler in ("run", "step", "pause"):
        frames = visitor.do(handler)
        assert kinds(frames) == ["bad"]
        assert visitor.session.trace is visitor.tab.first_run
    assert visitor.do("redraw", temperature=0.4)[0]["headline"]  # looking needs no model
    assert visitor.do("inspect", picked=3)[0]["headline"]


def test_the_recorded_run_is_put_away_where_another_model_is_loaded(
    visitor_of: Callable[[Backend], Visitor], tiny_backend: Callable[..., Backend]
) -> None:
    visitor = visitor_of(tiny_backend())
    first = visitor.tab.first_frame()
    assert first["badge"]["parts"] == [t("badge.recorded_with", recorded="storyteller", name="tiny")]
    frames = [json.loads(sent)["channels"] for sent in visitor.tab.welcome(visitor.session)]
    shown = {name: payload for frame in frames for name, payload in frame.items()}
    assert words(frames) == t("notice.put_away", recorded="storyteller", loaded="tiny")
    assert shown["strip"]["tokens"] == shown["next_token"]["rows"] == shown["lesson"]["parts"] == []
    assert all(shown[chart]["data"] == [] for chart in ("cutoffs", "temperature", "trajectory"))
    assert not shown["badge"]["parts"] and not shown["stages"]["parts"] and not shown["code"]["parts"]
    assert visitor.session.model_name == "tiny" and not visitor.session.is_recorded
    again = json.loads(visitor.tab.resync(visitor.session, *visitor.values))["channels"]
    assert again["strip"]["tokens"] == again["next_token"]["rows"] == []


# ---- run


@pytest.mark.parametrize(
    "settings",
    [
        {"mode": "greedy"},
        {"seed": 4, "temperature": 0.8, "top_p": 0.9},
        {"seed": 9, "top_k": 20, "min_p": 0.05, "typical_p": 0.9},
        {"seed": 2, "repetition_penalty": 1.3, "no_repeat_ngram_size": 2},
        {"mode": "greedy", "temperature": 1.7, "top_k": 3, "no_repeat_ngram_size": 1},  # greedy heeds the last alone
    ],
)
def test_a_run_gives_the_tokens_of_generate(visitor: Visitor, storyteller: Backend, settings: dict[str, Any]) -> None:
    visitor.do("run", length=12, **settings)
    assert len(visitor.ids) == 12
    assert list(visitor.ids) == generate(storyteller, visitor.session.trace)
    assert visitor.session.trace.finish_reason == "length"
    assert not visitor.session.is_running


def test_the_frames_of_a_run_carry_each_token_once(visitor: Visitor) -> None:
    frames = [frame for frame in visitor.do("run", length=20, speed="lively") if "strip" in frame]
    strips = [frame["strip"] for frame in frames]
    assert (strips[0]["start"], strips[0]["tokens"]) == (0, [])
    assert "".join(strips[0]["lead"]) == "The fox went out to"
    shown = 0
    for frame in frames[1:]:
        assert frame["strip"]["start"] == shown
        shown += len(frame["strip"]["tokens"])
        assert frame["strip.look"] == {"index": shown - 1, "pinned": False}  # the view follows the newest
    assert shown == 20
    assert len(strips) > 3  # it was seen to grow


def test_a_run_says_what_is_on_the_way_and_what_it_became(visitor: Visitor) -> None:
    standing = [frame for frame in visitor.told("run") if "made" in frame][-2:]
    assert [frame["run"]["text"] for frame in standing] == [t("button.running"), t("button.run") + " ▶"]
    assert [frame["pause"]["text"] for frame in standing] == [t("button.pause")] * 2  # a finished run can't be resumed
    assert (
        [frame["pause"]["off"] for frame in standing] == [frame["stop"]["off"] for frame in standing] == [False, True]
    )


def test_a_run_begins_anew_and_is_the_same_with_the_same_seed(visitor: Visitor) -> None:
    visitor.do("run")
    first = visitor.ids
    visitor.do("run")
    assert visitor.ids == first
    visitor.do("run", seed=77, temperature=1.5)
    assert visitor.ids != first


def test_an_end_of_text_token_ends_the_run(
    visitor_of: Callable[[Backend], Visitor], tiny_backend: Callable[..., Backend]
) -> None:
    visitor = visitor_of(tiny_backend(eos=3, context=200))
    visitor.do("run", prompt="a b", length=150, temperature=2.0)
    assert visitor.session.trace.finish_reason == "stop"
    assert visitor.ids.index(3) == len(visitor.ids) - 1 < 149
    for handler in ("step", "pause"):
        frames = visitor.do(handler)
        assert words(frames) == t("notice.ended", token="d")
        assert visitor.ids[-1] == 3


# ---- step, pause, stop, back


def test_steps_give_the_tokens_of_the_run(visitors: Callable[[], Visitor]) -> None:
    straight, by_step = visitors(), visitors()
    straight.do("run", length=5)
    for count in range(1, 6):
        by_step.do("step", length=5)
        assert by_step.ids == straight.ids[:count]
    assert words(by_step.do("step")) == t("notice.full", tokens=5)
    assert by_step.ids == straight.ids


def test_a_step_after_a_run_is_one_forward_pass(visitor: Visitor, forwards: Any) -> None:
    visitor.do("run", prompt="One forward pass is all it takes", length=7)
    assert forwards.count == 7
    visitor.do("step", length=9)
    assert (forwards.count, len(visitor.ids)) == (8, 8)
    visitor.do("step")
    assert (forwards.count, len(visitor.ids)) == (9, 9)


def test_a_step_at_another_prompt_begins_a_new_text(visitor: Visitor) -> None:
    visitor.do("run")
    visitor.do("step", prompt="A cow and")
    assert len(visitor.ids) == 1
    assert visitor.session.trace.request.prompt_ids == visitor.tab.slot.get().tokenizer.encode("A cow and")


def test_pause_holds_the_run_and_resume_ends_it_as_if_nothing_had_been(visitors: Callable[[], Visitor]) -> None:
    straight, paused = visitors(), visitors()
    straight.do("run", length=12)
    running = paused.running(3, length=12)
    held = len(paused.ids)
    assert 0 < held < 12
    assert words(paused.do("pause")) == t("notice.paused", tokens=held)
    assert tokens(running) == 0  # nothing more comes from the run that was held
    assert len(paused.ids) == held
    assert not paused.session.is_running
    paused.do("pause", speed="fast")
    assert paused.ids == straight.ids


def test_while_it_is_paused_other_settings_hold_from_then_on(visitor: Visitor, storyteller: Backend) -> None:
    visitor.do("run", length=4, temperature=0.5)
    first = visitor.ids
    visitor.do("pause", length=8, temperature=1.5, seed=8)
    assert visitor.ids[:4] == first
    assert [step.processors[0].value for step in visitor.session.trace.steps] == [0.5] * 4 + [1.5] * 4
    assert [step.selection.seed for step in visitor.session.trace.steps] == [1] * 4 + [8] * 4
    (_, verified) = visitor.verify()
    assert verified["badge"]["kind"] == "good"
    assert "8/8" in verified["badge"]["parts"][0]


def test_stop_takes_no_token_more_and_hands_the_cache_back(
    visitor: Visitor, forwards: Any, storyteller: Backend
) -> None:
    running = visitor.running(2, prompt="Stop here and now, said the", length=30)
    held = visitor.ids
    assert words(visitor.do("stop")) == t("notice.stopped", tokens=len(held))
    assert tokens(running) == 0
    assert visitor.ids == held
    before = forwards.count
    storyteller.model.prefill(visitor.session.trace.request.prompt_ids).release()
    assert forwards.count == before  # the prompt was still there


def test_a_run_whose_reader_leaves_hands_its_cache_back(visitor: Visitor, forwards: Any, storyteller: Backend) -> None:
    """Gradio closes the generator when the browser tab is closed."""
    running = visitor.running(2, prompt="Nobody waits for the end of", length=30)
    running.close()  # type: ignore[attr-defined]
    before = forwards.count
    assert before < 30
    storyteller.model.prefill(visitor.session.trace.request.prompt_ids).release()
    assert forwards.count == before
    assert not visitor.session.is_running


def test_stop_without_a_run_says_nothing(visitor: Visitor) -> None:
    assert visitor.do("stop") == []
    assert visitor.session.trace is visitor.tab.first_run


def test_back_takes_the_last_token_back_without_a_forward_pass(visitor: Visitor, forwards: Any) -> None:
    visitor.do("run", prompt="Back and back again", length=3)
    ids, before = visitor.ids, forwards.count
    for left in (2, 1, 0):
        frames = visitor.do("back")
        assert visitor.ids == ids[:left]
        assert len(frames[0]["strip"]["tokens"]) == left
    assert words(visitor.do("back")) == t("notice.nothing_to_undo")
    assert forwards.count == before
    for count in (1, 2, 3):
        visitor.do("step")
        assert visitor.ids == ids[:count]  # the same dice fall again


def test_back_while_running_ends_the_run(visitor: Visitor) -> None:
    running = visitor.running(3, length=30)
    held = visitor.ids
    visitor.do("back")
    assert tokens(running) == 0
    assert visitor.ids == held[:-1]


def test_what_is_gone_back_to_has_a_badge_of_its_own(visitor: Visitor) -> None:
    visitor.do("run", length=4)
    assert "4/4" in visitor.verify()[-1]["badge"]["parts"][0]
    visitor.do("back")
    assert "3/3" in visitor.verify()[-1]["badge"]["parts"][0]


def test_what_is_gone_back_to_from_the_recorded_run_has_a_badge_of_its_own(
    visitor: Visitor, first_example: dict[str, Any]
) -> None:
    visitor.do("back", **first_example)
    badges = [frame["badge"] for frame in visitor.verify() if "badge" in frame]
    assert badges, "the badge still speaks of 40 tokens"
    assert "39/39" in badges[-1]["parts"][0]


def test_before_the_first_token_no_badge_speaks_of_any(visitor: Visitor) -> None:
    visitor.do("run", length=1)
    visitor.verify()
    frames = [*visitor.do("back"), *visitor.verify()]
    badges = [frame["badge"] for frame in frames if "badge" in frame]
    assert badges, "the badge still speaks of one token"
    assert badges[-1]["parts"] == []


# ---- branch


def test_a_clicked_bar_is_taken_by_id_and_costs_no_forward_pass(visitor: Visitor, forwards: Any) -> None:
    visitor.do("step", prompt="Three steps from here", length=9)
    visitor.do("step")
    visitor.do("step")
    ids, before = visitor.ids, forwards.count
    visitor.do("inspect", picked=1)
    token_id = most_probable(visitor.session.trace, 1, rank=9)
    frames = visitor.do("branch", picked=token_id)
    assert visitor.ids == (ids[0], token_id)
    assert visitor.session.trace.steps[1].choice.by == "hand"
    assert (visitor.session.inspected, visitor.session.pinned) == (1, 1)  # the view stays at the branch
    assert t("strip.token_by_hand", title="") in frames[-1]["strip"]["tokens"][1]["title"]
    assert forwards.count == before


def test_a_branch_of_a_run_goes_on_to_its_end_and_is_verified(visitor: Visitor, forwards: Any) -> None:
    visitor.do("run", prompt="The road divides at the", length=10)
    ids, before = visitor.ids, forwards.count
    visitor.do("inspect", picked=4)
    token_id = most_probable(visitor.session.trace, 4, rank=5)
    visitor.do("branch", picked=token_id)
    assert visitor.ids[:5] == (*ids[:4], token_id)
    assert len(visitor.ids) == 10
    assert forwards.count == before + 5  # the prefix is not read again
    *_, verified = visitor.verify()
    assert verified["badge"]["kind"] == "good"
    assert t("badge.teacher", equal=10, tokens=10, by_hand=1, difference="0.0") in verified["badge"]["parts"][0]


def test_a_branch_goes_on_as_if_the_model_had_taken_that_token(visitor: Visitor, storyteller: Backend) -> None:
    visitor.do("run", length=8)
    visitor.do("inspect", picked=2)
    token_id = most_probable(visitor.session.trace, 2, rank=3)
    visitor.do("branch", picked=token_id)
    trace = visitor.session.trace
    read = torch.tensor([trace.context(5)])
    theirs = storyteller.model.module(input_ids=read).logits[0, -1]
    torch.testing.assert_close(trace.steps[5].logits, theirs, rtol=0, atol=1e-4)


def test_the_recorded_run_can_be_branched(visitor: Visitor, first_example: dict[str, Any]) -> None:
    recorded = visitor.ids
    token_id = most_probable(visitor.session.trace, visitor.session.inspected, rank=2)
    visitor.do("branch", picked=token_id, **first_example)
    at = EXAMPLES[0].inspect
    assert visitor.ids[: at + 1] == (*recorded[:at], token_id)
    assert len(visitor.ids) == len(recorded)


def test_the_last_token_of_the_recorded_run_can_be_chosen_otherwise(
    visitor: Visitor, first_example: dict[str, Any]
) -> None:
    visitor.do("inspect", picked=39, **first_example)
    token_id = most_probable(visitor.session.trace, 39, rank=4)
    visitor.do("branch", picked=token_id)
    assert visitor.ids[-1] == token_id
    badges = [frame["badge"] for frame in visitor.verify() if "badge" in frame]
    assert badges, "the badge still speaks of the recorded run"
    assert badges[-1]["kind"] == "good"
    assert t("badge.teacher", equal=40, tokens=40, by_hand=1, difference="").strip() in badges[-1]["parts"][0]


def test_a_branch_steers_the_text_on_the_page_even_if_the_prompt_field_has_another(visitor: Visitor) -> None:
    visitor.do("run", length=5)
    prompt_ids = visitor.session.trace.request.prompt_ids
    token_id = most_probable(visitor.session.trace, 4, rank=2)
    visitor.do("branch", picked=token_id, prompt="Something else", length=7)
    assert visitor.session.trace.request.prompt_ids == prompt_ids
    assert visitor.ids[4] == token_id


def test_a_branch_while_running_ends_that_run_and_goes_on_from_the_choice(visitor: Visitor) -> None:
    running = visitor.running(4, length=12)
    visitor.do("inspect", picked=0)
    token_id = most_probable(visitor.session.trace, 0, rank=3)
    visitor.do("branch", picked=token_id, speed="fast")
    assert tokens(running) == 0
    assert visitor.ids[0] == token_id
    assert len(visitor.ids) == 12


def test_taking_the_end_of_text_token_by_hand_ends_the_text(
    visitor_of: Callable[[Backend], Visitor], tiny_backend: Callable[..., Backend]
) -> None:
    visitor = visitor_of(tiny_backend(eos=3))
    visitor.do("step", prompt="a b", length=9)
    visitor.do("branch", picked=3)
    assert (visitor.ids, visitor.session.trace.finish_reason) == ((3,), "stop")


def test_a_run_of_another_model_can_not_be_steered(
    visitor_of: Callable[[Backend], Visitor], tiny_backend: Callable[..., Backend]
) -> None:
    visitor = visitor_of(tiny_backend())
    frames = visitor.do("branch", picked=1, prompt="a b")
    assert kinds(frames) == ["bad"]
    assert visitor.session.trace is visitor.tab.first_run


# ---- looking costs nothing


def test_looking_is_never_a_forward_pass(visitor: Visitor, forwards: Any) -> None:
    visitor.do("run", prompt="Look but do not touch", length=8)
    before = forwards.count
    looks = [
        *visitor.do("inspect", picked=3), *visitor.do("redraw", temperature=0.3),
        *visitor.do("redraw", top_k=5, top_p=0.5, min_p=0.1, typical_p=0.4, repetition_penalty=1.5),
        *visitor.do("redraw", no_repeat_ngram_size=1),
        *visitor.do("redraw", mode="greedy"), *visitor.do("change_unit", unit="bits"), *visitor.do("inspect"),
    ]  # fmt: skip
    assert len(looks) == 7
    assert all(look["next_token"] and look["headline"] for look in looks)
    assert forwards.count == before


def test_a_moved_setting_is_shown_on_the_stored_logits(visitor: Visitor) -> None:
    visitor.do("run", length=3)
    (look,) = visitor.do("redraw", top_k=2)
    rows = look["stages"]["table"]["rows"]
    assert [row[1] for row in rows] == ["8,192", "2"]
    assert t("headline.what_if").strip() in "".join(p for p in look["headline"]["parts"] if isinstance(p, str))
    (look,) = visitor.do("redraw", top_k=0)
    assert len(look["stages"]["table"]["rows"]) == 1


def test_a_look_is_a_value_and_not_a_toggle(visitor: Visitor) -> None:
    visitor.do("run")
    for _ in range(3):  # an event that Gradio sends again changes nothing
        (pinned,) = visitor.do("inspect", picked=2)
        assert visitor.session.pinned == 2
        assert pinned["strip.look"] == {"index": 2, "pinned": True}
    back = {"text": t("headline.follow"), "kind": "action", "look": ["generate.token", None]}
    assert back in pinned["headline"]["parts"]
    for _ in range(2):
        (released,) = visitor.do("inspect", picked=None)
        assert visitor.session.pinned is None
        assert released["strip.look"] == {"index": 5, "pinned": False}


@pytest.mark.parametrize("picked", [-1, 6, 10**9, "1", 1.0, [1], True])
def test_a_look_at_a_token_that_is_not_there_does_nothing(visitor: Visitor, picked: Any) -> None:
    visitor.do("run")
    assert visitor.do("inspect", picked=picked) == [{}]
    assert visitor.session.pinned is None


def test_the_view_stays_pinned_while_the_run_goes_on(visitor: Visitor) -> None:
    running = visitor.running(3, length=12)
    visitor.do("inspect", picked=1)
    rest = [frame for frame in running if "strip" in frame]
    assert rest
    assert {frame["strip.look"]["index"] for frame in rest} == {1}
    assert not any("next_token" in frame or "headline" in frame for frame in rest[:-1])  # they stay as they are
    assert "2 of 12" in "".join(part for part in rest[-1]["headline"]["parts"] if isinstance(part, str))
    assert "trajectory" in rest[-1]  # drawn at its own pace, and at the end
    assert len(visitor.ids) == 12


def test_another_unit_changes_every_number(visitor: Visitor) -> None:
    visitor.do("run")
    (nats,) = visitor.do("change_unit")
    (bits,) = visitor.do("change_unit", unit="bits")
    for channel in ("headline", "temperature", "trajectory", "stages"):
        assert "nats" in json.dumps(nats[channel])
        assert "nats" not in json.dumps(bits[channel])
        assert "bits" in json.dumps(bits[channel])
    assert all("bits" in token["title"] for token in bits["strip"]["tokens"])
    ratio = bits["trajectory"]["data"][1]["y"][0] / nats["trajectory"]["data"][1]["y"][0]
    assert ratio == pytest.approx(1 / torch.log(torch.tensor(2.0)).item(), rel=1e-3)


def test_the_recorded_run_can_be_looked_at_while_the_model_loads(
    recorded_tab: Callable[[ModelSlot], GenerateTab], visitor: Visitor
) -> None:
    visitor.tab = recorded_tab(ModelSlot("still loading"))
    for frames in (
        visitor.do("inspect", picked=7), visitor.do("redraw", top_k=3), visitor.do("change_unit", unit="bits"),
        visitor.do("inspect"), visitor.do("back"),
    ):  # fmt: skip
        assert frames[0]["headline"]["parts"]


# ---- errors: said, and the picture stays

BAD_VALUES = [
    ("seed", -1), ("seed", 1.5), ("seed", 2**32), ("seed", None), ("length", 0), ("length", None), ("length", 2.5),
    ("length", MAX_LENGTH + 1), ("temperature", 0), ("temperature", -1), ("temperature", float("nan")), ("top_k", 2.5),
    ("top_p", 1.01), ("min_p", -0.1), ("typical_p", 0), ("repetition_penalty", 1e9), ("no_repeat_ngram_size", 65),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), BAD_VALUES, ids=[f"{name} {value}" for name, value in BAD_VALUES])
@pytest.mark.parametrize("handler", ["run", "step", "pause"])
def test_a_value_out_of_range_is_named_and_the_picture_stays(
    visitor: Visitor, forwards: Any, handler: str, name: str, value: float | None
) -> None:
    visitor.do("run", length=2)
    trace, before = visitor.session.trace, forwards.count
    frames = visitor.do(handler, **{"length": 9, name: value})
    assert [set(frame) for frame in frames] == [{"notice"}]
    assert kinds(frames) == ["bad"]
    assert (name if name != "length" else "max_new_tokens") in words(frames)
    assert visitor.session.trace is trace
    assert not visitor.session.is_running
    assert forwards.count == before


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda parameter: parameter.name)
@pytest.mark.parametrize("handler", ["redraw", "change_unit", "inspect", "back"])
def test_a_knob_out_of_range_is_named_while_looking_too(visitor: Visitor, handler: str, parameter: Parameter) -> None:
    visitor.do("run", length=3)
    picked = 1 if handler == "inspect" else None
    frames = visitor.do(handler, picked, **{parameter.name: parameter.maximum * 2 + 1})
    assert kinds(frames)[-1] == "bad"
    assert parameter.name in words(frames)


def test_a_prompt_longer_than_the_context_is_told_with_its_length(visitor: Visitor, storyteller: Backend) -> None:
    visitor.do("run", length=2)
    trace = visitor.session.trace
    frames = visitor.do("run", prompt="word " * 700)
    assert [set(frame) for frame in frames] == [{"notice"}]
    assert kinds(frames) == ["bad"]
    assert f"{storyteller.model.context_length:,}" in words(frames)
    assert visitor.session.trace is trace


def test_an_empty_prompt_starts_from_the_end_of_text_token_and_says_so(visitor: Visitor) -> None:
    frames = visitor.do("run", prompt="", length=3)
    assert t("notice.empty_prompt", token="<|endoftext|>") in words(frames)
    assert visitor.session.trace.request.prompt_ids == (0,)
    assert len(visitor.ids) == 3


def test_an_empty_prompt_is_an_error_for_a_model_without_such_a_token(
    visitor_of: Callable[[Backend], Visitor], tiny_backend: Callable[..., Backend]
) -> None:
    visitor = visitor_of(tiny_backend())
    visitor.do("run", prompt="a b", length=3)
    trace = visitor.session.trace
    frames = visitor.do("run", prompt="")
    assert words(frames) == t("error.empty_prompt")
    assert kinds(frames) == ["bad"]
    assert visitor.session.trace is trace


def test_a_length_that_does_not_fit_is_cut_and_that_is_said(
    visitor_of: Callable[[Backend], Visitor], tiny_backend: Callable[..., Backend]
) -> None:
    visitor = visitor_of(tiny_backend(context=24))
    frames = visitor.do("run", prompt="a b c d", length=100)
    assert len(visitor.ids) == 21  # the last one is chosen, and never read
    assert visitor.session.trace.finish_reason == "length"
    assert t("notice.shortened", tokens=21, reason=t("notice.context", limit=24)) in words(frames)
    assert kinds(frames)[0] == "info"
    assert kinds(visitor.do("step")) == ["info"]  # and there is no room for one more
    assert len(visitor.ids) == 21


def broken(after: int, forward: Callable[..., Answer]) -> Callable[..., Answer]:
    count = 0

    def give(*arguments: Any) -> Answer:
        nonlocal count
        count += 1
        answer = forward(*arguments)
        return answer if count <= after else Answer(torch.full_like(answer.logits, float("nan")), None)

    return give


@pytest.mark.parametrize("handler", ["run", "step"])
def test_values_that_are_no_numbers_are_told_and_the_picture_stays(
    visitor: Visitor, storyteller: Backend, monkeypatch: pytest.MonkeyPatch, handler: str
) -> None:
    visitor.do("run", prompt="It all went well until", length=3)
    trace = visitor.session.trace
    monkeypatch.setattr(storyteller.model, "forward", broken(0, storyteller.model.forward))
    frames = visitor.do(handler, prompt=f"No number comes of this {handler}", length=9)
    assert kinds(frames)[-1] == "bad"
    assert t("error.invalid_output", name="storyteller") in words(frames)
    assert not visitor.session.is_running
    assert visitor.session.trace is trace


def test_the_tokens_before_a_value_that_is_no_number_stay(
    visitor: Visitor, storyteller: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storyteller.model, "forward", broken(4, storyteller.model.forward))
    frames = visitor.do("run", prompt="Four numbers come of this", length=9)
    assert kinds(frames)[-1] == "bad"
    assert len(visitor.ids) == 4
    assert tokens(frames) == 4


def test_settings_that_leave_nothing_to_choose_are_told(
    visitor_of: Callable[[Backend], Visitor], tiny_backend: Callable[..., Backend]
) -> None:
    visitor = visitor_of(tiny_backend())
    frames = visitor.do("run", prompt="a b c", no_repeat_ngram_size=1, length=20)
    assert words(frames) == t("error.nothing_left", settings="no repeated n-gram (no_repeat_ngram_size)")
    assert sorted(visitor.ids) == [3, 4, 5, 6, 7]  # each token once, then none is left
    assert kinds(frames)[-1] == "bad"


def test_settings_that_would_leave_nothing_are_told_while_looking(
    visitor_of: Callable[[Backend], Visitor], tiny_backend: Callable[..., Backend]
) -> None:
    visitor = visitor_of(tiny_backend())
    visitor.do("run", prompt="a b c d e f g h", length=2)
    frames = visitor.do("redraw", no_repeat_ngram_size=1)
    assert words(frames) == t("error.nothing_left", settings="no repeated n-gram (no_repeat_ngram_size)")
    assert kinds(frames) == ["bad"]


# ---- sessions


def test_two_visitors_share_nothing(visitors: Callable[[], Visitor]) -> None:
    one, other = visitors(), visitors()
    one.do("run", length=4)
    one.do("inspect", picked=1)
    assert other.session.trace is other.tab.first_run
    assert (other.session.pinned, other.session.is_recorded) == (EXAMPLES[0].inspect, True)
    other.do("back")
    assert len(one.ids) == 4


def test_two_runs_at_once_are_what_each_is_alone(visitors: Callable[[], Visitor]) -> None:
    settings: list[dict[str, Any]] = [
        {"prompt": "The moon", "seed": 5, "temperature": 1.2}, {"prompt": "The sun", "seed": 6, "top_k": 30},
    ]  # fmt: skip
    alone = []
    for setting in settings:
        visitor = visitors()
        visitor.do("run", length=10, **setting)
        alone.append(visitor.ids)
    pair = [visitors().set(length=10, speed="lively", **setting) for setting in settings]
    running = [visitor.begin("run") for visitor in pair]
    while running:
        running = [run for run in running if next(run, None) is not None]
    assert [visitor.ids for visitor in pair] == alone


def test_a_second_run_of_a_visitor_ends_the_first(visitor: Visitor) -> None:
    first = visitor.running(2, length=10)
    second = visitor.running(1, prompt="Another text", length=5)
    assert tokens(first) == 0
    list(second)
    assert len(visitor.ids) == 5
    assert visitor.session.trace.request.prompt_ids == visitor.tab.slot.get().tokenizer.encode("Another text")


# ---- verification


def test_a_finished_run_is_verified_and_its_script_shown(visitor: Visitor) -> None:
    visitor.do("run", length=6, temperature=0.7, top_p=0.9)
    waiting, done = visitor.verify()
    assert waiting["badge"]["kind"] == "wait"
    assert "temperature=0.7" in waiting["code"]["code"]
    assert done["badge"]["kind"] == "good"
    assert t("badge.generate", equal=6, tokens=6, difference="0.0") in done["badge"]["parts"][0]


def test_nothing_is_verified_while_a_run_goes_on(visitor: Visitor) -> None:
    running = visitor.running(2, length=10)
    assert visitor.verify() == []
    running.close()  # type: ignore[attr-defined]


def test_a_verification_is_given_up_when_another_run_begins(visitor: Visitor) -> None:
    visitor.do("run", length=6)
    verifying = visitor.tab.verify(visitor.session)
    assert json.loads(next(verifying))["channels"]["badge"]["kind"] == "wait"
    visitor.do("run", seed=2)
    assert list(verifying) == []  # the badge belongs to the run that is on the page now
    assert visitor.verify()[-1]["badge"]["kind"] == "good"


def test_a_run_that_differs_from_transformers_says_where(visitor: Visitor) -> None:
    visitor.do("run", length=6, mode="greedy")
    trace = visitor.session.trace
    wrong = trace.rewound(3)
    for step in trace.steps[3:]:
        other = most_probable(trace, step.index, 2) if step.index == 3 else step.choice.token_id
        wrong = wrong.appended(type(step)(step.index, step.row, (), step.selection, type(step.choice)(other, "argmax")))
    visitor.session.trace = wrong
    badge = visitor.verify()[-1]["badge"]
    assert badge["kind"] == "bad"
    assert " 4" in badge["parts"][0]


# ---- examples


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.key)
def test_an_example_sets_every_control_runs_and_shows_its_telling_token(visitor: Visitor, example: Any) -> None:
    *filled, order, turns, sent = visitor.tab.load_example(example, visitor.session)
    assert turns == ""  # a plain text
    assert tuple(json.loads(order)) == ORDERS["transformers"]
    prompt, mode, seed, length, bank, *texts = filled
    assert json.loads(sent)["channels"]["lesson"]["parts"] == [t(f"example.{example.key}.notice")]
    visitor.set(prompt=prompt, mode=mode, seed=seed, length=length)
    assert texts == ["" for _ in LISTS]
    frames = visitor.do("run_example", **bank_values(bank))
    trace = visitor.session.trace
    on = {p.name: p.value for p in trace.steps[0].processors}
    assert on == dict(example.values)
    assert len(trace.steps) == example.max_new_tokens
    assert visitor.session.inspected == frames[-1]["strip.look"]["index"] == example.inspect
    assert visitor.verify()[-1]["badge"]["kind"] == "good"


def test_an_example_that_is_stopped_shows_no_telling_token(visitor: Visitor) -> None:
    visitor.tab.load_example(EXAMPLES[0], visitor.session)
    running = visitor.running(2, "run_example", prompt=EXAMPLES[0].prompt, length=20)
    visitor.do("stop")
    assert tokens(running) == 0
    assert visitor.session.pinned is None
