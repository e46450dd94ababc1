"""What is seen before anything is scrolled: what to notice, whole words in the header, a badge of one line."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

NOTICE = {"en": "What to notice", "zh": "请留意"}
SIZES = ({"width": 390, "height": 844}, {"width": 1440, "height": 900})


def boxes(page: Page, selector: str) -> list[Any]:
    return [one.bounding_box() for one in page.locator(selector).all() if one.is_visible()]


@pytest.mark.parametrize("size", SIZES, ids=("phone", "desk"))
def test_what_to_notice_is_on_the_first_screen(visit: Callable[..., Any], size: dict[str, int]) -> None:
    for language in ("en", "zh"):
        page: Page = visit(query=f"?lang={language}", size=size).page
        for tab, ready, lesson in (
            ("generate", "#strip [data-count]", ":is(#controls .lesson, #results .lesson-first)"),
            ("beam", ".beam-tree[data-steps]", ":is(#beam-controls .lesson, #beam-results .lesson-first)"),
        ):
            page.locator(f'#tabs > .tab-wrapper [data-tab-id="{tab}"]').click()
            expect(page.locator(ready)).to_be_visible()
            expect(page.locator(f"{lesson}:visible")).to_have_count(1)
            expect(page.locator(f"{lesson}:visible")).to_contain_text(NOTICE[language])
            page.evaluate("scrollTo(0, 0)")
            [box] = boxes(page, lesson)
            assert box["height"] > 30
            assert box["y"] + box["height"] <= size["height"], (language, tab)


def test_the_header_is_whole_and_the_badge_is_one_line(visit: Callable[..., Any]) -> None:
    tab = visit(query="?lang=en")
    page: Page = tab.page
    line = page.locator("#model .live-text")
    assert line.evaluate("e => e.scrollWidth <= e.clientWidth")
    assert tab.badge.bounding_box()["height"] < 34
    for width in (1440, 1280, 1200):
        page.set_viewport_size({"width": width, "height": 900})
        tabs = page.get_by_role("tab").first.bounding_box()
        assert tabs
        for box in boxes(page, "#brand, #shelf, #shelf-other, #model"):
            assert box["x"] + box["width"] <= tabs["x"], width
