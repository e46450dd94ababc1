"""A state passes on in its link from browser to browser; links that nobody would write do no harm."""

import random
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from playground.catalog import PARAMETERS
from tests.tabs.test_states_in_links import state

Tab = Any  # of conftest.py
FEW, MANY = 2, 20
FEW_ODD, MANY_ODD = 10, 100
SHOWN = """() => Object.fromEntries([...document.querySelectorAll("#controls :is(textarea, input)")].map((field, i) => [
  i, ["radio", "checkbox"].includes(field.type) ? field.checked : field.value]))"""


def opened(visit: Callable[..., Tab], query: str, tokens: int) -> tuple[Tab, list[str], dict[str, Any]]:
    """Somebody who has never been here opens it: the page, its tokens and its controls."""
    tab = visit(query=query, locale="en-GB")
    tab.page.wait_for_function(
        "(count) => document.querySelector('#badge .live-text').textContent.includes(`${count}/${count}`)", arg=tokens
    )
    texts = tab.tokens.evaluate_all("all => all.map((one) => one.textContent)")
    return tab, texts, tab.page.evaluate(SHOWN)


def passes_on(number: int, visit: Callable[..., Tab]) -> None:
    made = state(number)
    length = made.pop("length")
    names = {"mode": "strategy"}
    asked = {names.get(name, name): str(value) for name, value in made.items()} | {"max_new_tokens": str(length)}
    tab = visit(query="?tab=generate&" + urlencode(asked), locale="en-US")
    expect(tab.prompt).to_have_value(made["prompt"])
    tab.page.wait_for_function("window.livePage.gave() !== ''")  # the link's run has ended
    tokens = tab.count
    link = tab.page.evaluate("window.livePage.addressNow()")
    query = link[link.index("?") :]
    _, texts, controls = opened(visit, query + "&" + tab.page.evaluate("window.livePage.gave()"), tokens)
    assert texts == tab.tokens.evaluate_all("all => all.map((one) => one.textContent)"), link
    assert controls == tab.page.evaluate(SHOWN), link


@pytest.mark.parametrize("number", range(FEW))
def test_a_state_passes_on(number: int, visit: Callable[..., Tab]) -> None:
    passes_on(number, visit)


@pytest.mark.long
@pytest.mark.parametrize("number", range(FEW, MANY))
def test_twenty_states_pass_on(number: int, visit: Callable[..., Tab]) -> None:
    passes_on(number, visit)


NAMES = (
    *(one.name for one in PARAMETERS), "tab", "strategy", "prompt", "at", "by_hand", "seed", "max_new_tokens", "order",
    "model", "gave", "made_with", "lang", "theme", "view", "controls", "speed", "__proto__", "constructor", "<b>",
)  # fmt: skip
WORDS = (
    "", "0", "-1", "1e999", "nan", "javascript:alert(1)", "<img src=x onerror=alert(1)>",
    "https://example.org/x.js", "../../etc/passwd",
    "\u202e\u0000\ufffe", "beam", "zh", "dark", "1:2,3:4", "9" * 400, "é🐺" * 90, "%", "&&==", "\"'`",
)  # fmt: skip


def odd(number: int) -> str:
    """An address as a fuzzer writes it; the same for the same number. It runs nothing."""
    chance = random.Random(number)
    pairs = [(chance.choice(NAMES), chance.choice(WORDS)) for _ in range(chance.randint(1, 12))]
    written = "&".join(f"{quote(name)}={quote(value)}" for name, value in pairs)
    return f"?{written}&autorun=0" + ("#" + written if number % 3 == 0 else "")


def harmless(numbers: range, chromium: Browser, watch: Any, url: str) -> None:
    """No dialog; what else must not happen is watched. In a profile of its own: a link may choose the language."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    dialogs: list[str] = []
    watch.over(context)
    for number in numbers:
        page = context.new_page()
        page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
        page.goto(url + "/" + odd(number))
        expect(page.locator("#model .live-text")).to_have_attribute("data-kind", "good")
        page.wait_for_function("!document.querySelector('#badge [data-kind=wait]')")  # the visit has come to rest
        assert page.locator("#link :is(img, script, b), #strip img").count() == 0
        page.close()
        assert dialogs == [], odd(number)
    context.close()


def test_odd_links_do_no_harm(chromium: Browser, desktop: tuple[BrowserContext, Any], app: Any) -> None:
    harmless(range(FEW_ODD), chromium, desktop[1], app.url)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_hundred_odd_links_do_no_harm(chromium: Browser, desktop: tuple[BrowserContext, Any], app: Any) -> None:
    harmless(range(FEW_ODD, MANY_ODD), chromium, desktop[1], app.url)
