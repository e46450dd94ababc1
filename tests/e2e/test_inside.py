"""The Inside tab in the browser: stations that open, a token that is followed, a lens that is clicked."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from playground.i18n import translator
from playground.panels.inside.frames import MEASURES
from tests.e2e.folds import unfold

Tab = Any  # of conftest.py
App = Any
t = translator()


@pytest.fixture(scope="module")
def opened(open_desktop: Callable[[str], Tab], app: App) -> Iterator[Page]:
    """A page on its Inside tab, filled."""
    page: Page = open_desktop(app.url).page
    page.get_by_role("tab", name=t("tab.inside"), exact=True).click()
    expect(page.locator("#inside-badge .live-text")).to_have_attribute("data-kind", "good")
    expect(page.locator("#family tbody tr")).to_have_count(4)
    unfold(page)
    yield page
    page.close()


def names(page: Page) -> list[str]:
    found: list[str] = page.locator(".station-name").all_inner_texts()
    return found


def test_our_forward_is_said_to_equal_the_librarys(opened: Page) -> None:
    expect(opened.locator("#inside-badge .live-text")).to_contain_text("GPT2LMHeadModel")
    expect(opened.locator("#inside-badge .live-text")).to_contain_text("0.0")


def test_a_block_is_opened_and_closed(opened: Page) -> None:
    weights = t("inside.station.weights")
    assert names(opened).count(weights) == 1
    blocks = opened.locator(".station[data-kind=block]")
    blocks.nth(3).click()
    expect(blocks.nth(3)).to_have_attribute("aria-expanded", "true")
    expect(blocks.nth(0)).to_have_attribute("aria-expanded", "false")
    assert names(opened).count(weights) == 1
    blocks.nth(3).press("Enter")
    expect(blocks.nth(3)).to_have_attribute("aria-expanded", "false")
    expect(opened.locator(".station-name", has_text=weights)).to_have_count(0)  # once the answer is there
    blocks.nth(0).click()
    expect(blocks.nth(0)).to_have_attribute("aria-expanded", "true")


def test_another_token_has_other_numbers(opened: Page) -> None:
    strip = "document.querySelector('.station canvas').toDataURL()"
    before = opened.evaluate(strip)
    opened.locator("#inside-text button").nth(2).click()
    expect(opened.locator("#inside-text button").nth(2)).to_have_attribute("aria-pressed", "true")
    opened.wait_for_function("before => document.querySelector('.station canvas').toDataURL() !== before", arg=before)


def test_a_cell_of_the_lens_lists_what_its_layer_would_say(opened: Page) -> None:
    listed = opened.locator("#lens-list tbody tr")
    opened.locator("#lens td[data-row='0'][data-column='4']").click()
    expect(opened.locator("#lens td[aria-selected=true]")).to_have_attribute("data-column", "4")
    expect(listed).to_have_count(8)
    model = opened.locator("#lens-list").inner_text()
    opened.locator("#lens td[data-row='5'][data-column='4']").click()
    expect(opened.locator("#lens td[aria-selected=true]")).to_have_attribute("data-row", "5")
    expect(opened.locator("#lens-list")).not_to_have_text(model)
    expect(opened.locator("#lens-words .live-text")).to_contain_text(t("inside.lens.layer", layer=1))


def test_the_lens_is_coloured_by_another_measure(opened: Page) -> None:
    shades = "[...document.querySelectorAll('#lens td[data-row]')].map(e => e.style.getPropertyValue('--shade')).join()"
    seen = {opened.evaluate(shades)}
    for name in MEASURES[1:]:
        before = opened.evaluate(shades)
        opened.locator(f'#lens-measure label:has(input[value="{name}"])').click()
        opened.wait_for_function(f"before => {shades} !== before", arg=before)
        seen.add(opened.evaluate(shades))
    assert len(seen) == len(MEASURES)


def test_the_family_is_counted(opened: Page) -> None:
    expect(opened.locator("#family tbody tr").nth(0)).to_contain_text("124,439,808")
    expect(opened.locator("#family tbody tr").nth(3)).to_contain_text("1,557,611,200")


def test_an_empty_text_is_said_and_the_picture_stays(opened: Page) -> None:
    field = opened.locator("#inside-prompt textarea, #inside-prompt input")
    text, before = field.input_value(), names(opened)
    field.fill("")
    opened.locator("#inside-look").click()
    notice = opened.locator("#inside .live-text.notice")
    expect(notice).to_have_attribute("data-kind", "bad")
    assert names(opened) == before
    field.fill(text)
    opened.locator("#inside-look").click()
    expect(notice).to_have_text("")


def test_it_fits_a_phone(visit: Callable[..., Tab]) -> None:
    tab = visit(size={"width": 390, "height": 844})
    page = tab.page
    tab.open(t("tab.inside"))
    expect(page.locator("#inside-badge .live-text")).to_have_attribute("data-kind", "good")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
