"""While the charts scroll by: settings, Run and the text stay; what a click elsewhere changed is shown and said."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import expect

from playground.i18n import translator
from tests.e2e.folds import unfold

Tab = Any  # of conftest.py
t = translator()


@pytest.fixture(scope="module")
def scrolled(page_of_the_module: Tab) -> Iterator[Tab]:
    page = page_of_the_module.page
    unfold(page)
    page.evaluate("() => scrollTo(0, 1500)")
    page.wait_for_function("() => scrollY === 1500")
    yield page_of_the_module
    page.evaluate("() => scrollTo(0, 0)")


@pytest.mark.parametrize(
    "selector", [":is(button#run, #run button)", "#prompt textarea", "#strip .token", "#knob-temperature .knob"]
)
def test_settings_run_and_text_stay_while_the_charts_scroll_by(scrolled: Tab, selector: str) -> None:
    expect(scrolled.page.locator(selector).first).to_be_in_viewport(ratio=0.9)


def test_more_processors_do_not_push_run_away(scrolled: Tab) -> None:
    page = scrolled.page
    page.locator("#controls .more > button").click()
    expect(page.locator("#knob-repetition_penalty .knob")).to_be_in_viewport()
    page.locator("#knob-mirostat .knob").scroll_into_view_if_needed()
    expect(scrolled.button("run")).to_be_in_viewport(ratio=0.9)
    page.locator("#controls .more > button").scroll_into_view_if_needed()
    page.locator("#controls .more > button").click()


def test_a_click_on_the_map_shows_the_knobs_that_it_moved(scrolled: Tab) -> None:
    page = scrolled.page
    page.evaluate("() => { document.getElementById('controls').scrollTop = 10000; }")
    chart = page.locator("#chart-map_here .live-plot")
    chart.scroll_into_view_if_needed()
    expect(chart).to_have_attribute("data-frame", re.compile(r"\d"))
    box = chart.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.35)
    for name in ("temperature", "top_p"):
        expect(page.locator(f"#knob-{name} .knob")).to_have_class(re.compile(r"\bmoved\b"))
    expect(page.locator("#knob-temperature .knob")).to_be_in_viewport(ratio=0.9)
    expect(page.locator(".knob.moved")).to_have_count(0)  # only for a moment


def test_another_order_is_announced_beside_the_charts_that_follow_it(scrolled: Tab) -> None:
    page = scrolled.page
    note = page.locator(".order-note")
    expect(note).to_be_hidden()
    page.locator('#order [data-preset="llama.cpp"]').click()
    expect(note).to_contain_text(t("dice.order.note", order=t("dice.order.llama_cpp")))
    page.locator('#order [data-stage="top_p"] [data-by="1"]').click()
    expect(note).to_contain_text(t("dice.order.note_own"))
    note.get_by_role("button").click()
    expect(note).to_be_hidden()
    expect(page.locator('#order [data-preset="transformers"]')).to_have_attribute("aria-pressed", "true")


def test_what_went_wrong_is_seen_however_far_the_page_is_scrolled(scrolled: Tab) -> None:
    scrolled.page.evaluate("() => scrollTo(0, 1500)")
    scrolled.type("length", 0)
    scrolled.press("run")
    notice = scrolled.page.locator("#generate .live-text.notice")
    expect(notice).to_contain_text("between 1 and")
    expect(notice).to_be_in_viewport(ratio=0.9)
    top = notice.bounding_box()
    assert top is not None
    on_top = "([x, y]) => document.elementFromPoint(x, y).closest('.notice') !== null"
    assert scrolled.page.evaluate(on_top, [top["x"] + 20, top["y"] + 8])  # nothing lies over it
    scrolled.type("length", 40)


@pytest.mark.parametrize("tab", ["tab.generate", "beam.tab"])
def test_buttons_keep_their_words_to_themselves_and_stand_apart(scrolled: Tab, tab: str) -> None:
    page = scrolled.page
    page.get_by_role("tab", name=t(tab), exact=True).click()
    boxes = page.evaluate(
        """() => [...document.querySelectorAll(".buttons button")].filter(b => b.checkVisibility()).map(button => {
            const range = document.createRange(), {left, right, top} = button.getBoundingClientRect();
            range.selectNodeContents(button);
            const words = range.getBoundingClientRect();
            return {left, right, top, words: [words.left, words.right], text: button.textContent};
        }).sort((a, b) => a.top - b.top || a.left - b.left)"""
    )
    assert len(boxes) >= 4
    for box in boxes:
        assert box["left"] < box["words"][0] <= box["words"][1] < box["right"], box
    for one, next_ in pairwise(boxes):
        assert one["top"] != next_["top"] or one["right"] + 4 <= next_["left"], (one, next_)


@pytest.mark.parametrize("at", [0, 1500])
def test_to_go_to_a_setting_moves_the_settings_and_never_the_page(scrolled: Tab, at: int) -> None:
    page = scrolled.page
    page.get_by_role("tab", name=t("tab.generate"), exact=True).click()
    page.evaluate("at => scrollTo(0, at)", at)
    for field in ("#speed input", "#prompt textarea", "#seed input", "#run button"):
        page.locator(field).focus()
        page.wait_for_timeout(100)
        assert page.evaluate("scrollY") == at, field
        expect(page.locator(field)).to_be_in_viewport(ratio=0.9)
