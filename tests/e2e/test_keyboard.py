"""By keyboard alone: every stop is seen, Run is near, arrows move in groups and charts, and the focus is never lost."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from playground.i18n import translator
from tests.e2e.folds import unfold

Tab = Any  # of conftest.py
App = Any
t = translator()

TABS = ("tab.generate", "beam.tab", "compare.tab", "tab.tokenizer", "tab.attention", "tab.inside", "tab.lockstep")


@pytest.fixture(scope="module")
def opened(open_desktop: Callable[[str], Tab], app: App) -> Iterator[Tab]:
    """A page whose tests each begin at its top, on the Generate tab."""
    tab = open_desktop(app.url)
    expect(tab.badge).to_contain_text("40/40")
    yield tab
    tab.page.close()


@pytest.fixture
def tab(opened: Tab) -> Tab:
    opened.open(t("tab.generate"))
    opened.page.evaluate("() => { scrollTo(0, 0); document.activeElement.blur(); }")
    return opened


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def focused(page: Page) -> Locator:
    return page.locator(":focus")


def test_the_first_stops_lead_to_run_and_to_the_text(tab: Tab) -> None:
    page = tab.page
    page.locator(".skip-link").first.focus()
    expect(focused(page)).to_have_text(t("page.skip_run"))
    expect(focused(page)).to_be_in_viewport(ratio=1)
    press(page, "Enter")
    expect(tab.button("run")).to_be_focused()
    page.locator(".skip-link").last.focus()
    press(page, "Enter")
    expect(tab.strip.locator("[tabindex='0']")).to_be_focused()


@pytest.mark.parametrize(("name", "run"), [("tab.generate", "run"), ("beam.tab", "beam-run")])
def test_run_is_near_the_beginning(tab: Tab, name: str, run: str) -> None:
    """After the skip links, the picker, the way to other models, the model (where its line is cut short), the other
    language, Share, the theme, the tabs (one stop) and the prompt."""
    tab.open(t(name))
    expect(tab.button(run)).to_be_visible()
    tab.page.locator(".skip-link").first.focus()
    for _ in range(10):
        press(tab.page, "Tab")
        if tab.button(run).evaluate("e => e === document.activeElement"):
            return
    pytest.fail("Ten stops, and Run is not among them.")


@pytest.mark.parametrize("name", TABS)
def test_whatever_has_the_focus_is_seen_to_have_it(tab: Tab, name: str) -> None:
    tab.open(t(name))
    tab.page.wait_for_timeout(500)
    press(tab.page, "Tab")  # the keyboard is in use: :focus-visible
    unseen = tab.page.evaluate(
        """() => {
            const marked = (one) => {
                const {outlineStyle, outlineWidth} = getComputedStyle(one);
                return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
            };
            const stops = [...document.querySelectorAll("a[href], button, input, select, textarea, [tabindex]")]
                .filter(one => one.tabIndex >= 0 && !one.disabled && one.checkVisibility());
            return stops.filter(stop => {
                stop.focus({focusVisible: true});
                return document.activeElement === stop && !marked(stop) && !marked(stop.closest("label") ?? stop);
            }).map(stop => stop.outerHTML.slice(0, 200));
        }"""
    )
    assert unseen == []


def test_arrows_go_from_tab_to_tab_and_from_choice_to_choice(tab: Tab) -> None:
    page = tab.page
    page.get_by_role("tab", name=t("tab.generate"), exact=True).focus()
    for key, name in (("ArrowRight", "beam.tab"), ("End", "tab.lockstep"), ("Home", "tab.generate")):
        press(page, key)
        expect(focused(page)).to_have_text(t(name))
        expect(focused(page)).to_have_attribute("aria-selected", "true")
    press(page, "Tab", "Shift+Tab")
    expect(focused(page)).to_have_text(t("tab.generate"))  # one stop for all tabs
    page.locator("#unit input").first.focus()
    press(page, "ArrowRight")
    expect(page.locator("#unit label.selected")).to_have_text("bits")
    press(page, "ArrowLeft")
    expect(page.locator("#unit label.selected")).to_have_text("nats")


def test_home_end_up_and_down_move_in_the_text_and_escape_lets_go(tab: Tab) -> None:
    page = tab.page
    tab.tokens.nth(3).focus()
    press(page, "Home")
    expect(tab.tokens.first).to_be_focused()
    expect(tab.tokens.first).to_have_attribute("aria-pressed", "true")
    press(page, "ArrowDown")
    expect(tab.tokens.first).to_have_attribute("aria-pressed", "false")
    first, now = (tab.tokens.nth(i).bounding_box() for i in (0, tab.inspected()))
    assert first and now
    assert now["y"] > first["y"]  # in the next line
    press(page, "ArrowUp")
    expect(tab.tokens.first).to_be_focused()
    press(page, "End")
    expect(tab.tokens.last).to_be_focused()
    press(page, "ArrowLeft", "ArrowLeft")
    expect(tab.tokens.nth(37)).to_have_attribute("aria-pressed", "true")
    press(page, "Escape")
    expect(tab.tokens.last).to_have_attribute("aria-pressed", "true")


def test_the_focus_stays_on_its_token_when_the_text_is_drawn_anew(tab: Tab) -> None:
    third = tab.tokens.nth(3)
    third.focus()
    for i, unit in ((1, "bits"), (0, "nats")):
        tab.page.locator("#unit input").nth(i).evaluate("one => one.click()")  # as another control would, by itself
        expect(third).to_have_attribute("title", re.compile(unit))
        expect(third).to_be_focused()


def test_escape_closes_a_help(tab: Tab) -> None:
    ask = tab.page.locator("#knob-temperature .knob-ask")
    ask.focus()
    press(tab.page, "Enter")
    expect(tab.page.locator("#help-temperature")).to_be_visible()
    press(tab.page, "Escape")
    expect(tab.page.locator("#help-temperature")).to_be_hidden()
    expect(ask).to_be_focused()


@pytest.mark.parametrize(("name", "words"), [("map_here", "temperature 2, "), ("same_dice", "temperature 2")])
def test_a_picture_sets_the_knobs_by_keyboard(tab: Tab, name: str, words: str) -> None:
    page = tab.page
    chart = page.locator(f"#chart-{name} .live-plot")
    unfold(page)
    chart.scroll_into_view_if_needed()
    expect(chart).to_have_attribute("data-frame", re.compile(r"\d"))
    chart.focus()
    press(page, "Home", "End")
    expect(page.locator(f"#chart-{name} .plot-spoken")).to_contain_text(words)
    temperature = tab.knob("temperature").get_by_role("spinbutton")
    before = temperature.input_value()
    press(page, "Enter")
    expect(temperature).to_have_value("2")
    expect(chart).to_be_focused()
    press(page, "Escape")
    expect(page.locator(f"#chart-{name} .plot-ring")).to_be_hidden()
    temperature.fill(before)
    press(page, "Tab")


def test_the_bars_along_the_text_are_walked_by_keyboard(tab: Tab) -> None:
    page = tab.page
    chart = tab.chart("trajectory")
    chart.focus()
    press(page, "Home", "ArrowRight", "ArrowRight")
    expect(page.locator("#chart-trajectory .plot-spoken")).to_contain_text("surprisal")
    press(page, "Enter")
    expect(tab.tokens.nth(2)).to_have_attribute("aria-pressed", "true")
    expect(chart).to_be_focused()


def test_the_focus_never_falls_to_the_body(tab: Tab) -> None:
    page = tab.page
    off = tab.knob("top_k").locator(".knob-off")
    off.focus()
    press(page, "Enter")  # the button gives way to the number
    expect(off).to_be_hidden()
    expect(page.locator("#knob-top_k :focus")).to_have_count(1)
    tab.knob("top_k").get_by_role("switch").click()

    tab.tokens.nth(4).click()
    follow = tab.headline.get_by_role("button").first
    follow.focus()
    press(page, "Enter")  # the sentence about the newest token has no such button
    expect(page.locator("body:focus")).to_have_count(0)
    page.wait_for_timeout(300)
    assert page.evaluate("document.activeElement !== document.body")

    tab.tokens.nth(30).focus()
    tab.begun()
    press(page, "Control+Enter")  # the token is taken away with the old text
    tab.ran(40)
    assert page.evaluate("document.activeElement !== document.body")


def test_control_and_enter_run_with_what_has_just_been_typed(tab: Tab) -> None:
    tab.begun()
    tab.number("length").fill("5")
    press(tab.page, "Control+Enter")
    tab.ran(5)
    expect(tab.number("length")).to_be_focused()
    tab.number("length").fill("40")
    tab.begun()
    press(tab.page, "Control+Enter")
    tab.ran(40)


def test_the_sentence_is_read_out_once_it_stands_still(tab: Tab) -> None:
    """Not at every token: a run of 40 tokens is one announcement, of its last sentence."""
    page = tab.page
    page.wait_for_timeout(1800)  # what went before has been said
    page.evaluate(
        """() => {
            const region = document.querySelector("#headline .spoken");
            window.said = [];
            new MutationObserver(() => window.said.push(region.textContent)).observe(region, {childList: true});
        }"""
    )
    expect(page.locator("#headline .spoken")).to_have_attribute("role", "status")
    tab.press("run")
    tab.ran(40)
    page.wait_for_function("window.said.length")
    page.wait_for_timeout(300)
    assert page.evaluate("window.said") == [tab.headline.text_content()]
