"""Whatever goes wrong reaches the person as one line and the log as a whole, on every tab and at every endpoint."""

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import gradio as gr
import pytest

from playground import engine, settings
from playground.api.endpoints import Endpoints
from playground.api.outright import is_guarded
from playground.catalog import FOR_BEAMS, PARAMETERS
from playground.components.knob_bank import bank_value
from playground.components.live_bus import frame
from playground.engines.huggingface.backend import Backend
from playground.engines.loading import ModelSlot
from playground.i18n import translator
from playground.lists import LISTS
from playground.runs import beam_recording, recording
from playground.runs.verification import generate as verification
from playground.tabs.attention.handlers import AttentionTab
from playground.tabs.attention.session import AttentionSession
from playground.tabs.beam.handlers import BeamTab
from playground.tabs.brought import TALES
from playground.tabs.generate.dice_handlers import DiceSession, DiceTab
from playground.tabs.generate.handlers import GenerateTab
from playground.tabs.inside.handlers import InsideSession, InsideTab
from playground.tabs.shell import reported
from playground.tabs.tokenizer.handlers import TokenizerTab
from playground.vocabulary import from_tokenizer_json

Channels = dict[str, Any]
t = translator()
UNFORESEEN = t("error.unexpected", kind="ZeroDivisionError")


class Broken:
    """A slot whose model loads, and is then of a kind that nobody foresaw: all that it is asked fails."""

    display_name = public_name = name = "odd"
    is_ready = True

    def get(self) -> Any:
        raise ZeroDivisionError("a fault <b>that nobody foresaw")

    once = wait = get

    def using(self) -> AbstractContextManager[None]:
        return nullcontext()

    state = property(get)


@pytest.fixture(scope="module")
def tabs() -> dict[str, Any]:
    """All tabs around such a slot, as the page builds them."""
    slot: Any = Broken()
    tokenizer = json.loads((settings.DEFAULT_MODEL / "tokenizer.json").read_text(encoding="utf-8"))
    first_run = recording.load(settings.FIRST_RUN)
    vocabulary = from_tokenizer_json(tokenizer, first_run.steps[0].logits.shape[-1])
    generate = GenerateTab(slot, first_run, vocabulary, t)
    return {
        "generate": generate,
        "dice": DiceTab(generate),
        "beam": BeamTab(slot, beam_recording.load(settings.FIRST_BEAM, vocabulary.pieces), vocabulary, t),
        "tokenizer": TokenizerTab(slot, t),
        "attention": AttentionTab(slot, vocabulary, t),
        "inside": InsideTab(slot, t),
    }


def controls() -> tuple[Any, ...]:
    """What Gradio delivers from the controls of the Generate tab."""
    bank = bank_value({p.name: p.neutral for p in PARAMETERS})
    return "The fox", "sample", 1, 6, "fast", "nats", None, bank, *("" for _ in LISTS)


def beam_controls() -> tuple[Any, ...]:
    knobs = [p.neutral for p in FOR_BEAMS]
    return "The fox", "beam", 6, 0, "fast", 2, 2, 0.5, "", 1.0, "heuristic", "", *knobs


def sent(updates: Any) -> Channels:
    """All channels that a handler's updates bring, whatever else it gives to Gradio."""
    channels: Channels = {}
    for update in updates if isinstance(updates, Iterator) else [updates]:
        for part in update if isinstance(update, (tuple, list)) else (update,):
            if isinstance(part, str):
                channels |= json.loads(part)["channels"]
    return channels


PICK = gr.EventData(None, {"picked": 0})
HANDLERS = [
    *(("generate", name, "notice") for name in ("run", "step", "pause", "welcome")),
    *(("beam", name, "beam.notice") for name in ("run", "step", "pause", "welcome")),
    ("beam", "ban", "beam.notice"),
    ("tokenizer", "type", "tokenizer.notice"),
    *(("attention", name, "attention.notice") for name in ("open", "batch", "look", "grow")),
    *(("inside", name, "inside.notice") for name in ("open", "look")),
]
ARGUMENTS: dict[tuple[str, str], tuple[Any, ...]] = {
    ("tokenizer", "type"): ("The fox", "default"),
    ("attention", "open"): ("\n".join(TALES.batch), "left", None, TALES.looked_at),
    ("attention", "batch"): ("\n".join(TALES.batch), "left", None),
    ("attention", "look"): (TALES.looked_at,),
    ("attention", "grow"): (TALES.looked_at, "greedy", 4, 0),
    ("inside", "open"): ("The fox", "probability"),
    ("inside", "look"): ("The fox", "probability"),
}
USUAL: dict[str, tuple[Any, ...]] = {"generate": controls(), "beam": beam_controls()}


@pytest.mark.parametrize(("tab", "handler", "channel"), HANDLERS)
def test_what_nobody_foresaw_is_one_line_on_the_page_and_all_of_it_in_the_log(
    tabs: dict[str, Any], caplog: pytest.LogCaptureFixture, tab: str, handler: str, channel: str
) -> None:
    made = tabs[tab]
    new = {"attention": AttentionSession, "inside": InsideSession}.get(tab) or (lambda: made.new_session())
    session = copy.deepcopy(new())
    arguments = () if handler in ("welcome", "ban") else ARGUMENTS.get((tab, handler), USUAL.get(tab, ()))
    channels = sent(getattr(made, handler)(session, *arguments))
    if handler == "ban":  # says it in its own place
        channel, expected = "beam.ban_words", None
    else:
        expected = [UNFORESEEN]
    if expected:
        assert channels[channel] == {"parts": expected, "kind": "bad"}
    assert "ZeroDivisionError: a fault <b>that nobody foresaw" in caplog.text
    assert "Traceback" in caplog.text and "<b>" not in json.dumps(channels)
    assert not getattr(session, "is_running", False)


def test_the_waiting_ends(tabs: dict[str, Any]) -> None:
    """Every panel that said that it waits for the model says that it could not be made."""
    for tab, session, arguments in (
        ("attention", AttentionSession(), ARGUMENTS["attention", "open"]),
        ("inside", InsideSession(), ARGUMENTS["inside", "open"]),
    ):
        first = tabs[tab].first_frame()
        waits = t(f"{tab}.waiting", name="odd")
        waiting = {name for name, payload in first.items() if waits in json.dumps(payload, ensure_ascii=False)}
        assert len(waiting) >= 3
        channels = sent(tabs[tab].open(session, *arguments))
        assert all(t("panel.failed") in channels[name]["parts"][0] for name in waiting)
        assert session.waiting == set()
    badge = sent(tabs["generate"].welcome(copy.deepcopy(tabs["generate"].new_session())))["badge"]
    assert badge["kind"] == "bad" and t("panel.failed") in badge["parts"][0]


def test_the_panels_below_the_charts_say_it_and_show_no_older_picture(
    tabs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    dice, session = tabs["dice"], copy.deepcopy(tabs["generate"].new_session())

    def fail(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(dice, "scene", fail)
    event = gr.EventData(None, {"picked": ["race", "mass_flow"]})
    channels = sent(dice.ask(DiceSession(), session, event, "top_k", "tokens", *controls()))
    assert channels["dice.race"]["data"] == channels["dice.flow_there"]["data"] == []
    assert channels["dice.race_words"] == channels["dice.flow_words"] == {"parts": [UNFORESEEN], "kind": "bad"}
    assert "dice.map_here" not in channels


@pytest.fixture
def served_tab(storyteller: Backend, tabs: dict[str, Any]) -> Callable[[str], Any]:
    """The same tabs around a model that works."""
    slot = ModelSlot.filled(storyteller, "assets/models/storyteller")
    first = tabs["generate"]
    return {
        "generate": lambda: GenerateTab(slot, first.first_run, first.first_vocabulary, t),
        "beam": lambda: BeamTab(slot, (tabs["beam"].first, tabs["beam"].first_greedy), first.first_vocabulary, t),
    }.__getitem__


@pytest.mark.parametrize("after", [0, 2])
def test_a_forward_pass_that_fails_ends_the_run(
    served_tab: Callable[[str], Any], storyteller: Backend, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Before the first token the last good picture comes back, as what it is; later the tokens that are there stay."""
    forward, count = storyteller.model.forward, 0

    def failing(*arguments: Any) -> Any:
        nonlocal count
        count += 1
        if count > after:
            raise ZeroDivisionError
        return forward(*arguments)

    for name, notice, badge, values in (
        ("generate", "notice", "badge", controls()),
        ("beam", "beam.notice", "beam.badge", beam_controls()),
    ):
        tab, count = served_tab(name)(), 0
        monkeypatch.setattr(storyteller.model, "forward", failing)
        session = copy.deepcopy(tab.new_session())
        prompt = f"No pass comes of this {name} {after}"
        channels = sent(tab.run(session, prompt, *values[1:]))
        assert channels[notice] == {"parts": [UNFORESEEN], "kind": "bad"}
        assert not session.is_running
        first = tab.first_run if name == "generate" else tab.first
        assert (session.trace is first) == (after == 0)
        assert len(session.trace.steps) == (after or len(first.steps))
        assert (channels[badge]["parts"] != []) == (after == 0)  # "a recorded run"
        assert session.state == ("paused" if after else "ended")  # what there is waits; without a token, the old
        again = sent(tab.step(session, prompt, *values[1:]))  # a run that broke off says so again, or goes on
        assert again[notice]["kind"] == "bad"
        monkeypatch.setattr(storyteller.model, "forward", forward)
        again = sent(tab.run(session, prompt, *values[1:]))
        assert again[notice]["parts"] == [] and len(session.trace.steps) > after


def test_a_comparison_that_fails_says_so_and_a_newer_run_is_left_alone(
    served_tab: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tab = served_tab("generate")()
    session = copy.deepcopy(tab.new_session())
    sent(tab.run(session, *controls()))

    def fail(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(verification, "verify", fail)
    assert sent(tab.verify(session))["badge"] == {"parts": ["✗ " + t("panel.failed")], "kind": "bad"}
    session.verified = None
    updates = tab.verify(session)
    assert json.loads(next(updates))["channels"]["badge"]["kind"] == "wait"
    session.begin()
    caplog.clear()
    assert list(updates) == []
    assert "ZeroDivisionError" in caplog.text


def test_an_endpoint_says_one_line(caplog: pytest.LogCaptureFixture) -> None:
    endpoints = Endpoints(Broken())  # type: ignore[arg-type]
    for call in (lambda: endpoints.next_token("a"), lambda: next(endpoints.generate("a"))):
        caplog.clear()
        with pytest.raises(gr.Error) as caught:
            call()
        assert caught.value.message == UNFORESEEN
        assert "Traceback" in caplog.text


def test_every_event_and_every_endpoint_of_the_page_is_guarded(
    storyteller: Backend, build_page: Callable[[ModelSlot], gr.Blocks]
) -> None:
    demo = build_page(ModelSlot.filled(storyteller, "assets/models/storyteller"))
    functions = [block.fn for block in demo.fns.values() if block.fn is not None]
    bare = [one.__qualname__ for one in functions if not is_guarded(one)]
    assert len(functions) > 60
    assert all("<lambda>" in name for name in bare), bare  # what a lambda does can't fail: a die, a copy of a text


def test_a_waiting_panel_is_known_by_its_kind() -> None:
    class Tab:
        t = staticmethod(translator())

        def failed(self, session: Any, words: str, ends_run: bool) -> Channels:
            return {"notice": words}

        @reported("sentence", "badge")
        def look(self, session: Any) -> Iterator[str]:
            yield frame({"sentence": {"parts": [], "kind": "wait"}, "badge": {"parts": ["there"], "kind": "good"}})
            raise ZeroDivisionError

    session: Any = type("Session", (), {"waiting": set()})()
    channels = sent(Tab().look(session))
    assert channels["sentence"]["kind"] == "bad" and channels["badge"]["kind"] == "good"


def test_engine_is_not_asked_before_the_run_has_begun(
    served_tab: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search or run that can't even be begun leaves nothing running."""

    def fail(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(engine, "generate", fail)
    monkeypatch.setattr(engine, "search", fail)
    for name, values in (("generate", controls()), ("beam", beam_controls())):
        tab = served_tab(name)()
        session = copy.deepcopy(tab.new_session())
        assert UNFORESEEN in json.dumps(sent(tab.run(session, *values)), ensure_ascii=False)
        assert not session.is_running
