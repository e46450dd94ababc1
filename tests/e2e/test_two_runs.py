"""Two Generate panels on one page stream at once, and neither hears, shows or stops anything of the other."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from playground import catalog, engine
from playground.decoding.trace import GenerationRequest
from playground.engines.loading import ModelSlot
from playground.examples import EXAMPLES
from playground.i18n import translator
from tests.e2e import two_panels

App = Any  # of conftest.py
t = translator()
PROMPTS = {"left": "The old king said to his", "right": "Once upon a time"}
LENGTH = 200  # at 3 tokens a second: neither comes to its end by itself


class Panel:
    """One of the two, as a person sees it."""

    def __init__(self, page: Page, side: str) -> None:
        self.page, self.side = page, side
        self.strip = self.find("#{}-strip .token-strip")
        self.tokens = self.strip.get_by_role("button")
        self.badge = self.find("#{}-badge .live-text")
        self.notice = self.find("#{} .live-text.notice")
        self.headline = self.find("#{}-headline .live-text")

    def find(self, selector: str) -> Locator:
        return self.page.locator(selector.format(self.side))

    def fill(self, name: str, value: int | str) -> None:
        self.find(f"#{{}}-{name} :is(input, textarea)").first.fill(str(value))
        self.page.keyboard.press("Tab")

    def text(self) -> str:
        return "".join(self.tokens.all_text_contents()).replace("⏎\n", "⏎")

    @property
    def count(self) -> int:
        return int(self.strip.get_attribute("data-count") or 0)

    def bars(self) -> list[str]:
        return self.find("#{}-chart-next_token .bar-row").all_text_contents()


def asked(app: App, side: str) -> str:
    """What the model says after the prompt of a side: the left one draws as in the first example, the right one takes
    the most probable token."""
    strategy = catalog.sampling(EXAMPLES[0].values, side == "left", EXAMPLES[0].seed)
    request = GenerationRequest(app.backend.tokenizer.encode(PROMPTS[side]), strategy, LENGTH)
    *_, trace = engine.generate(app.backend.model, request)
    return "".join(app.backend.vocabulary.label(i) for i in trace.token_ids).replace("␣", " ")


@pytest.fixture(scope="module")
def two(
    app: App, serve: Callable[..., AbstractContextManager[str]], desktop: tuple[BrowserContext, Any]
) -> Iterator[tuple[Panel, Panel]]:
    """Both panels while the run of each goes on; `window.grown` says in which order the texts grew since."""
    slot = ModelSlot.filled(app.backend, "assets/models/storyteller")
    with serve(slot, two_panels.build) as url:
        page = desktop[0].new_page()
        page.goto(url)
        left, right = (Panel(page, side) for side in two_panels.SIDES)
        for panel in (left, right):
            expect(panel.badge).to_contain_text("40/40")
            panel.fill("prompt", PROMPTS[panel.side])
            panel.fill("length", LENGTH)
            panel.find("#{}-speed input").click()
            page.get_by_role("option", name=t("speed.aloud")).click()
        right.find('#{}-mode label:has(input[value="greedy"])').click()
        page.evaluate(
            """sides => {
                window.grown = [];
                for (const side of sides) {
                    const strip = document.querySelector(`#${side}-strip .token-strip`);
                    new MutationObserver(() => window.grown.push([side, Number(strip.dataset.count)]))
                        .observe(strip, {attributes: true, attributeFilter: ["data-count"]});
                }
            }""",
            list(two_panels.SIDES),
        )
        for panel in (left, right):
            panel.find("#{}-run button").click()
        yield left, right
        page.close()


def test_both_run_at_once_and_each_stops_with_its_own_text(two: tuple[Panel, Panel], app: App) -> None:
    left, right = two
    turns = "grown.filter(([side], i) => i && side !== grown[i - 1][0]).length"
    left.page.wait_for_function(f"{turns} > 8")  # turn and turn about, not one after the other
    own = {panel: asked(app, panel.side) for panel in two}
    for panel in two:
        assert own[panel].startswith(panel.text())
    left.find("#{}-stop button").click()
    expect(left.badge).to_have_attribute("data-kind", "good")
    stopped, going_on = left.count, right.count
    left.page.wait_for_function("n => grown.at(-1)[0] === 'right' && grown.at(-1)[1] > n + 2", arg=going_on)
    right.find("#{}-stop button").click()
    expect(right.badge).to_have_attribute("data-kind", "good")
    assert left.count == stopped
    grown = left.page.evaluate("grown")
    for panel in two:
        count = panel.count
        counts = [n for side, n in grown if side == panel.side]
        begun = counts.index(min(counts))  # the text before is gone
        assert counts[begun:] == sorted(counts[begun:])
        assert counts[-1] == count < LENGTH
        assert own[panel].startswith(panel.text())
        expect(panel.badge).to_contain_text(f"{count}/{count}")
        expect(panel.headline).to_contain_text(str(count))
        chart = panel.find("#{}-chart-trajectory .live-plot")
        expect(chart).to_have_attribute("aria-label", re.compile(rf"^{count}\b"))


def test_a_look_at_one_text_leaves_the_other_where_it_is(two: tuple[Panel, Panel]) -> None:
    left, right = two
    before = right.bars()
    left.tokens.nth(4).click()
    expect(left.headline).to_contain_text(t("headline.follow"))
    expect(left.tokens.nth(4)).to_have_attribute("aria-pressed", "true")
    assert left.bars() != before
    right.tokens.nth(7).click()
    expect(right.headline).to_contain_text(t("headline.follow"))
    expect(right.tokens.nth(7)).to_have_attribute("aria-pressed", "true")
    expect(left.tokens.nth(4)).to_have_attribute("aria-pressed", "true")
    left.find("#{}-headline").get_by_role("button", name=t("headline.follow")).click()
    expect(left.tokens.last).to_have_attribute("aria-pressed", "true")
    expect(right.tokens.nth(7)).to_have_attribute("aria-pressed", "true")


def test_a_setting_its_help_and_its_fold_are_of_one_side(two: tuple[Panel, Panel]) -> None:
    left, right = two
    before = right.bars()
    number = left.find("#{}-knob-temperature input[type=number]")
    number.fill("1.7")
    left.find("#{}-knob-temperature .knob-ask").click()
    expect(left.find("#{}-help-temperature")).to_contain_text("1.7")  # the numbers of its own step
    expect(right.find("#{}-knob-temperature input[type=number]")).to_have_value("0.8")
    expect(right.find("#{}-help-temperature")).to_be_hidden()
    left.find("#{}-panel-race [data-fold] .fold").first.click()
    expect(left.find("#{}-chart-race .live-plot")).to_have_attribute("data-frame", re.compile(r"\d"))
    expect(right.find("#{}-panel-race [data-fold] .fold").first).to_have_attribute("aria-expanded", "false")
    expect(right.find("#{}-race-words .live-text")).to_be_empty()
    assert right.bars() == before


def test_an_error_and_a_key_are_of_one_side(two: tuple[Panel, Panel]) -> None:
    left, right = two
    before = left.text()
    left.fill("seed", -1)
    left.find("#{}-prompt textarea").press("Control+Enter")
    expect(left.notice).to_have_attribute("data-kind", "bad")
    expect(right.notice).to_be_empty()
    right.fill("length", 5)
    right.find("#{}-prompt textarea").press("Control+Enter")
    expect(right.badge).to_contain_text("5/5")
    expect(left.notice).to_have_attribute("data-kind", "bad")
    assert left.text() == before


def test_the_address_is_that_of_neither(two: tuple[Panel, Panel]) -> None:
    assert "?" not in two[0].page.url
    assert "#" not in two[0].page.url
