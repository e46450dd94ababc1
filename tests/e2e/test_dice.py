"""The panels below the charts in a real browser: drawn when looked at, clicks, orders, a branch, help, search."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from playground.i18n import translator
from playground.tabs.generate import dice_handlers
from tests.e2e.folds import unfold

t = translator()
NUMBER = re.compile(r"\d")


def show(page: Page, panel: str, *charts: str) -> None:
    """Open the panels, scroll to one and wait until its charts are drawn."""
    unfold(page)
    page.evaluate("id => document.getElementById(id).scrollIntoView({block: 'start'})", f"panel-{panel}")
    for chart in charts:
        expect(plot(page, chart)).to_have_attribute("data-frame", NUMBER)


def plot(page: Page, name: str) -> Locator:
    return page.locator(f"#chart-{name} .live-plot")


def place(page: Page, chart: str, x: float, y: float) -> tuple[float, float]:
    """Where a point of the data lies on the screen."""
    found = page.evaluate(
        """([id, x, y]) => {
            const plot = document.querySelector(`#chart-${id} .live-plot`), axes = plot._fullLayout;
            const box = plot.getBoundingClientRect();
            return [box.left + axes._size.l + axes.xaxis.d2p(x), box.top + axes._size.t + axes.yaxis.d2p(y)];
        }""",
        [chart, x, y],
    )
    return found[0], found[1]


def click(page: Page, chart: str, x: float, y: float) -> None:
    page.mouse.move(*place(page, chart, x, y))
    page.mouse.click(*place(page, chart, x, y))


def value(tab: Any, knob: str) -> Locator:
    found: Locator = tab.knob(knob).get_by_role("spinbutton")
    return found


def test_the_panels_are_drawn_only_when_they_are_looked_at(tab: Any) -> None:
    page = tab.page
    for name in ("flow_here", "flow_there"):
        assert plot(page, name).get_attribute("data-frame") is None
    show(page, "race", "race", "same_dice")
    expect(page.locator("#race-words")).to_contain_text(t("dice.race.drawn"))
    show(page, "mass_flow", "flow_here", "flow_there")


def test_a_click_on_the_map_sets_both_knobs(tab: Any, app: Any) -> None:
    page = tab.page
    show(page, "survival_map", "map_here", "map_there")
    heat = page.evaluate("document.querySelector('#chart-map_here .live-plot').data[0].customdata")
    row, column = 4, 6
    temperature, name, cut = heat[row][column]
    before = app.forwards
    click(page, "map_here", column, row)
    expect(value(tab, "temperature")).to_have_value(f"{temperature:g}")
    expect(value(tab, name)).to_have_value(f"{cut:g}")
    expect(tab.headline).to_contain_text(t("headline.what_if").strip())
    words = page.evaluate(f"document.querySelector('#chart-map_here .live-plot').data[0].text[{row}][{column}]")
    expect(tab.headline).to_contain_text(f"{words} of 8,192")
    assert app.forwards == before  # looking costs no forward pass


def test_another_order_makes_another_distribution_and_says_where(tab: Any) -> None:
    page = tab.page
    show(page, "mass_flow", "flow_here", "flow_there")
    words = page.locator("#flow-words")
    expect(words).to_contain_text("The order matters: 6 tokens are left on the left, 68 on the right")
    page.locator("#order").get_by_role("button", name=t("dice.order.llama_cpp")).click()
    expect(words).to_contain_text("68 tokens are left on the left, 6 on the right")
    expect(tab.headline).to_contain_text("68 of 8,192")
    stages = page.locator("#order li")
    expect(stages.first).to_contain_text(t("parameter.top_p.short"))
    stages.first.get_by_role("button", name=t("dice.order.later")).click()
    expect(stages.first).to_contain_text(t("parameter.temperature.short"))
    expect(tab.headline).to_contain_text("6 of 8,192")
    stages.nth(1).get_by_role("switch").click()
    expect(tab.knob("top_p")).to_have_class(re.compile("is-off"))
    expect(words).to_contain_text(t("dice.flow.one_order"))
    expect(stages.nth(1)).to_contain_text(t("dice.order.off"))


def test_a_band_sets_its_knob_and_the_text_goes_on_where_the_dice_part(tab: Any) -> None:
    page = tab.page
    show(page, "same_dice", "same_dice")
    click(page, "same_dice", 0.02, -1)  # top-k at its lowest
    expect(value(tab, "top_k")).to_have_value("1")
    words = page.locator("#same-dice-words")
    expect(words).to_contain_text(t("dice.same.now"))
    before = tab.text()
    tab.begun()
    words.get_by_role("button").first.click()
    tab.ran(40)
    assert tab.text() != before
    expect(tab.notice).to_contain_text("The same dice under other settings")


def test_help_is_one_touch_away_and_follows_the_step(visit: Callable[..., Any]) -> None:
    tab = visit(size={"width": 390, "height": 844}, has_touch=True)
    tab.knob("top_p").locator(".knob-ask").tap()
    help_box = tab.page.locator("#help-top_p")
    expect(help_box).to_contain_text(t("parameter.top_p.help"))
    expect(help_box).to_contain_text("Σp ≥ 0.9: 6 of 8,192 tokens stay, with 91.0 %")
    tab.tokens.nth(0).tap()
    expect(help_box).to_contain_text("At token 1")
    tab.knob("top_p").locator(".knob-ask").tap()
    expect(help_box).to_be_hidden()


def test_the_drawer_is_closed_at_first_and_searched(tab: Any) -> None:
    page = tab.page
    expect(tab.knob("typical_p")).to_be_hidden()
    for name in ("temperature", "top_k", "top_p", "min_p"):
        expect(tab.knob(name)).to_be_visible()
    page.locator(".more > button").click()
    expect(tab.knob("typical_p")).to_be_visible()
    page.locator(".finder").fill("surprisal entropy")
    expect(tab.knob("typical_p")).to_be_visible()
    expect(tab.knob("repetition_penalty")).to_be_hidden()
    for words, names in (
        ("repeat", ("repetition_penalty", "presence_penalty", "dry_multiplier", "no_repeat_ngram_size")),
        ("ban", ("bad_words_ids", "suppress_tokens")),
        ("longer", ("min_new_tokens",)),
        ("perplexity", ("mirostat",)),
    ):
        page.locator(".finder").fill(words)
        for name in names:
            expect(tab.knob(name)).to_be_visible()
        expect(tab.knob("typical_p")).to_be_hidden()
    page.locator(".finder").fill("no such thing")
    expect(page.locator(".finder-nothing")).to_be_visible()
    page.locator(".finder").fill("")
    expect(tab.knob("repetition_penalty")).to_be_visible()


@pytest.mark.parametrize("shown", ["tokens", "entropy"])
def test_the_map_shows_either_measure(kept: Any, shown: str) -> None:
    page = kept.page
    show(page, "survival_map", "map_here")
    page.locator(f'#map-shown label:has(input[value="{shown}"])').click()
    page.wait_for_function(
        """shown => {
            const text = document.querySelector("#chart-map_here .live-plot").data[0].text.flat();
            return text.some((words) => words.includes(".") && !words.includes("K")) === (shown === "entropy");
        }""",
        arg=shown,
    )


def test_a_comparison_that_takes_too_long_says_how_far_it_came_and_goes_on_by_a_click(
    visit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any time, a look compares one step and turns one knob; with time again the click finishes it."""
    monkeypatch.setattr(dice_handlers, "PATIENCE", 0.0)
    tab = visit()
    show(tab.page, "same_dice", "same_dice")
    words = tab.page.locator("#same-dice-words")
    expect(words).to_contain_text(re.compile(r"the first \d of 40 tokens stays? the same so far"))
    expect(words).to_contain_text("Not turned, as it would take longer than a look may")
    before = tab.text()
    monkeypatch.setattr(dice_handlers, "PATIENCE", 60.0)
    words.get_by_role("button", name=t("dice.same.compare_on")).first.click()
    expect(words).not_to_contain_text("so far")
    expect(words).not_to_contain_text("Not turned")
    assert tab.text() == before
