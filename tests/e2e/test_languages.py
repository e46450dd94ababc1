"""Another language in the real browser, beside English in the same process: no English is left, nothing overflows."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from playground.engines.loading import ModelSlot
from playground.i18n import translator
from tests.e2e.folds import unfold

# What there is in Latin letters outside the brackets that every text of the pseudo-language stands in, text by text.
OUTSIDE = """(exempt) => {
  const found = [], word = /[A-Za-z]{3,}/;
  let depth = 0; // of brackets, in the order of the document: a sentence may hold tokens, each a node of its own
  const outside = (text) => {
    let rest = "";
    for (const c of text) if (c === "⟦") depth++; else if (c === "⟧") depth--; else if (!depth) rest += c;
    return rest.trim();
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    const parent = node.parentElement;
    if (parent.closest("script, style")) continue;
    const rest = outside(node.data);
    if (!word.test(rest) || parent.closest(exempt)) continue;
    const place = parent.closest("[id]:not([id^=html])")?.id, inner = parent.closest("g[class]")?.getAttribute("class");
    found.push(`${parent.tagName} in ${place} ${inner ?? ""}: ${rest}`);
  }
  if (depth) found.push(`${depth} brackets are open`);
  const names = ["title", "aria-label", "placeholder", "alt", "aria-description", "aria-valuetext"];
  for (const element of document.querySelectorAll("*")) {
    for (const name of names) {
      depth = 0;
      const rest = outside(element.getAttribute(name) ?? "");
      if (word.test(rest) && !element.closest(exempt)) found.push(`${element.tagName} ${name}: ${rest}`);
    }
  }
  return found;
}"""
# Token text, what was typed, code, proper names, and Gradio's own: its footer, the titles it gives to boxes to tick
EXEMPT = (
    ".token, .tok, .part-token, .token-lead, .bar-name, .box, textarea, code, pre, kbd, footer, [lang]:not(html), "
    "[id$=bus], input[type=checkbox], .xtick, .ytick, .point, .textpoint, #chart-flow_here text, "
    "#chart-flow_there text, #beam-running th, #beam-alpha-rank th, #beam-best th, #beam-path th, #beam-path-text, "
    "#compare-bars th, #lens, #lens-list, "
    ".live-grid td, .live-grid th, #family th, #side-table th, #batch-ids, #batch-mask, "
    ".part-model-name, #lockstep-words td, #rounding-dtype, #rounding-table :is(th, td)"
)
UNITS, NAMES = {"nats", "bits"}, {"storyteller", "storyteller + detective"}
CLIPPED = """() => [...document.querySelectorAll("button, [role=tab], .panel-head h2, .panel-head small, label, th")]
  .filter((one) => one.checkVisibility() && !one.closest(".tok, .token-text, .live-grid, .label-wrap, footer")
    && one.clientWidth && one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display !== "inline")
  .map((one) => `${one.tagName} ${one.id} ${one.className}: ${one.textContent.slice(0, 60)}`)"""


@pytest.fixture(scope="module")
def address(app: Any, serve: Callable[[ModelSlot], AbstractContextManager[str]], long_language: str) -> Iterator[str]:
    with serve(ModelSlot.filled(app.backend, "assets/models/storyteller")) as url:
        yield url


def opened(context: BrowserContext, address: str) -> Page:
    page = context.new_page()
    page.goto(address)
    expect(page.locator("#model .live-text")).to_have_attribute("data-kind", "good")
    return page


def settle(page: Page, locator: str, words: str = "⟦") -> None:
    expect(page.locator(locator)).to_contain_text(words)


def test_no_english_is_left_and_nothing_overflows(
    desktop: tuple[BrowserContext, Any], address: str, long_language: str
) -> None:
    page = opened(desktop[0], f"{address}/?lang={long_language}")
    tabs = page.locator("#tabs > .tab-wrapper").get_by_role("tab")
    seen: set[str] = set()

    def look() -> None:
        found = page.evaluate(OUTSIDE, EXEMPT)
        seen.update(one.rsplit(": ", 1)[-1] for one in found)
        assert [one for one in found if one.rsplit(": ", 1)[-1] not in UNITS | NAMES] == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate(CLIPPED) == []

    expect(page.locator("html")).to_have_attribute("lang", long_language)
    assert page.title().startswith("⟦")
    settle(page, "#badge")
    look()
    assert seen == UNITS  # so it does find what stands outside
    page.locator("#seed input").fill("-1")
    page.locator("#seed input").press("Tab")
    page.locator("#run button").click()
    settle(page, ".live-text.notice >> nth=0", "-1")
    look()
    page.locator("#seed input").fill("3")
    page.locator("#length input").fill("4")
    page.locator("#length input").press("Tab")
    page.locator("#run button").click()
    settle(page, "#badge", "4/4")
    unfold(page)
    for name in ("race", "survival_map", "mass_flow"):
        page.locator(f"#panel-{name}").first.scroll_into_view_if_needed()
    settle(page, "#flow-words")
    look()
    tabs.nth(1).click()
    settle(page, "#beam-badge")
    unfold(page)
    look()
    tabs.nth(2).click()
    page.locator("#compare-run button").click()
    settle(page, "#compare-measures")
    unfold(page)
    look()
    tabs.nth(3).click()
    for section in ("replay", "train", "side", "round", "batch"):
        page.locator(f"#tokenizer-section input[value={section}]").check(force=True)
        settle(page, f".section-{section} .panel-head")
        look()
    tabs.nth(4).click()
    settle(page, "#attention-sentence")
    unfold(page)
    look()
    tabs.nth(5).click()
    settle(page, "#lens-words")
    unfold(page)
    look()
    page.set_viewport_size({"width": 390, "height": 844})
    for i in range(tabs.count()):
        tabs.nth(i).click()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()


def test_the_switch_leads_to_the_same_tab_in_the_other_language_and_back(
    desktop: tuple[BrowserContext, Any], address: str, long_language: str
) -> None:
    t, english = translator(long_language), translator("en")
    page = opened(desktop[0], f"{address}/?lang=en&utm_kept=1")
    page.get_by_role("tab", name=english("tab.attention"), exact=True).click()
    link = page.get_by_role("link", name=t("page.language"), exact=True)
    tabs = page.locator("#tabs > .tab-wrapper")
    one, other = link.bounding_box(), tabs.get_by_role("tab").last.bounding_box()
    assert one and other and other["x"] + other["width"] <= one["x"]  # beside each other
    expect(page.locator("#attention-sentence .live-text")).not_to_be_empty()
    expect(page.locator("#attention-badge .live-text")).to_have_attribute("data-kind", "good")
    link.click()
    expect(page).to_have_url(re.compile(rf"lang={long_language}&utm_kept=1$"))
    expect(page.get_by_role("tab", name=t("tab.attention"), exact=True)).to_have_attribute("aria-selected", "true")
    expect(page.locator("#attention-badge .live-text")).to_have_attribute("data-kind", "good")
    page.goto(address)  # what was chosen last holds without the parameter, too
    expect(page.locator("html")).to_have_attribute("lang", long_language)
    expect(page.locator("#badge .live-text")).to_have_attribute("data-kind", "good")
    page.get_by_role("link", name=english("page.language"), exact=True).click()
    expect(page.get_by_role("tab", name=english("tab.generate"), exact=True)).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.close()
    desktop[0].clear_cookies()
