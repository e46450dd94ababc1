"""axe-core finds nothing to object to on any tab, in light and dark, with everything opened that opens.

axe.min.js is axe-core 4.14.1 from the npm registry, unchanged, under the Mozilla Public License 2.0 (its own header).
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from playground.i18n import translator
from tests.e2e.folds import unfold

Tab = Any  # of conftest.py
App = Any
t = translator()

AXE = Path(__file__).parent / "axe.min.js"
TABS = {"generate": "tab.generate", "beam": "beam.tab", "compare": "compare.tab"} | {
    name: f"tab.{name}" for name in ("tokenizer", "attention", "inside")
}
PANELS = {"generate": "#code pre", "beam": "#beam-best tbody tr", "tokenizer": "#tokenizer .tok",
          "compare": "#compare-lanes .lane",
          "attention": "#attention-badge .live-text[data-kind=good]",
          "inside": "#inside-badge .live-text[data-kind=good]"}  # fmt: skip
CHOICES = {
    "generate": ("mode", ("greedy", "sample")), "beam": ("beam-strategy", ("diverse", "constrained", "stochastic")),
    "tokenizer": ("tokenizer-section", ("replay", "train", "side", "round", "batch")),
}  # fmt: skip


@pytest.fixture(scope="module")
def opened(open_desktop: Callable[[str], Tab], app: App) -> Iterator[Page]:
    page: Page = open_desktop(app.url).page
    page.add_script_tag(path=AXE)
    yield page
    page.close()


def violations(page: Page, within: str = "html") -> list[str]:
    return page.evaluate(
        """async within => {
            const {violations} = await axe.run(within, {resultTypes: ["violations"]});
            return violations.flatMap(({id, nodes}) =>
                nodes.map(({html, failureSummary}) => `${id}: ${html.slice(0, 300)} ${failureSummary}`));
        }""",
        within,
    )  # type: ignore[no-any-return]


def in_theme(page: Page, theme: str) -> None:
    page.evaluate("dark => document.body.classList.toggle('dark', dark)", theme == "dark")
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def show(page: Page, tab: str) -> None:
    """The tab, and all of it: what is below the screen is filled when it is scrolled to."""
    page.get_by_role("tab", name=t(TABS[tab]), exact=True).click()
    expect(page.locator(PANELS[tab]).first).to_be_attached()
    unfold(page)
    expect(page.locator(PANELS[tab]).first).to_be_visible()
    for place in range(0, page.evaluate("document.documentElement.scrollHeight"), 700):
        page.evaluate("place => scrollTo(0, place)", place)
        page.wait_for_timeout(60)
    page.evaluate("scrollTo(0, 0)")


@pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.long)])  # dark: with more open
@pytest.mark.parametrize("tab", TABS)
def test_no_violation(opened: Page, tab: str, theme: str) -> None:
    show(opened, tab)
    in_theme(opened, theme)
    assert violations(opened) == []


@pytest.mark.parametrize("tab", TABS)
def test_no_violation_with_every_door_open_and_every_shade_at_its_strongest(opened: Page, tab: str) -> None:
    show(opened, tab)
    for door in opened.locator(".more > button:visible").all():
        door.click()
    for ask in opened.locator(".knob-ask:visible").all()[:3]:
        ask.click()
    if tab == "compare":
        opened.locator("#compare-count input").fill("2")
        opened.locator("#compare-draw button").click()
        expect(opened.locator("#compare-cloud-table tbody tr")).to_have_count(4)
        expect(opened.locator(".live-progress:visible")).to_have_count(0)
        opened.locator("#compare-rate button").click()
        for door in opened.locator("#compare details:visible").all():
            door.locator("summary").click()
        show(opened, tab)
        in_theme(opened, "light")  # the clouds are on the page here only
        assert violations(opened, f"#{tab}") == []
    in_theme(opened, "dark")  # where colours shine through more
    name, choices = CHOICES.get(tab, ("", ("",)))
    for choice in choices:
        if choice:
            opened.locator(f'#{name} label:has(input[value="{choice}"])').click()
            opened.wait_for_timeout(300)
        opened.evaluate(
            """() => { for (const cell of document.querySelectorAll("[style*='--shade']"))
                cell.style.setProperty("--shade", 1); }"""
        )
        assert violations(opened, f"#{tab}") == [], choice


def test_axe_would_find_what_is_wrong(opened: Page) -> None:
    opened.evaluate(
        """() => {
            const bad = document.createElement("button");
            bad.id = "nameless";
            document.body.append(bad);
        }"""
    )
    assert any("button-name" in one for one in violations(opened))
    opened.evaluate("() => document.getElementById('nameless').remove()")
