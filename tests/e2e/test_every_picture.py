"""Every panel of every tab as PNG and SVG: not blank, with its title and what made it."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from playground.i18n import translator
from tests.e2e.folds import unfold
from tests.e2e.test_pictures import is_drawn, pictures, words

t = translator()
pytestmark = pytest.mark.long

READY = {
    "generate": ("#badge .live-text", "40/40"), "beam": ("#beam-made .live-text", t("state.ended")),
    "compare": ("#compare-made .live-text", t("state.ended")), "tokenizer": ("#tokenizer-headline .live-text", "."),
    "attention": ("#attention-badge .live-text", "✓"), "inside": ("#inside-badge .live-text", "✓"),
    "lockstep": ("#lockstep-badge .live-text", "✓"),
}  # fmt: skip
PROMPTED = ("generate", "beam", "compare")  # what made their pictures begins with the prompt


def begun(page: Page, tab: str) -> None:
    """What is empty until somebody presses a button."""
    if tab == "compare":
        page.locator("#compare-run button").click()
        expect(page.locator("#compare-made .live-text")).to_contain_text(t("state.ended"))
        page.locator("#compare-count input").fill("3")
        page.locator("#compare-draw button").click()
        expect(page.locator("#chart-plane .live-plot")).to_have_attribute("data-frame", re.compile(r"\d"))
    for sections in page.locator("#tokenizer-section label").all() if tab == "tokenizer" else []:
        sections.click()


@pytest.mark.parametrize("tab", READY)
@pytest.mark.timeout(900)
def test_every_panel_is_drawn_with_its_title_and_what_made_it(tab: str, visit: Callable[..., Any]) -> None:
    page: Page = visit().page
    page.locator(f'#tabs > .tab-wrapper [data-tab-id="{tab}"]').click()
    unfold(page)
    begun(page, tab)
    selector, says = READY[tab]
    expect(page.locator(selector)).to_contain_text(says)
    found = pictures(page, ":scope")
    assert found
    for title, root, png in found:
        is_drawn(title, root, png)
        said = words(root)
        assert "storyteller" in said, title
        assert tab not in PROMPTED or "“The old" in said, title
