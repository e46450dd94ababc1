"""What a person meets: a page alive at once, in light and dark, on a phone and enlarged, that says what is wrong."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from playwright.sync_api import expect

from playground.engines.loading import ModelSlot
from playground.errors import ModelUnavailableError
from playground.examples import EXAMPLES
from playground.i18n import translator
from playground.panels.figures.theme import PALETTE

Tab = Any  # of conftest.py
t = translator()
CHARTS = ("next_token", "cutoffs", "temperature", "trajectory")
BUTTONS = ("run", "step", "pause", "stop", "back", "dice", "theme-switch")
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}
ENLARGED = {"size": {"width": 720, "height": 450}}  # 1440 × 900 at 200 %


def is_alive(tab: Tab) -> None:
    """The recorded run is there, its pictures drawn and named by their numbers."""
    expect(tab.strip).to_have_attribute("data-count", str(EXAMPLES[0].max_new_tokens))
    expect(tab.tokens).to_have_count(EXAMPLES[0].max_new_tokens)
    assert tab.inspected() == EXAMPLES[0].inspect
    for name in CHARTS:
        expect(tab.chart(name)).to_have_attribute("data-frame", re.compile(r"\d+"))
        expect(tab.chart(name)).to_have_attribute("aria-label", re.compile(r"\d"))
        assert tab.chart(name).locator("svg path, .bar-row").count() > 5
    expect(tab.headline).to_contain_text(re.compile(r"\d %.*\d"))
    expect(tab.page.locator("#stages tbody tr")).to_have_count(1 + len(EXAMPLES[0].values))


# ---- before anything is pressed


def test_the_page_is_alive_before_any_click(opened: Tab) -> None:
    is_alive(opened)
    expect(opened.badge).to_contain_text("40/40")
    expect(opened.badge).to_have_attribute("data-kind", "good")
    expect(opened.prompt).to_have_value(EXAMPLES[0].prompt)
    expect(opened.page.locator(".live-text.lesson")).to_have_text(t(f"example.{EXAMPLES[0].key}.notice"))
    expect(opened.page.locator("#code pre")).to_contain_text("model.generate(")


def test_a_token_of_the_recorded_run_can_be_looked_at_at_once(tab: Tab) -> None:
    before = tab.drawn()
    tab.tokens.nth(20).click()
    tab.redrawn(before)
    assert tab.inspected() == 20


def test_the_page_is_alive_while_the_model_loads_and_when_it_can_not_be_loaded(
    visit: Callable[..., Tab], serve: Callable[[ModelSlot], AbstractContextManager[str]]
) -> None:
    slot = ModelSlot("assets/models/storyteller", "storyteller")  # not started: it loads for ever
    with serve(slot) as url:
        tab = visit(url, model="wait")
        try:
            is_alive(tab)
            before = tab.drawn()
            tab.tokens.nth(3).click()
            tab.redrawn(before)
            assert tab.inspected() == 3
        finally:
            slot._result.set_exception(ModelUnavailableError(name="some/model", reason="no such folder."))
        expect(tab.model).to_have_attribute("data-kind", "bad")
        expect(tab.notice).to_contain_text("some/model")
        expect(tab.notice).to_have_attribute("data-kind", "bad")
        tab.button("run").click()
        expect(tab.notice).to_contain_text("no such folder.")
        assert tab.count == EXAMPLES[0].max_new_tokens
        tab.page.close()


def test_everything_that_can_be_pressed_has_a_name(opened: Tab) -> None:
    nameless = opened.page.evaluate(
        """() => "button input select textarea".split(" ")
            .flatMap(tag => [...document.querySelectorAll(`#header ${tag}, #generate ${tag}`)])
            .filter(e => e.checkVisibility() && !e.innerText?.trim())
                .filter(e => !e.getAttribute("aria-label") && !e.labels?.length)
            .map(e => e.outerHTML)"""
    )
    assert nameless == []


def test_the_page_has_one_title_and_named_panels(opened: Tab) -> None:
    expect(opened.page).to_have_title(t("page.title"))
    expect(opened.page.get_by_role("heading", level=1)).to_have_count(1)
    for name in (*CHARTS, "stages", "code"):
        expect(opened.page.get_by_role("heading", level=2, name=t(f"panel.{name}"), exact=True)).to_be_visible()


# ---- looks


def plot_colours(tab: Tab) -> dict[str, str]:
    """What is really painted: the inspected bar, the ticks and the letters of the legend."""
    painted: dict[str, str] = tab.page.evaluate(
        """() => {
            const plot = name => document.querySelector(`#chart-${name} .live-plot`)._fullLayout;
            const tick = document.querySelector("#chart-next_token .bar-name");
            return {muted: plot("cutoffs").font.color, panel: plot("cutoffs").hoverlabel.bgcolor,
                    ink: getComputedStyle(tick).color};
        }"""
    )
    return painted


def rgb(name: str, dark: bool) -> str:
    value = PALETTE[name][dark]
    return f"rgb({', '.join(str(int(value[i : i + 2], 16)) for i in (1, 3, 5))})"


def is_painted(tab: Tab, dark: bool) -> None:
    tab.page.wait_for_function(
        "ink => getComputedStyle(document.querySelector('#chart-next_token .bar-name')).color === ink",
        arg=rgb("ink", dark), timeout=60_000,
    )  # fmt: skip
    tab.page.wait_for_function(
        "muted => document.querySelector('#chart-cutoffs .live-plot')._fullLayout.font.color === muted",
        arg=PALETTE["muted"][dark], timeout=60_000,
    )  # fmt: skip
    assert plot_colours(tab) == {
        "muted": PALETTE["muted"][dark], "panel": PALETTE["panel"][dark], "ink": rgb("ink", dark),
    }  # fmt: skip
    body = tab.page.evaluate("getComputedStyle(document.querySelector('#generate .panel')).backgroundColor")
    assert body == rgb("panel", dark)


def test_the_dark_switch_changes_the_charts_and_is_remembered(visit: Callable[..., Tab]) -> None:
    tab = visit(scheme="light")
    is_painted(tab, dark=False)
    tab.page.locator("#theme-switch").click()
    is_painted(tab, dark=True)
    tab.page.reload()
    expect(tab.model).to_have_attribute("data-kind", "good")
    is_painted(tab, dark=True)
    tab.page.locator("#theme-switch").click()
    is_painted(tab, dark=False)
    tab.page.evaluate("localStorage.clear()")


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_address_may_name_the_theme(visit: Callable[..., Tab], theme: str) -> None:
    opposite = "light" if theme == "dark" else "dark"
    is_painted(visit(query=f"?__theme={theme}", scheme=opposite), dark=theme == "dark")


def test_the_theme_of_the_machine_is_followed(visit: Callable[..., Tab]) -> None:
    is_painted(visit(scheme="dark"), dark=True)


def fits(tab: Tab) -> None:
    """Nothing sticks out to the side, and every button is there for a finger."""
    width = tab.page.viewport_size["width"]
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= width
    for name in BUTTONS:
        button = tab.button(name)
        button.scroll_into_view_if_needed()
        box = button.bounding_box()
        assert box is not None, name
        assert 0 <= box["x"] < box["x"] + box["width"] <= width, name
        assert min(box["width"], box["height"]) >= 24, name  # WCAG 2.2: target size
    cut_off = tab.page.evaluate(
        """() => [...document.querySelectorAll(".buttons button, .chips button, .fields button, #header button")]
            .filter(e => e.offsetParent && e.scrollWidth > e.clientWidth + 1).map(e => e.id || e.textContent)"""
    )
    assert cut_off == []


@pytest.mark.parametrize("options", [PHONE, ENLARGED], ids=["phone", "200 %"])
def test_on_a_small_screen_everything_fits_and_works(
    visit: Callable[..., Tab], boxes: Callable[..., Any], options: dict[str, Any]
) -> None:
    tab = visit(**options)
    expect(tab.strip).to_be_in_viewport()
    fits(tab)
    press = "tap" if options.get("has_touch") else "click"
    tab.type("length", 8)
    getattr(tab.button("run"), press)()
    tab.ran(8)
    getattr(tab.tokens.nth(2), press)()
    expect(tab.tokens.nth(2)).to_have_attribute("aria-pressed", "true")
    for name in CHARTS:  # what is far below is drawn when it comes into sight
        tab.chart(name).scroll_into_view_if_needed()
        expect(tab.chart(name)).to_have_attribute("data-frame", re.compile(r"\d+"))
        box, inner = (
            boxes(tab.page, f"#chart-{name} {part}")[0]
            for part in (":is(.live-plot, .live-bars)", ":is(.main-svg, .bar-row)")
        )
        assert inner["width"] == pytest.approx(box["width"], abs=1)
    fits(tab)


def test_at_a_laptop_the_text_and_the_first_charts_are_seen_without_scrolling(opened: Tab) -> None:
    for part in (
        opened.strip,
        opened.headline,
        opened.chart("next_token"),
        opened.chart("cutoffs"),
        opened.button("run"),
    ):
        expect(part).to_be_in_viewport(ratio=1)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 1440


def test_charts_follow_the_width_of_the_window(tab: Tab) -> None:
    tab.page.set_viewport_size({"width": 1100, "height": 900})
    for name in CHARTS:
        tab.page.wait_for_function(
            """name => { const chart = document.querySelector(`#chart-${name} :is(.live-plot, .live-bars)`);
                const width = chart._fullLayout?.width ?? chart.querySelector(".bar-row").offsetWidth;
                return width === chart.clientWidth && chart.clientWidth < 500; }""",
            arg=name, timeout=60_000,
        )  # fmt: skip


# ---- what is wrong is said, and the picture stays


def test_a_number_out_of_range_is_named_and_the_picture_stays(tab: Tab) -> None:
    text = tab.text()
    for field, value, named, good in (
        ("seed", "-5", "seed", "3"), ("seed", "", "seed", "3"), ("length", "0", "max_new_tokens", "9"),
        ("length", "9999", "max_new_tokens", "9"),
    ):  # fmt: skip
        tab.type(field, value)
        tab.button("run").click()
        expect(tab.notice).to_contain_text(re.compile(rf"^{named}\b"))
        expect(tab.notice).to_have_attribute("data-kind", "bad")
        is_alive(tab)
        assert tab.text() == text
        tab.type(field, good)
        tab.knob("top_p").get_by_role("slider").press("ArrowLeft")
        expect(tab.notice).to_be_empty()  # and the word is gone with the next look


def test_a_prompt_that_is_too_long_is_told_and_the_picture_stays(tab: Tab) -> None:
    text = tab.text()
    tab.run("word " * 700)
    expect(tab.notice).to_have_attribute("data-kind", "bad")
    expect(tab.notice).to_contain_text("512")
    is_alive(tab)
    assert tab.text() == text
    tab.run("A short one", length=4)  # and from there one can go on
    tab.ran(4)
    expect(tab.notice).to_be_empty()


def test_an_empty_prompt_starts_from_the_end_of_text_token(tab: Tab) -> None:
    tab.run("", length=5)
    expect(tab.notice).to_contain_text("<|endoftext|>")
    tab.ran(5)
