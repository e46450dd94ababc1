"""The Compare tab in a browser: an example runs, its tokens are reached by keys, a lane is changed in place."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from tests.e2e.folds import unfold

Tab = Any  # of conftest.py
App = Any


def test_an_example_runs_is_read_by_keys_and_changed_in_place(open_desktop: Callable[[str], Tab], app: App) -> None:
    page = open_desktop(app.url).page
    page.get_by_role("tab", name="Compare", exact=True).click()
    page.get_by_role("button", name="Ban on bigrams").click()
    expect(page.locator(".lane")).to_have_count(2)
    expect(page.locator(".lane-badge[data-kind=good]")).to_have_count(2, timeout=60_000)
    expect(page.locator(".token.is-parting")).to_have_text([" little", " child"])
    expect(page.locator("#compare-parting")).to_contain_text("They part at token 13")

    tokens = page.locator(".lane").first.locator(".token")
    tokens.nth(3).click()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".lane").nth(1).locator(".token").nth(4)).to_be_focused()
    expect(page.locator("#compare-bars caption")).to_contain_text("Token 5:")

    page.locator(".lane-name").nth(1).click()
    field = page.locator(".lane-editor input[type=number]").last
    field.fill("3")
    field.press("Tab")
    expect(page.locator(".lane").nth(1).locator(".lane-chip").last).to_contain_text("3")
    expect(page.locator("#compare-made")).to_contain_text("No bigram twice")

    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size({"width": 1200, "height": 800})
    model, first = page.locator("#model .live-text").bounding_box(), page.get_by_role("tab").first.bounding_box()
    assert model["x"] + model["width"] <= first["x"]
    page.close()


def test_what_stands_on_the_other_tabs_becomes_a_lane(open_desktop: Callable[[str], Tab], app: App) -> None:
    tab = open_desktop(app.url)
    tab.prompt.fill("A fox")
    tab.type("seed", 7)
    tab.knob("top_k").get_by_role("switch").check()
    tab.open("Compare")
    lanes = tab.page.locator(".lane")
    expect(lanes).to_have_count(4)
    tab.page.locator("#compare-with-prompt input").check()
    tab.button("compare-from-generate").click()
    expect(lanes).to_have_count(5)
    expect(lanes.last.locator(".lane-chips")).to_contain_text("top-k")
    expect(tab.page.locator("#compare-prompt textarea")).to_have_value("A fox")
    tab.button("compare-from-search").click()  # of a tab that was never opened
    expect(lanes).to_have_count(6)
    expect(lanes.last.locator(".lane-chips")).to_contain_text("beams 4")


def test_a_text_that_is_pasted_is_read_beside_the_others(open_desktop: Callable[[str], Tab], app: App) -> None:
    tab = open_desktop(app.url)
    page = tab.page
    tab.open("Compare")
    page.get_by_role("button", name="Human against greedy").click()
    lanes, badges = page.locator(".lane"), page.locator(".lane-badge[data-kind=good]")
    expect(badges).to_have_count(2, timeout=60_000)
    page.get_by_role("button", name="+ a text of your own").click()
    expect(page.locator(".lane-editor textarea")).to_be_focused()
    page.keyboard.type(" <b>She</b> sang.")
    page.keyboard.press("Tab")
    expect(badges).to_have_count(3)
    expect(lanes.last.locator(".token-strip")).to_have_text(" <b>She</b> sang.")
    expect(lanes.last.locator(".lane-note")).to_contain_text("among the model’s 10 most probable")
    unfold(page, "surprisal")
    page.locator("#chart-lane-surprisal").scroll_into_view_if_needed()
    expect(page.locator("#chart-lane-surprisal .scatterlayer .trace")).to_have_count(3)
    lanes.last.locator(".token").nth(2).click()
    expect(page.locator("#compare-bars caption")).to_contain_text("Token 3:")


def test_many_texts_are_drawn_read_and_rated(open_desktop: Callable[[str], Tab], app: App) -> None:
    tab = open_desktop(app.url)
    page = tab.page
    tab.open("Compare")
    page.get_by_role("button", name="Temperature 0.5, 1, 2").click()
    expect(page.locator(".lane-badge[data-kind=good]")).to_have_count(3, timeout=60_000)
    unfold(page, "texts", "counts", "trap")
    page.locator("#compare-count input").fill("6")
    page.locator("#compare-draw button").click()
    rows = page.locator("#compare-cloud-table tbody tr")
    expect(rows).to_have_count(3)
    expect(page.locator(".live-progress:visible")).to_have_count(0)
    page.locator("#chart-plane .live-plot").scroll_into_view_if_needed()
    expect(page.locator("#chart-plane .scatterlayer .trace")).to_have_count(6)  # the texts and the mean of each lane
    page.locator("#chart-plane .live-plot").focus()
    page.keyboard.press("ArrowRight")  # the first mark
    page.keyboard.press("Enter")
    expect(page.locator("#compare-rate")).to_contain_text("seed")
    expect(page.locator("#compare-read")).to_contain_text("The old king said to his")

    later = page.get_by_role("button", name="The token after")
    later.click()
    expect(page.locator("#compare-cloud-lanes")).to_contain_text("token 2")
    expect(later).to_be_focused()  # drawn anew, and where it was
    page.get_by_role("button", name="A text to rate, blind").click()
    page.get_by_role("button", name="I like it").click()
    with page.expect_download() as saving:
        page.get_by_role("button", name="all texts as CSV").click()
    assert saving.value.suggested_filename == "comparison-texts.csv"
    lines = Path(saving.value.path()).read_text(encoding="utf-8-sig").splitlines()
    assert lines[0].startswith("lane,sample,seed") and sum(line.startswith("T ") for line in lines) == 18
    page.locator("#chart-trap").scroll_into_view_if_needed()
    expect(page.locator("#chart-trap .scatterlayer .point")).to_have_count(2)  # the text, and its lane
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()
