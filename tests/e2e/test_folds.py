"""The page is as long as its viewer wants: panels open by name, which the browser remembers and the address says."""

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from playground.i18n import translator
from tests.e2e.folds import unfold

t = translator()
OWN: dict[str, Any] = {"color_scheme": "light"}  # a browser profile of its own


def head(page: Page, name: str) -> Any:
    return page.locator(f'[data-fold="{name}"]').first


def enter(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.locator("#model .live-text")).to_have_attribute(
        "data-kind", "good"
    )  # a page that is left sooner complains


def is_open(page: Page, *names: str) -> None:
    for name in ("dice", "same-dice", "map", "flow", "stages", "script"):
        expect(head(page, name).locator(".fold")).to_have_attribute("aria-expanded", str(name in names).lower())


def test_a_panel_opens_by_its_name_and_that_is_remembered_and_in_the_link(visit: Callable[..., Any]) -> None:
    page: Page = visit(**OWN).page
    is_open(page)
    code, race = page.locator("#code pre"), page.locator("#chart-race .live-plot")
    expect(code).to_be_hidden()
    expect(race).to_be_hidden()
    assert race.get_attribute("data-frame") is None  # nobody asked for it
    expect(head(page, "dice")).to_contain_text(t("fold.dice"))
    head(page, "dice").get_by_text(t("fold.dice")).click()
    expect(race).to_have_attribute("data-frame", re.compile(r"\d"))
    head(page, "script").get_by_role("button", name=t("panel.code")).press("Enter")
    expect(code).to_be_visible()
    expect(page).to_have_url(re.compile(r"[?&]open=dice,script\b"))
    is_open(page, "dice", "script")
    bare, plain = page.context.new_page(), page.url.split("?")[0]
    enter(bare, plain)
    is_open(bare, "dice", "script")  # by memory
    enter(bare, plain + "?open=map,%3Cscript%3E,nothing")
    is_open(bare, "map")  # a link has its own
    bare.locator('[data-fold="map"] .fold').click()
    expect(bare).not_to_have_url(re.compile("open="))
    enter(bare, plain)
    is_open(bare, "dice", "script")
    bare.get_by_role("tab", name=t("beam.tab"), exact=True).click()
    expect(bare.locator("#beam-code pre")).to_be_visible()  # one name on two tabs
    expect(bare.locator("#beam-chart-logs .live-plot")).to_be_hidden()
    expect(bare).to_have_url(re.compile(r"[?&]open=script\b"))


def test_a_link_opens_all_and_the_settings_that_it_brings_are_no_worse_for_it(visit: Callable[..., Any]) -> None:
    tab = visit(query="?prompt=The+fox&seed=5&max_new_tokens=5&open=all&autorun=0", **OWN)
    is_open(tab.page, "dice", "same-dice", "map", "flow", "stages", "script")
    expect(tab.prompt).to_have_value("The fox")
    expect(tab.page.locator("#link .live-text")).not_to_contain_text("open")
    head(tab.page, "dice").locator(".fold").click()
    is_open(tab.page, "same-dice", "map", "flow", "stages", "script")
    tab.run(speed="fast")
    tab.ran(5)
    expect(tab.page).to_have_url(re.compile(r"seed=5.*open=same-dice,map,flow,stages,script\b"))


def test_what_matters_first_on_the_other_tabs_and_the_rest_by_name(visit: Callable[..., Any]) -> None:
    tab = visit(**OWN)
    page: Page = tab.page
    for name, folds, first, folded in (
        ("compare.tab", ("texts",), "#compare-bars", "#compare-draw"),  # the others have nothing before a run
        ("tab.attention", ("entropy", "sink", "distance", "masks", "padding", "cache"), "#large-map", "#mask-causal"),
        ("tab.inside", ("lens", "rounding", "anatomy", "family"), "#stations", "#lens-measure"),
    ):
        tab.open(t(name))
        expect(page.locator(first)).to_be_visible()
        expect(page.locator(folded)).to_be_hidden()
        for one in folds:
            expect(head(page, one).locator(".fold")).to_have_attribute("aria-expanded", "false")
            expect(head(page, one)).to_contain_text(t(f"fold.{one}"))
        shown = [head.get_attribute("data-fold") for head in page.locator("[data-fold]").all() if head.is_visible()]
        assert shown == list(folds)
        tall = page.evaluate("document.documentElement.scrollHeight")
        unfold(page)
        expect(page.locator(folded)).to_be_visible()
        expect(page).to_have_url(re.compile(rf"[?&]open=([a-z]+,)*{','.join(folds)}\b"))
        assert page.evaluate("document.documentElement.scrollHeight") > tall + 150


def test_a_frame_shows_its_panel_open_and_a_link_that_draws_texts_shows_them(visit: Callable[..., Any]) -> None:
    page: Page = visit(query="?embed=1&view=masks&theme=light", size={"width": 1000, "height": 800}, **OWN).page
    expect(page.locator("#mask-causal td").first).to_be_visible()
    page.goto(page.url.split("?")[0] + "?tab=compare&prompt=The+fox&drawn=3&autorun=0")
    expect(head(page, "texts").locator(".fold")).to_have_attribute("aria-expanded", "true")
    expect(page.locator("#compare-draw")).to_be_visible()
    expect(head(page, "measures").locator(".fold")).to_have_attribute("aria-expanded", "false")
