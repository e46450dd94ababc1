"""The Attention tab in the browser: masks that say why, heads that are clicked, a text that grows."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from playground.i18n import translator
from tests.e2e.folds import unfold

Tab = Any  # of conftest.py
App = Any
t = translator()
MASK = "#mask-together table"


@pytest.fixture(scope="module")
def opened(open_desktop: Callable[[str], Tab], app: App) -> Iterator[Page]:
    """A page on its Attention tab, filled."""
    page: Page = open_desktop(app.url).page
    page.get_by_role("tab", name=t("tab.attention")).click()
    expect(page.locator("#attention-badge .live-text")).to_have_attribute("data-kind", "good")
    unfold(page)
    page.locator("#head-grid").scroll_into_view_if_needed()
    expect(page.locator("#head-grid canvas")).to_have_count(24)
    yield page
    page.close()


def cell(page: Page, query: int, key: int) -> Any:
    return page.locator(f"{MASK} td[data-row='{query}'][data-column='{key}']")


def test_causal_and_padding_look_different_and_every_cell_says_why(opened: Page) -> None:
    future, padding = cell(opened, 3, 5), cell(opened, 4, 1)
    expect(future).to_have_text("F")
    expect(padding).to_have_text("P")
    backgrounds = {part.evaluate("e => getComputedStyle(e).backgroundImage") for part in (future, padding)}
    assert len(backgrounds) == 2
    assert all("gradient" in background for background in backgrounds)  # a pattern, not a colour alone
    words = opened.locator("#mask-together .grid-words")
    future.hover()
    expect(words).to_contain_text(t("attention.mask.future"))
    padding.hover()
    expect(words).to_contain_text(t("attention.mask.padding"))


def test_the_side_of_the_padding_is_changed(opened: Page) -> None:
    opened.locator('#attention-side label:has(input[value="right"])').click()
    expect(cell(opened, 0, 6)).to_have_text("FP")
    expect(cell(opened, 6, 0)).to_have_text("")
    opened.locator('#attention-side label:has(input[value="left"])').click()
    expect(cell(opened, 6, 0)).to_have_text("P")


def test_a_window_is_tried_out(opened: Page) -> None:
    field = opened.locator("#attention-window input")
    expect(opened.locator(".mask-window")).to_be_hidden()
    field.fill("2")
    expect(cell(opened, 6, 4)).to_have_text("W")
    expect(opened.locator(".mask-window")).to_be_visible()
    expect(opened.locator("#attention-badge .live-text")).to_have_attribute("data-kind", "good")
    field.fill("0")
    expect(cell(opened, 6, 4)).to_have_text("")
    expect(opened.locator(".mask-window")).to_be_hidden()


def test_a_text_of_the_batch_is_chosen_and_the_lab_follows(opened: Page) -> None:
    lab = opened.locator("#padding-lab table")
    before = lab.inner_text()
    opened.locator("#batch tbody th").nth(2).click()
    expect(opened.locator(f"{MASK} thead th").first).to_have_text("pad")
    expect(opened.locator(f"{MASK} thead th").nth(5)).to_have_text("Good")
    expect(lab).not_to_have_text(before)
    expect(lab.locator("tbody tr")).to_have_count(10)
    expect(lab.locator("td[data-kind=changed]").first).to_be_visible()
    opened.locator("#batch tbody th").nth(1).click()
    expect(opened.locator(f"{MASK} thead th").nth(3)).to_have_text("The")


def test_a_head_is_clicked_and_a_token_shows_where_it_looks(opened: Page) -> None:
    head = opened.locator("#head-grid button[data-row='2'][data-column='0']")
    head.click()
    expect(head).to_have_attribute("aria-pressed", "true")
    expect(opened.locator("#head-grid button[aria-pressed=true]")).to_have_count(1)
    sentence = opened.locator("#attention-sentence .live-text")
    expect(sentence).to_contain_text(t("attention.head_name", layer=3, head=1))
    canvas = opened.locator("#large-map canvas")
    expect(canvas).to_have_attribute("aria-label", re.compile("layer 3, head 1"))
    token = opened.locator("#attention-text button").nth(9)
    token.click()
    expect(token).to_have_attribute("aria-pressed", "true")
    expect(canvas).to_have_attribute("data-marked", "9")
    assert opened.locator("#attention-text path").count() >= 1
    assert (
        opened.locator("#attention-text button.is-future").count()
        == opened.locator("#attention-text button").count() - 10
    )
    opened.keyboard.press("ArrowRight")
    expect(canvas).to_have_attribute("data-marked", "10")


def test_the_maps_are_drawn_and_not_all_alike(opened: Page) -> None:
    pictures = opened.locator("#head-grid canvas").evaluate_all("all => all.map(canvas => canvas.toDataURL())")
    assert len(set(pictures)) == 24


def test_the_row_of_the_large_map_is_clicked(opened: Page) -> None:
    canvas = opened.locator("#large-map canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box
    canvas.click(position={"x": box["width"] * 0.2, "y": box["height"] * 0.6})
    expect(canvas).not_to_have_attribute("data-marked", "10")
    expect(opened.locator("#large-map .grid-words")).to_contain_text("%")


def test_a_text_grows_token_by_token(opened: Page) -> None:
    tokens = opened.locator("#attention-text button")
    grid = opened.locator("#head-grid .head-grid")
    before = tokens.count()
    opened.locator("#attention-grow").click()
    opened.wait_for_function(
        "n => { const c = document.querySelectorAll('#attention-text button').length; return c > n && c < n + 24; }",
        arg=before,
    )  # shown on the way, not only at the end
    grid.scroll_into_view_if_needed()
    expect(tokens).to_have_count(before + 24)
    expect(grid).to_have_attribute("data-lines", str(before + 24))
    expect(opened.locator("#large-map canvas")).to_have_attribute("data-size", str(before + 24))


def test_what_can_not_be_shown_is_said_and_the_picture_stays(opened: Page) -> None:
    field = opened.locator("#attention-texts textarea")
    texts = field.input_value()
    before = opened.locator(MASK).inner_text()
    field.fill("\n".join("abcde"))
    notice = opened.locator("#attention .live-text.notice")
    expect(notice).to_have_attribute("data-kind", "bad")
    assert opened.locator(MASK).inner_text() == before
    field.fill(texts)
    expect(notice).to_have_text("")


def test_it_fits_a_phone(visit: Callable[..., Tab]) -> None:
    tab = visit(size={"width": 390, "height": 844})
    page = tab.page
    tab.open(t("tab.attention"))
    expect(page.locator("#attention-badge .live-text")).to_have_attribute("data-kind", "good")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
