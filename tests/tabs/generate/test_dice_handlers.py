"""The panels below the charts, without a browser: what is asked for, what a click sets, what a branch is."""

import json
from collections.abc import Callable
from typing import Any

import gradio as gr
import pytest
import torch

from playground import catalog, engine
from playground.catalog import PARAMETERS
from playground.components.knob_bank import bank_values
from playground.decoding import pipeline
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Multinomial
from playground.decoding.trace import GenerationRequest
from playground.i18n import translator
from playground.panels.generate import dice_frames
from playground.tabs.generate.controls import Values, order_of
from playground.tabs.generate.dice_handlers import PANELS, PATIENCE, DiceSession, DiceTab
from playground.views.same_dice import parting

Channels = dict[str, Any]


class Panels:
    """A visitor's panels."""

    def __init__(self, visitor: Any) -> None:
        self.visitor = visitor
        self.dice = DiceTab(visitor.tab)
        self.mine = DiceSession()

    def ask(self, *names: str, cut: str = "top_p", shown: str = "tokens") -> Channels:
        event = gr.EventData(None, {"picked": list(names)})
        sent = self.dice.ask(
            self.mine, self.visitor.session, event, cut, shown, *self.visitor.values
        )  # fmt: skip
        return json.loads(sent)["channels"] if isinstance(sent, str) else {}

    def turn(self, picked: object) -> dict[str, float]:
        before = self.visitor.settings
        after = self.dice.turn(
            self.mine, self.visitor.session, gr.EventData(None, {"picked": picked}), *self.visitor.values
        )
        return {name: value for name, value in bank_values(after).items() if value != before[name]}

    def part(self) -> list[Channels]:
        updates = self.dice.part(self.visitor.session, self.mine, *self.visitor.values)
        return [json.loads(update)["channels"] for update in updates]

    def scene(self) -> dice_frames.Scene:
        found = self.dice.scene(self.visitor.session, Values.of(self.visitor.values))
        assert found is not None
        return found


def text(payload: Channels) -> str:
    return "".join(part if isinstance(part, str) else part["text"] for part in payload["parts"])


@pytest.fixture
def panels(visitor: Any) -> Panels:
    visitor.do("run", temperature=0.9, top_p=0.95, seed=5, length=8)
    return Panels(visitor)


def test_only_what_is_asked_for_is_computed(panels: Panels, forwards: Any) -> None:
    assert set(panels.ask("race")) == {"dice.race", "dice.race_words"}
    assert set(panels.ask("same_dice", "mass_flow")) == {
        "dice.same", "dice.same_words", "dice.flow_here", "dice.flow_there", "dice.flow_here_words",
        "dice.flow_there_words", "dice.flow_words",
    }  # fmt: skip
    assert set(panels.ask("help:top_k")) == {"dice.help"}
    assert panels.ask("nonsense") == {}
    assert panels.ask() == {}
    assert len(panels.ask(*PANELS)) == 14
    assert forwards.count == 0


def test_the_race_says_that_it_is_the_run_s_own_draw(panels: Panels) -> None:
    session = panels.visitor.session
    for index in range(8):
        session.pinned = index
        words = text(panels.ask("race")["dice.race_words"])
        assert "✓" in words
        assert session.trace.steps[index].choice.token_id == session.trace.token_ids[index]


def test_under_other_settings_it_says_so(panels: Panels) -> None:
    panels.visitor.set(temperature=0.1)
    words = [text(panels.ask("race")["dice.race_words"])]
    for index in range(8):
        panels.visitor.session.pinned = index
        words.append(text(panels.ask("race")["dice.race_words"]))
    assert all("✓" not in w for w in words)
    assert any("With the run’s own settings the same dice took" in w for w in words)


def test_greedy_threw_no_dice_and_a_hand_neither(panels: Panels) -> None:
    panels.visitor.do("run", mode="greedy", length=3)
    assert "greedy throws no dice" in text(panels.ask("race")["dice.race_words"])
    panels.visitor.session.pinned = 0
    panels.visitor.do("branch", picked=100)
    panels.visitor.session.pinned = 0
    assert "you took" in text(panels.ask("race")["dice.race_words"])


def test_under_settings_that_leave_nothing_the_last_picture_stays(panels: Panels) -> None:
    panels.visitor.set(temperature=-3)
    assert panels.ask(*PANELS) == {}


def test_before_the_first_token_no_panel_shows_another_text_s(panels: Panels) -> None:
    panels.visitor.session.trace = panels.visitor.session.trace.rewound(0)
    channels = panels.ask(*PANELS)
    pictures = {name: payload for name, payload in channels.items() if "data" in payload}
    assert len(pictures) == 6 and all(payload["data"] == [] for payload in pictures.values())
    assert all(payload["parts"] == [] for name, payload in channels.items() if name not in pictures)


def test_a_place_on_a_picture_names_knobs(panels: Panels) -> None:
    assert panels.turn([0.6, "top_p", 0.4]) == {"temperature": 0.6, "top_p": 0.4}
    assert panels.turn(["top_k", 7]) == {"top_k": 7}
    assert panels.turn("go:min_p=0.05") == {"min_p": 0.05}
    assert panels.mine.wants_branch
    assert panels.turn("go:") == {}
    assert panels.mine.wants_branch
    assert panels.turn(["nobody", 7]) == {}
    assert not panels.mine.wants_branch


def test_every_line_of_the_text_is_true(panels: Panels, storyteller: Any) -> None:
    """Each change of settings against a real run of it with the same seed."""
    scene, session = panels.scene(), panels.visitor.session
    ids = session.trace.request.prompt_ids
    for change, values in dice_frames.changes(scene).items():
        found = panels.mine.parting(scene, values)
        strategy = Sampling(catalog.processors(values), Multinomial(5))
        *_, trace = engine.generate(storyteller.model, GenerationRequest(ids, strategy, 8))
        pairs = enumerate(zip(session.trace.token_ids, trace.token_ids, strict=True))
        expected = next((i for i, (a, b) in pairs if a != b), None)
        assert found.index == expected, change


def test_a_branch_is_the_run_of_the_other_settings(panels: Panels, storyteller: Any) -> None:
    visitor = panels.visitor
    before = visitor.session.trace
    visitor.set(temperature=1.9, length=10)
    panels.turn("go:")
    panels.part()
    trace = visitor.session.trace
    strategy = Sampling(catalog.processors({"temperature": 1.9, "top_p": 0.95}), Multinomial(5))
    *_, fresh = engine.generate(storyteller.model, GenerationRequest(before.request.prompt_ids, strategy, 10))
    assert trace.token_ids == fresh.token_ids
    assert trace.token_ids[: len(before.token_ids)] != before.token_ids
    assert "good" in [c["badge"]["kind"] for c in visitor.verify() if "badge" in c]


def test_without_a_click_nothing_parts(panels: Panels) -> None:
    before = panels.visitor.session.trace
    assert panels.part() == []
    assert panels.visitor.session.trace is before


def test_with_the_runs_own_settings_there_is_nowhere_to_part(panels: Panels) -> None:
    panels.turn("go:")
    assert any("nowhere to part" in text(c["notice"]) for c in panels.part())


def test_the_map_counts_what_the_processors_keep(panels: Panels) -> None:
    heat = panels.ask("survival_map", cut="top_k")["dice.map_here"]["data"][0]
    session = panels.visitor.session
    step = session.trace.steps[-1]
    for row in heat["customdata"]:
        for temperature, name, value in row[:1]:
            stages = session.trace.stages_at(step.index, catalog.processors({"temperature": temperature, name: value}))
            assert stages[-1].outgoing.kept == min(value, step.logits.numel())
    assert heat["text"][4][0] == str(heat["customdata"][4][0][2])


def test_help_fills_the_formula_with_the_numbers_of_the_step(panels: Panels) -> None:
    helps = panels.ask(*(f"help:{p.name}" for p in PARAMETERS))["dice.help"]
    assert set(helps) == {p.name for p in PARAMETERS}
    session = panels.visitor.session
    step = session.trace.steps[-1]
    assert helps["temperature"]["paper"]["url"].startswith("https://")
    stages = session.trace.stages_at(step.index)
    chances = torch.softmax(stages[0].logits[0], -1)
    kept = stages[1].logits[0].isfinite()
    nucleus = "\n".join(line["text"] for line in helps["top_p"]["lines"])
    assert f"Σp ≥ 0.95: {int(kept.sum()):,} of {step.logits.numel():,} tokens stay" in nucleus
    assert f"{100 * float(chances[kept].sum()):.1f}"[:4] in nucleus


def test_two_orders_are_compared_with_the_same_dice(panels: Panels) -> None:
    panels.visitor.set(temperature=1.9, top_p=0.7)
    channels = panels.ask("mass_flow")
    session = panels.visitor.session
    kept = []
    for order in catalog.ORDERS.values():
        processors = catalog.processors({"temperature": 1.9, "top_p": 0.7}, True, order)
        kept.append(session.trace.stages_at(session.inspected, processors)[-1].outgoing.kept)
    assert kept[0] != kept[1]
    assert f"{kept[0]:,} tokens are left on the left, {kept[1]:,} on the right" in text(channels["dice.flow_words"])
    panels.visitor.set(order=json.dumps(["top_p", "temperature"]))
    words = text(panels.ask("mass_flow")["dice.flow_here_words"])
    assert words == "llama.cpp top-p → temperature"


def test_a_run_takes_the_order_that_is_set(panels: Panels) -> None:
    panels.visitor.do("run", order=json.dumps(["top_p", "temperature"]))
    assert [p.name for p in panels.visitor.session.trace.steps[0].processors] == ["top_p", "temperature"]
    logits = pipeline.processed_logits(panels.visitor.session.trace.stages_at(0), torch.zeros(1, 1))
    assert logits.shape[-1] > 1


@pytest.mark.parametrize("value", [None, "", "[]", "null", '"x"', '["nobody", 3]', "{"])
def test_whatever_a_page_sends_is_an_order(value: str | None) -> None:
    assert order_of(value) == catalog.ORDERS["transformers"]


@pytest.mark.parametrize("settings", [{}, {"mirostat": 2}], ids=["plain", "mirostat"])
def test_steps_are_not_compared_twice(
    panels: Panels, monkeypatch: pytest.MonkeyPatch, settings: dict[str, float]
) -> None:
    if settings:
        panels.visitor.set(**settings)
    panels.ask("same_dice")
    calls: list[int] = []
    from playground.views import same_dice

    real: Callable[..., Any] = same_dice._stages
    monkeypatch.setattr(same_dice, "_stages", lambda *a: calls.append(a[1].index) or real(*a))
    scene = panels.scene()
    panels.mine.parting(scene, {"top_p": 0.5})
    assert calls, "what was not compared yet would be counted"
    calls.clear()
    for values in dice_frames.changes(scene).values():
        panels.mine.parting(scene, values)
    assert calls == []


class Watch:
    """A clock of which every reading takes a while."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.now = 0.0

    def __call__(self) -> float:
        self.now += self.seconds
        return self.now


def actions(payload: Channels) -> list[str]:
    return [part["action"] for part in payload["parts"] if isinstance(part, dict) and "action" in part]


def test_a_comparison_that_takes_too_long_is_broken_off_says_so_and_goes_on_by_a_click(visitor: Any) -> None:
    """Each reading of the clock takes as long as a look may: one step of each change is all that can be done."""
    visitor.do("run", temperature=0.9, top_p=0.95, seed=5, length=8)
    panels, patient = Panels(visitor), Panels(visitor)
    panels.dice.clock = Watch(PATIENCE)
    first = panels.ask("same_dice")["dice.same_words"]
    assert "the first 1 of 8 tokens stays the same so far" in text(first)
    assert dice_frames.COMPARE_ON in actions(first)
    changes = dice_frames.changes(panels.scene())
    assert all(found.steps == 1 for _, found in panels.mine._compared.values())
    event = gr.EventData(None, {"picked": dice_frames.COMPARE_ON})
    looks = 1
    words = first
    while dice_frames.COMPARE_ON in actions(words):
        looks += 1
        assert looks <= 8, "every look should come a step further"
        sent = panels.dice.compare_on(
            panels.mine, visitor.session, event, "top_p", "tokens", *visitor.values
        )  # fmt: skip
        words = json.loads(sent)["channels"]["dice.same_words"]
    whole = patient.ask("same_dice")["dice.same_words"]
    assert [w for w in words["parts"] if w not in whole["parts"]] == [words["parts"][-1]]  # what is not turned
    assert actions(words) == actions(whole) != []
    for values in changes.values():
        assert panels.mine.parting(panels.scene(), values) == patient.mine.parting(patient.scene(), values)
    assert looks > 2


def test_knobs_that_could_not_be_turned_in_time_are_named(visitor: Any) -> None:
    visitor.do("run", temperature=0.9, top_p=0.95, seed=5, length=3)
    panels = Panels(visitor)
    panels.dice.clock = Watch(PATIENCE)
    channels = panels.ask("same_dice")
    names = ", ".join(translator()(f"parameter.{name}.short") for name in ("top_k", "top_p", "min_p"))
    assert f"Not turned, as it would take longer than a look may: {names}." in text(channels["dice.same_words"])
    assert "top-k" not in json.dumps(channels["dice.same"]["layout"]["yaxis"])
    assert "Not turned" not in text(Panels(visitor).ask("same_dice")["dice.same_words"])


def test_any_other_click_compares_nothing(panels: Panels) -> None:
    values = panels.visitor.values
    for picked in ("go:", "go:top_p=1", None, 3):
        event = gr.EventData(None, {"picked": picked})
        sent = panels.dice.compare_on(panels.mine, panels.visitor.session, event, "top_p", "tokens", *values)
        assert sent == gr.skip()


def test_a_branch_whose_place_is_not_found_in_time_is_asked_for_again(visitor: Any, storyteller: Any) -> None:
    visitor.do("run", temperature=0.9, seed=2, length=8)
    panels = Panels(visitor)
    panels.dice.clock = Watch(PATIENCE)
    before = visitor.session.trace
    visitor.set(temperature=1.0)
    expected = parting(before, catalog.processors({"temperature": 1.0}), storyteller.vocabulary)
    assert expected.index is not None and expected.index > 1
    for steps in range(1, expected.index + 1):
        panels.turn("go:")
        (notice,) = panels.part()
        assert f"The first {steps} of 8 tokens" in text(notice["notice"])
        assert visitor.session.trace is before
    panels.turn("go:")
    panels.part()
    ids = visitor.session.trace.token_ids
    assert ids[: expected.index + 1] == (*before.token_ids[: expected.index], expected.theirs)


def test_no_change_takes_the_time_of_the_others(visitor: Any) -> None:
    """A look of twenty readings of the clock: the first change, which never parts, would need eight steps of it."""
    visitor.do("run", temperature=0.9, top_p=0.95, seed=5, length=8)
    panels = Panels(visitor)
    panels.dice.clock = Watch(PATIENCE / 20)
    panels.ask("same_dice")
    found = [compared for _, compared in panels.mine._compared.values()]
    assert found[0].index is None and 2 <= found[0].steps < 8
    assert all(one.index is not None or one.steps >= 2 for one in found[:-1])
