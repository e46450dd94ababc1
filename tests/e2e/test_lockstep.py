"""The Two models tab in the browser: it fills itself, a place is gone to, the scale is turned off; it fits a phone."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from playground.i18n import translator

Tab = Any  # of conftest.py
App = Any
t = translator()


@pytest.fixture(scope="module")
def opened(open_desktop: Callable[[str], Tab], app: App) -> Iterator[Page]:
    """A page on its Two models tab, filled."""
    page: Page = open_desktop(app.url).page
    page.get_by_role("tab", name=t("tab.lockstep"), exact=True).click()
    expect(page.locator("#lockstep-matrices tbody td")).to_have_count(24)
    yield page
    page.close()


def choose(page: Page, side: str, name: str) -> None:
    page.locator(f"#lockstep-{side} input").click()
    page.get_by_role("option", name=name, exact=True).click()


def test_the_tabs_stand_in_one_line(opened: Page) -> None:
    tops = opened.get_by_role("tab").evaluate_all("tabs => tabs.map(tab => tab.getBoundingClientRect().top)")
    assert len(tops) == 7 and len(set(tops)) == 1


def test_a_place_of_the_list_is_gone_to(opened: Page) -> None:
    listed = opened.locator("#lockstep-apart button")
    expect(listed).to_have_count(8)
    number = int(listed.nth(3).inner_text().split(":")[0])
    listed.nth(3).click()
    expect(opened.locator("#lockstep-text button").nth(number)).to_have_attribute("aria-pressed", "true")
    fills = opened.locator("#lockstep-next .bar-fill").evaluate_all(
        "all => all.map(e => e.getBoundingClientRect().width)"
    )
    assert max(fills) > 50  # they are drawn, though there is nothing to click


def test_off_the_two_are_one_and_the_smaller_model_is_another(opened: Page) -> None:
    number = opened.locator("#lockstep-scale input[type=number]")
    number.fill("0")
    number.press("Tab")
    expect(opened.locator("#lockstep-matrices tbody td").first).to_have_text("0 %")
    expect(opened.locator("#lockstep-words tbody tr")).to_have_count(0)
    expect(opened.locator("#lockstep-badge")).to_contain_text("✓ 24")
    choose(opened, "second", "apprentice")
    expect(opened.locator("#lockstep-changes")).to_contain_text(t("lockstep.lora.none"))
    expect(opened.locator("#lockstep-whole")).to_contain_text("apprentice")
    expect(opened.locator("#lockstep-scale")).to_be_hidden()
    expect(opened.locator("#lockstep-badge")).to_contain_text("✓ 24")


def test_any_two_of_the_shelf_stand_beside_each_other(opened: Page) -> None:
    choose(opened, "first", "poet 诗人")
    expect(opened.locator(".live-text.notice:visible")).to_contain_text("poet")  # it has no tokens for Latin letters
    opened.locator("#lockstep-prompt textarea").fill("床前明月光，疑是地上霜。")
    opened.locator("#lockstep-look").click()
    expect(opened.locator("#lockstep-text button")).to_have_count(12)
    expect(opened.locator("#lockstep-whole")).to_contain_text(t("lockstep.other_tokens"))
    expect(opened.locator("#lockstep-badge")).to_contain_text("✓ 11")
    expect(opened.locator("#lockstep-next .bar-row").first).to_contain_text("—")
    listed = opened.locator("#lockstep-apart button").nth(2)
    number = int(listed.inner_text().split(":")[0])
    listed.click()
    expect(opened.locator("#lockstep-text button").nth(number)).to_have_attribute("aria-pressed", "true")


def test_on_a_phone_it_fits(visit: Callable[..., Tab]) -> None:
    page = visit(size={"width": 390, "height": 844}).page
    page.get_by_role("tab", name=t("tab.lockstep"), exact=True).click()
    expect(page.locator("#lockstep-matrices tbody td")).to_have_count(24)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
