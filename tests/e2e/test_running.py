"""Run, Step, Pause, Stop, Back and branch, in the browser: what is shown is what the model does."""

import re
import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from playground import catalog, engine
from playground.decoding.trace import GenerationRequest
from playground.examples import EXAMPLES
from playground.i18n import translator

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


def test_a_run_streams_to_its_end_and_equals_generate(tab: Tab, app: App) -> None:
    tab.page.evaluate(
        """() => {
            const strip = document.querySelector("#strip .token-strip");
            window.counts = [];
            new MutationObserver(() => window.counts.push(Number(strip.dataset.count)))
                .observe(strip, {attributes: true, attributeFilter: ["data-count"]});
        }"""
    )
    tab.run("The wolf came to the", length=30)
    tab.ran(30)
    counts = tab.page.evaluate("window.counts")
    assert counts[-1] == 30
    first = counts.index(0)
    assert counts[first:] == sorted(counts[first:])
    assert len(set(counts[first:])) > 10  # it was seen to grow
    assert shown(tab) == continuation(app, "The wolf came to the", 30)
    assert tab.inspected() == 29
    expect(tab.headline).to_contain_text("30")


def test_a_run_at_full_speed_shows_every_token(tab: Tab, app: App) -> None:
    tab.run("The wolf came to the", length=60, speed="fast")
    tab.ran(60)
    assert shown(tab) == continuation(app, "The wolf came to the", 60)
    newest = max(tab.drawn().values())
    for name, frame in tab.drawn().items():
        expect(tab.chart(name)).to_have_attribute("data-frame", re.compile(r"\d+"))
        assert newest - frame <= 1, name  # the last frame is on every chart
    expect(tab.chart("trajectory")).to_have_attribute("aria-label", re.compile(r"^60\b"))


def test_the_view_stays_where_it_is_pinned_while_the_run_goes_on(tab: Tab) -> None:
    tab.run("The wolf came to the", length=25)
    tab.reached(4)
    tab.tokens.nth(1).click()
    expect(tab.tokens.nth(1)).to_have_attribute("aria-pressed", "true")
    assert tab.count < 25
    tab.ran(25)
    assert tab.inspected() == 1
    tab.page.get_by_role("button", name=t("headline.follow")).click()
    expect(tab.tokens.nth(24)).to_have_attribute("aria-pressed", "true")
    expect(tab.page.get_by_role("button", name=t("headline.follow"))).to_have_count(0)


def test_every_example_fills_the_controls_and_runs(tab: Tab, app: App) -> None:
    tab.pace("fast")
    for example in [*EXAMPLES[1:], EXAMPLES[0]]:
        tab.begun()
        tab.page.get_by_role("button", name=t(f"example.{example.key}.name"), exact=True).click()
        expect(tab.page.locator(".live-text.lesson")).to_have_text(t(f"example.{example.key}.notice"))
        expect(tab.prompt).to_have_value(example.prompt)
        expect(tab.number("length")).to_have_value(str(example.max_new_tokens))
        mode = "sample" if example.do_sample else "greedy"
        expect(tab.option("mode", mode).locator("input")).to_be_checked()
        for parameter in catalog.PARAMETERS:
            if parameter.is_common:
                switch = tab.knob(parameter.name).get_by_role("switch")
                expect(switch).to_be_checked(checked=parameter.name in example.values)
        tab.ran(example.max_new_tokens)
        expect(tab.tokens.nth(example.inspect)).to_have_attribute("aria-pressed", "true")


def test_greedy_needs_no_dice(tab: Tab) -> None:
    tab.pace("fast")
    tab.option("mode", "greedy").click()
    expect(tab.page.get_by_text(t("parameters.greedy_note"))).to_be_visible()
    texts = []
    for seed in (1, 2):
        tab.type("seed", seed)
        tab.run("The bear and the", length=9)
        tab.ran(9)
        texts.append(tab.text())
    assert texts[0] == texts[1]
    expect(tab.chart("cutoffs")).to_have_attribute("aria-label", t("chart.cutoffs.label_nothing", tokens=8192))


def test_the_dice_button_throws_another_seed(tab: Tab) -> None:
    before = tab.number("seed").input_value()
    tab.button("dice").click()
    expect(tab.number("seed")).not_to_have_value(before)


# ---- step, pause, stop, back


def test_step_and_back_move_by_one_token(tab: Tab, app: App) -> None:
    text = continuation(app, "The goat", 3)
    tab.prompt.fill("The goat")
    for count in (1, 2, 3):
        tab.button("step").click()
        expect(tab.strip).to_have_attribute("data-count", str(count))
        assert text.startswith(shown(tab))
    assert shown(tab) == text
    for count in (2, 1):
        tab.button("back").click()
        expect(tab.strip).to_have_attribute("data-count", str(count))
    tab.button("step").click()
    expect(tab.strip).to_have_attribute("data-count", "2")
    tab.press("step")
    tab.ran(3)
    assert shown(tab) == text


def test_pause_holds_resume_goes_on_and_the_text_is_the_same(tab: Tab, app: App) -> None:
    tab.run("The sea was", length=30)
    tab.reached(3)
    tab.button("pause").click()
    expect(tab.button("pause")).to_have_text(t("button.resume"))
    held = tab.count
    assert held < 30
    expect(tab.badge).to_contain_text(f"{held}/{held}")  # what there is, is verified meanwhile
    assert tab.count == held
    tab.button("step").click()
    expect(tab.strip).to_have_attribute("data-count", str(held + 1))
    tab.pace("fast")
    tab.press("pause")
    tab.ran(30)
    expect(tab.button("pause")).to_have_text(t("button.pause"))
    assert shown(tab) == continuation(app, "The sea was", 30)


def test_stop_takes_no_token_more(tab: Tab, app: App) -> None:
    tab.run("The forest was", length=60)
    tab.reached(3)
    tab.button("stop").click()
    expect(tab.notice).to_contain_text(re.compile(r"\d"))
    expect(tab.button("pause")).to_have_text(t("button.resume"))
    held, forwards = tab.count, app.forwards
    assert held < 60
    tab.tokens.nth(0).click()  # a round trip to the server, and nothing has been added
    expect(tab.tokens.nth(0)).to_have_attribute("aria-pressed", "true")
    assert (tab.count, app.forwards) == (held, forwards)


def test_a_run_started_while_another_goes_on_replaces_it(tab: Tab, app: App) -> None:
    tab.run("The forest was", length=60)
    tab.reached(2)
    tab.run("The meadow was", length=12)
    tab.ran(12)
    assert shown(tab) == continuation(app, "The meadow was", 12)


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


def test_a_bar_of_a_text_made_step_by_step_is_taken_and_waits(tab: Tab) -> None:
    tab.prompt.fill("The goat")
    for count in (1, 2, 3):
        tab.button("step").click()
        expect(tab.strip).to_have_attribute("data-count", str(count))
    expect(tab.badge).to_contain_text("3/3")
    before = tab.drawn()
    tab.tokens.nth(1).click()
    tab.redrawn(before)
    token_id = tab.bar_id(4)
    tab.click_bar(4)
    tab.ran(2)
    assert token_id in tab.page.evaluate('document.querySelector("#chart-next_token .live-plot").data[0].customdata')


# ---- visitors


def test_two_visitors_at_once_get_what_each_would_get_alone(visit: Callable[..., Tab], app: App) -> None:
    prompts = ("The king was", "A mouse lived")
    alone = [continuation(app, prompt, 20) for prompt in prompts]
    tabs = [visit(), visit()]
    for tab, prompt in zip(tabs, prompts, strict=True):
        tab.run(prompt, length=20)
    for tab, text in zip(tabs, alone, strict=True):
        tab.ran(20)
        assert shown(tab) == text
    tabs[0].button("back").click()
    expect(tabs[0].strip).to_have_attribute("data-count", "19")
    assert tabs[1].count == 20


def test_closing_the_page_ends_its_run_and_hands_the_cache_back(visit: Callable[..., Tab], app: App) -> None:
    prompt = "Nobody is there to read this"
    ids = app.backend.tokenizer.encode(prompt)

    def kept() -> bool:
        return any(state.ids[: len(ids)] == ids for state in app.backend.model._kept._states)

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
