"""The first ten seconds: the recorded run plays by itself, once, and gives way to whoever touches the page."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from playground.i18n import translator

Tab = Any  # of conftest.py
t = translator()
SCENES = """window.scenes = [];
new MutationObserver(() => {
  const scene = document.querySelector(".tour")?.dataset.scene;
  if (scene && !scenes.includes(scene)) scenes.push(scene);
}).observe(document, { subtree: true, childList: true, attributes: true });"""


def scene(page: Page, name: str) -> None:
    expect(page.locator(f'.tour[data-scene="{name}"]')).to_be_visible(timeout=60_000)


def test_it_plays_on_the_first_visit_until_a_touch_and_again_only_if_asked(visit: Callable[..., Tab]) -> None:
    page = visit(reduced_motion="no-preference", script=SCENES).page
    page.wait_for_function("scenes.includes('chance')")
    page.keyboard.press("Shift")
    expect(page.locator(".tour")).to_be_hidden()
    expect(page.locator("#strip [data-count]")).to_have_attribute("data-count", "40")
    again = page.context.new_page()
    again.goto(page.url)
    page, card = again, again.locator(".tour")
    expect(page.locator("#model .live-text")).to_have_attribute("data-kind", "good")
    page.wait_for_timeout(1000)
    expect(card).to_be_hidden()  # it has been seen
    page.locator(".show-me").click()
    page.wait_for_function("scenes.includes('dice')")
    scene(page, "click")
    token = page.locator("#strip .token").nth(3)
    token.click()
    expect(card.locator("p")).to_have_text(t("tour.done"))
    expect(token).to_have_attribute("aria-pressed", "true")
    page.locator("#run").click()
    expect(card).to_be_hidden()


def test_a_link_with_settings_and_a_calm_browser_are_left_alone(visit: Callable[..., Tab]) -> None:
    for options in ({"query": "?prompt=The&autorun=0", "reduced_motion": "no-preference"}, {}):
        tab = visit(**options)
        tab.page.wait_for_timeout(1000)
        expect(tab.page.locator(".tour")).to_be_hidden()
        expect(tab.strip).to_have_attribute("data-count", "40")


def test_it_does_not_talk_of_a_text_on_another_tab(visit: Callable[..., Tab]) -> None:
    page = visit(query="?tab=attention", reduced_motion="no-preference", size={"width": 1280, "height": 900}).page
    page.evaluate("""new Promise((done) => livePage.at(document.body)
        .subscribe("tour", ({ scene }) => scene !== "none" && setTimeout(done, 200)))""")
    assert page.evaluate("localStorage.getItem('playground-tour-seen')") is None  # it has not begun
    expect(page.locator(".tour")).to_be_hidden()
