"""A key held down, a slider pulled: looks come faster than answers, and the page ends at the last of them."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from playground.i18n import translator

Tab = Any  # of conftest.py
t = translator()


def hold(tab: Tab, key: str, times: int) -> None:
    """A key held down: it repeats every 33 ms, as keyboards do."""
    for _ in range(times):
        tab.page.keyboard.down(key)
        tab.page.wait_for_timeout(33)
    tab.page.keyboard.up(key)


@pytest.fixture(scope="module")
def tab(page_of_the_module: Tab) -> Tab:
    return page_of_the_module


@pytest.mark.parametrize(("key", "start", "times", "end"), [("ArrowRight", 3, 17, 20), ("ArrowLeft", 25, 15, 10)])
def test_the_charts_end_on_the_token_that_has_the_focus(tab: Tab, key: str, start: int, times: int, end: int) -> None:
    tab.tokens.nth(start).click()
    hold(tab, key, times)
    expect(tab.tokens.nth(end)).to_be_focused()
    expect(tab.headline).to_contain_text(re.compile(rf"\b{end + 1} of 40"))
    expect(tab.tokens.nth(end)).to_have_attribute("aria-pressed", "true")
    tab.page.wait_for_timeout(600)  # whatever comes late has come
    expect(tab.headline).to_contain_text(re.compile(rf"\b{end + 1} of 40"))
    assert tab.inspected() == end
    tab.tokens.nth(end).click()  # a second click on the one that was chosen lets go
    expect(tab.headline).to_contain_text(re.compile(r"\b40 of 40"))
    assert tab.inspected() == 39


def test_the_tables_of_a_search_end_at_the_step_that_was_pulled_to(tab: Tab) -> None:
    tab.open(t("beam.tab"))
    tree, running = tab.page.locator("#beam-tree .beam-tree"), tab.page.locator("#beam-running table")
    expect(running).to_be_visible()
    slider = tab.page.locator("#beam-tree input[type=range]")
    slider.focus()
    hold(tab, "ArrowLeft", 9)
    at = int(slider.input_value())
    expect(tree).to_have_attribute("data-at", str(at))
    pool = tab.page.locator("#beam-headline .live-text")
    expect(pool).to_contain_text(re.compile(rf"\b{at}\b"))


def test_a_word_is_replayed_to_the_step_that_was_asked_for_last(tab: Tab) -> None:
    tab.open(t("tab.tokenizer"))
    stepper = tab.page.locator("#replay-stepper")
    steps = int(stepper.locator("input").get_attribute("max") or 0)
    assert steps >= 4
    stepper.locator("[data-move=first]").click()
    for _ in range(3):  # as fast as can be: each goes on from where the one before led, not from the last answer
        stepper.locator("[data-move=forward]").click()
    expect(stepper.locator(".stepper")).to_have_attribute("data-step", "3")
    rows = tab.page.locator("#replay-rows .row")
    expect(rows.locator("xpath=self::*[contains(@class,'lit')]")).to_have_count(1)
    tab.page.wait_for_timeout(300)
    expect(stepper.locator(".stepper")).to_have_attribute("data-step", "3")
