"""Words of the field are explained where they stand, with their number: by pointer, tap or key; Escape closes."""

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from playground.i18n import translator

t, chinese = translator(), translator("zh")


def test_a_word_says_what_it_means_and_its_number(kept: Any) -> None:
    page: Page = kept.page
    tip, headline = page.locator(".term-tip"), kept.headline
    surprisal = headline.locator('[data-term="surprisal"]')
    shown = re.search(r"surprisal ([\d.]+ nats)", headline.inner_text())
    assert shown
    surprisal.hover()
    expect(tip).to_contain_text(t("term.surprisal"))
    expect(tip.locator("b")).to_have_text(shown[0])
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    page.mouse.move(0, 0)
    rank = headline.locator('[data-term="rank"]')
    rank.focus()
    expect(tip).to_contain_text(t("term.rank"))
    page.keyboard.press("Tab")
    expect(surprisal).to_be_focused()
    expect(tip).to_contain_text(t("term.surprisal"))
    before = headline.inner_text()
    page.evaluate("() => document.querySelectorAll('#strip .token')[20].click()")
    expect(headline).not_to_have_text(before)  # drawn anew: the word is explained with its new number
    now = re.search(r"surprisal ([\d.]+ nats)", headline.inner_text())
    assert now and now[0] != shown[0]
    expect(tip.locator("b")).to_have_text(now[0])
    assert page.evaluate("document.querySelector('#headline .live-text').textContent") == headline.inner_text()
    assert page.locator('#chart-temperature, [data-term="logits"]').count() > 1  # in the line of a panel too


def test_a_tap_does_too_in_either_language(visit: Callable[..., Any]) -> None:
    tab = visit(size={"width": 390, "height": 844}, has_touch=True, locale="zh-CN")
    entropy, tip = tab.headline.locator('[data-term="entropy"]'), tab.page.locator(".term-tip")
    entropy.tap()
    expect(tip).to_contain_text(chinese("term.entropy"))
    expect(tip.locator("b")).to_have_text(re.compile(r"^熵 [\d.]+ nats$"))
    box = tip.bounding_box()
    assert box and box["x"] >= 0 and box["x"] + box["width"] <= 390
    tab.prompt.tap()
    expect(tip).to_be_hidden()
