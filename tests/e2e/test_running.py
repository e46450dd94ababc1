"""Run, Step, Pause, Stop, Back and branch, in the browser: what is shown is what the model does."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from playground import catalog, engine
from playground.decoding.trace import GenerationRequest
from playground.examples import EXAMPLES
from playground.i18n import translator
from playground.panels.generate import frames
from playground.tabs.generate.handlers import GenerateTab

Tab = Any  # of conftest.py
App = Any
t = translator()
FIRST = EXAMPLES[0]


def continuation(app: App, prompt: str, length: int, **settings: Any) -> str:
    """What the model says after a prompt under the settings of the first example, as it is on the page at the start."""
    values = {**FIRST.values, **settings}
    strategy = catalog.sampling(values, True, FIRST.seed)
    request = GenerationRequest(app.backend.tokenizer.encode(prompt), strategy, length)
    *_, trace = engine.generate(app.backend.model, request)
    return "".join(app.backend.vocabulary.label(i) for i in trace.token_ids).replace("␣", " ")


def shown(tab: Tab) -> str:
    return str(tab.text()).replace("⏎\n", "⏎")


# ---- run


def test_a_run_streams_to_its_end_and_equals_generate(kept: Tab, app: App) -> None:
    kept.page.evaluate(
        """() => {
            const strip = document.querySelector("#strip .token-strip");
            window.counts = [];
            new MutationObserver(() => window.counts.push(Number(strip.dataset.count)))
                .observe(strip, {attributes: true, attributeFilter: ["data-count"]});
        }"""
    )
    kept.run("The wolf came to the", length=30)
    kept.ran(30)
    counts = kept.page.evaluate("window.counts")
    begun = max((i for i in range(1, len(counts)) if counts[i] < counts[i - 1]), default=0)  # the text before is gone
    assert counts[begun:] == sorted(counts[begun:])
    assert len(set(counts[begun:])) > 10  # it was seen to grow
    assert shown(kept) == continuation(app, "The wolf came to the", 30)
    assert kept.inspected() == 29
    expect(kept.headline).to_contain_text("30")


def test_a_run_at_full_speed_shows_every_token(kept: Tab, app: App) -> None:
    kept.run("The wolf came to the", length=60, speed="fast")
    kept.ran(60)
    assert shown(kept) == continuation(app, "The wolf came to the", 60)
    newest = max(kept.drawn().values())
    for name, frame in kept.drawn().items():
        expect(kept.chart(name)).to_have_attribute("data-frame", re.compile(r"\d+"))
        assert newest - frame <= 1, name  # the last frame is on every chart
    expect(kept.chart("trajectory")).to_have_attribute("aria-label", re.compile(r"^60\b"))


def test_the_view_stays_where_it_is_pinned_while_the_run_goes_on(kept: Tab) -> None:
    kept.run("The wolf came to the", length=60)
    kept.reached(4)
    kept.tokens.nth(1).click()
    expect(kept.tokens.nth(1)).to_have_attribute("aria-pressed", "true")
    assert kept.count < 60
    kept.ran(60)
    assert kept.inspected() == 1
    kept.page.get_by_role("button", name=t("headline.follow")).click()
    expect(kept.tokens.nth(59)).to_have_attribute("aria-pressed", "true")
    expect(kept.page.get_by_role("button", name=t("headline.follow"))).to_have_count(0)


def test_every_example_fills_the_controls_and_runs(kept: Tab, app: App) -> None:
    kept.pace("fast")
    for example in [*EXAMPLES[1:], EXAMPLES[0]]:
        kept.begun()
        kept.page.get_by_role("button", name=t(f"example.{example.key}.name"), exact=True).click()
        expect(kept.page.locator(".live-text.lesson")).to_have_text(t(f"example.{example.key}.notice"))
        expect(kept.prompt).to_have_value(example.prompt)
        expect(kept.number("length")).to_have_value(str(example.max_new_tokens))
        mode = "sample" if example.do_sample else "greedy"
        expect(kept.option("mode", mode).locator("input")).to_be_checked()
        for parameter in catalog.PARAMETERS:
            if parameter.is_common:
                switch = kept.knob(parameter.name).get_by_role("switch")
                expect(switch).to_be_checked(checked=parameter.name in example.values)
        kept.ran(example.max_new_tokens)
        expect(kept.tokens.nth(example.inspect)).to_have_attribute("aria-pressed", "true")


def test_greedy_needs_no_dice(kept: Tab) -> None:
    kept.pace("fast")
    kept.option("mode", "greedy").click()
    expect(kept.page.get_by_text(t("parameters.greedy_note"))).to_be_visible()
    texts = []
    for seed in (1, 2):
        kept.type("seed", seed)
        kept.run("The bear and the", length=9)
        kept.ran(9)
        texts.append(kept.text())
    assert texts[0] == texts[1]
    expect(kept.chart("cutoffs")).to_have_attribute("aria-label", t("chart.cutoffs.label_nothing", tokens=8192))


def test_the_dice_button_throws_another_seed(kept: Tab) -> None:
    before = kept.number("seed").input_value()
    kept.button("dice").click()
    expect(kept.number("seed")).not_to_have_value(before)


# ---- step, pause, stop, back


def test_step_and_back_move_by_one_token(kept: Tab, app: App) -> None:
    text = continuation(app, "The goat", 3)
    kept.prompt.fill("The goat")
    for count in (1, 2, 3):
        kept.button("step").click()
        expect(kept.strip).to_have_attribute("data-count", str(count))
        assert text.startswith(shown(kept))
    assert shown(kept) == text
    for count in (2, 1):
        kept.button("back").click()
        expect(kept.strip).to_have_attribute("data-count", str(count))
    kept.button("step").click()
    expect(kept.strip).to_have_attribute("data-count", "2")
    kept.press("step")
    kept.ran(3)
    assert shown(kept) == text


def test_pause_holds_resume_goes_on_and_the_text_is_the_same(kept: Tab, app: App) -> None:
    kept.run("The sea was", length=60)
    kept.reached(3)
    kept.button("pause").click()
    expect(kept.button("pause")).to_have_text(t("button.resume"))
    expect(kept.badge).to_have_text(re.compile(r"(\d+)/\1"), timeout=60_000)  # what there is, is verified meanwhile
    held = kept.count  # one may have been on its way when it was pressed
    assert held < 60
    expect(kept.badge).to_contain_text(f"{held}/{held}")
    assert kept.count == held
    kept.button("step").click()
    expect(kept.strip).to_have_attribute("data-count", str(held + 1))
    kept.pace("fast")
    kept.press("pause")
    kept.ran(60)
    expect(kept.button("pause")).to_have_text(t("button.pause"))
    assert shown(kept) == continuation(app, "The sea was", 60)


def test_stop_takes_no_token_more(kept: Tab, app: App) -> None:
    kept.run("The forest was", length=60)
    kept.reached(3)
    kept.button("stop").click()
    expect(kept.notice).to_contain_text(re.compile(r"\d"))
    expect(kept.page.locator("#made")).to_contain_text(t("state.stopped"))
    held, forwards = kept.count, app.forwards
    assert held < 60
    kept.tokens.nth(0).click()  # a round trip to the server, and nothing has been added
    expect(kept.tokens.nth(0)).to_have_attribute("aria-pressed", "true")
    assert (kept.count, app.forwards) == (held, forwards)


def test_the_page_says_what_made_the_text_and_what_has_changed_since(kept: Tab) -> None:
    line, run, undo = kept.page.locator("#made"), kept.button("run"), t("made.undo")
    kept.run("The forest was", length=60)
    kept.reached(3)
    expect(line).to_contain_text(t("state.running"))
    expect(run).to_have_text(t("button.running"))
    kept.button("pause").click()
    expect(line).to_contain_text(t("state.paused"))
    expect(run).not_to_have_text(t("button.running"))
    expect(kept.button("pause")).to_have_text(t("button.resume"))
    kept.button("stop").click()
    expect(line).to_contain_text(t("state.stopped"))
    expect(kept.button("pause")).to_have_text(t("button.pause"))
    expect(kept.button("pause")).to_have_attribute("aria-disabled", "true")
    expect(line).to_contain_text(f"seed {FIRST.seed}")
    old = kept.count
    kept.type("seed", FIRST.seed + 1)
    change = t("made.change", name=t("made.seed"), before=FIRST.seed, now=FIRST.seed + 1)
    expect(line).to_contain_text(t("made.changed", changes=change))
    style = "e => getComputedStyle(e).borderStyle"
    assert kept.badge.evaluate(style) == "dashed"  # the green mark is the old settings'
    kept.button("step").click()
    expect(kept.strip).to_have_attribute("data-count", "1")
    expect(line).not_to_contain_text(change)
    kept.page.get_by_role("button", name=undo).click()
    expect(kept.strip).to_have_attribute("data-count", str(old))
    expect(line).to_contain_text(change)


def test_a_run_started_while_another_goes_on_replaces_it(kept: Tab, app: App) -> None:
    kept.run("The forest was", length=60)
    kept.reached(2)
    kept.run("The meadow was", length=12)
    kept.ran(12)
    assert shown(kept) == continuation(app, "The meadow was", 12)


# ---- choose another token


def test_a_click_on_a_bar_takes_that_token_and_goes_on(tab: Tab, app: App) -> None:
    tab.pace("fast")
    before = tab.text()
    token_id = tab.bar_id(3)
    tab.click_bar(3)
    tab.ran(40)
    chosen = tab.tokens.nth(FIRST.inspect)
    assert chosen.evaluate("e => e.textContent") == app.backend.vocabulary.label(token_id).replace("␣", " ")
    expect(chosen).to_have_attribute("title", re.compile(re.escape(t("strip.token_by_hand", title="")) + "$"))
    difference = t("badge.teacher", equal=40, tokens=40, by_hand=1, difference="0.0")
    expect(tab.badge).to_contain_text(difference.split(":")[0])
    assert tab.text() != before
    expect(tab.page.locator("#code pre")).to_contain_text(str(token_id))


def test_a_bar_of_a_text_made_step_by_step_is_taken_and_waits(kept: Tab) -> None:
    kept.prompt.fill("The lamb")
    for count in (1, 2, 3):
        kept.button("step").click()
        expect(kept.strip).to_have_attribute("data-count", str(count))
    expect(kept.badge).to_contain_text("3/3")
    before = kept.drawn()
    kept.tokens.nth(1).click()
    kept.redrawn(before)
    token_id = kept.bar_id(4)
    kept.click_bar(4)
    kept.ran(2)
    assert token_id in kept.bar_ids()


# ---- visitors


def test_two_visitors_at_once_get_what_each_would_get_alone(kept: Tab, visit: Callable[..., Tab], app: App) -> None:
    prompts = ("The king was", "A mouse lived")
    alone = [continuation(app, prompt, 12) for prompt in prompts]
    tabs = [kept, visit()]
    for tab, prompt in zip(tabs, prompts, strict=True):
        tab.run(prompt, length=12)
    for tab, text in zip(tabs, alone, strict=True):
        tab.ran(12)
        assert shown(tab) == text
    tabs[0].button("back").click()
    expect(tabs[0].strip).to_have_attribute("data-count", "11")
    assert tabs[1].count == 12


def test_closing_the_page_ends_its_run_and_hands_the_cache_back(visit: Callable[..., Tab], app: App) -> None:
    prompt = "Nobody is there to read this"
    ids = app.backend.tokenizer.encode(prompt)

    def kept() -> bool:
        return any(state.ids[: len(ids)] == ids for state in app.backend.model.kept._states)

    tab = visit()
    tab.run(prompt, length=60, speed="aloud")
    tab.reached(2)
    assert not kept()  # it is in use
    tab.page.close()
    deadline = time.monotonic() + 30
    while not kept() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert kept()
    made = app.forwards
    other = visit()  # the page serves others
    other.run("Somebody is here", length=3)
    other.ran(3)
    assert app.forwards - made <= 4


# ---- what comes late


def test_a_look_that_comes_late_takes_no_token_away(kept: Tab, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """A click is answered beside the run: its frame may be older than the text on the page."""
    panels = frames.step_panels

    def slow(trace: Any, index: int, is_pinned: bool, look: Any) -> dict[str, object]:
        if is_pinned:
            time.sleep(0.4)  # four tokens come meanwhile
        return panels(trace, index, is_pinned, look)

    monkeypatch.setattr(frames, "step_panels", slow)
    kept.run("The miller had a", length=20)
    kept.reached(3)
    kept.tokens.nth(1).click()
    expect(kept.tokens.nth(1)).to_have_attribute("aria-pressed", "true")
    kept.ran(20)
    assert shown(kept) == continuation(app, "The miller had a", 20)


def test_a_unit_chosen_while_the_run_goes_on_holds_for_all_of_it(
    kept: Tab, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = frames.whole

    def slow(trace: Any, *rest: Any) -> dict[str, object]:
        if trace.steps:
            time.sleep(0.4)
        return whole(trace, *rest)

    monkeypatch.setattr(frames, "whole", slow)
    kept.run("The miller had a", length=20)
    kept.reached(3)
    kept.option("unit", "bits").click()
    kept.ran(20)
    assert shown(kept) == continuation(app, "The miller had a", 20)
    expect(kept.strip.locator("button[title*=bits]")).to_have_count(20)
    expect(kept.headline).to_contain_text("bits")


def test_a_token_that_comes_late_is_not_added_to_what_was_taken_back(
    kept: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = GenerateTab.progress

    def slow(self: GenerateTab, *arguments: Any) -> dict[str, object]:
        made = progress(self, *arguments)
        time.sleep(0.3)
        return made

    monkeypatch.setattr(GenerateTab, "progress", slow)
    kept.run("The miller had a", length=20)
    kept.reached(3)
    kept.press("back")
    expect(kept.button("pause")).to_have_text(t("button.resume"))
    expect(kept.badge).to_have_attribute("data-kind", "good")
    verified = re.search(r"(\d+)/(\d+)", kept.badge.inner_text())
    assert verified
    kept.page.wait_for_timeout(400)  # anything late has come
    assert kept.count == int(verified[1])
