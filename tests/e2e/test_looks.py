"""What is looked at on a tab passes on in its link; back and forward lead from one look to the other."""

import random
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from playground.i18n import translator
from playground.panels.inside.frames import MEASURES
from tests.e2e.folds import unfold

t = translator()
TEXTS = ("The fox said to the hen", "Once upon a time there was a miller & his <b>cat</b>", "She sang, and sang.")
SHOWN = {
    "attention": """() => ({
        fields: [...document.querySelectorAll("#attention :is(textarea, input)")]
            .map(e => e.type === "radio" ? e.checked : e.value),
        head: document.querySelector("#large-map canvas").getAttribute("aria-label"),
        at: document.querySelector("#large-map canvas").dataset.marked,
        sentence: document.querySelector("#attention-sentence .live-text").textContent,
        batch: document.querySelector("#batch").innerText,
    })""",
    "inside": """() => ({
        fields: [...document.querySelectorAll("#inside :is(textarea, input)")]
            .map(e => e.type === "radio" ? e.checked : e.value),
        at: document.querySelector("#inside-text [aria-pressed=true]").textContent,
        stations: document.querySelector("#stations").innerText,
        cell: (({row, column}) => [row, column])(document.querySelector("#lens td[aria-selected=true]").dataset),
    })""",
}  # fmt: skip


def look_at(page: Page, tab: str, chance: random.Random) -> None:
    """What a person does there."""
    page.locator(f"#{tab}-prompt textarea").fill(chance.choice(TEXTS))
    page.locator(f"#{tab}-look").click()
    words = page.locator(f"#{tab}-text button")
    expect(words.first).to_be_visible()
    page.wait_for_timeout(300)
    if tab == "attention":
        if chance.random() < 0.5:
            page.locator('#attention-side label:has(input[value="right"])').click()
        page.locator("#attention-texts textarea").fill("The old king\nA fox")
        row, column = chance.randrange(6), chance.randrange(4)
        page.locator(f"#head-grid button[data-row='{row}'][data-column='{column}']").click()
        expect(page.locator("#attention-sentence")).to_contain_text(
            t("attention.head_name", layer=row + 1, head=column + 1)
        )
    else:
        page.locator(".station[data-kind=block]").nth(chance.randrange(1, 6)).click()
        page.locator(f'#lens-measure label:has(input[value="{chance.choice(MEASURES[1:])}"])').click()
        page.wait_for_timeout(300)
    place = chance.randrange(1, 5)
    words.nth(place).click()
    expect(words.nth(place)).to_have_attribute("aria-pressed", "true")
    expect(page).to_have_url(re.compile(rf"[?&]at={place + 1}\b"))


def settled(page: Page, tab: str) -> Any:
    """What is shown once it has stood still."""
    before: Any = None
    for _ in range(60):
        now = page.evaluate(SHOWN[tab])
        if now == before:
            return now
        before = now
        page.wait_for_timeout(700)
    raise AssertionError(before)


def shows(page: Page, tab: str, look: Any) -> None:
    for _ in range(80):
        if page.evaluate(SHOWN[tab]) == look:
            return
        page.wait_for_timeout(500)
    assert page.evaluate(SHOWN[tab]) == look


@pytest.mark.parametrize("tab", SHOWN)
def test_a_look_passes_on_and_back_leads_to_the_one_before(tab: str, visit: Callable[..., Any]) -> None:
    page: Page = visit(query=f"?tab={tab}", size={"width": 1200, "height": 900}).page
    expect(page.locator(f"#{tab}-badge .live-text")).to_have_attribute("data-kind", "good")
    unfold(page)
    looks, links = [], []
    for number in range(2):
        look_at(page, tab, random.Random(number))
        looks.append(settled(page, tab))
        links.append(page.evaluate("window.livePage.addressNow()"))
    assert looks[0] != looks[1] and links[0] != links[1]
    for look, link in zip(looks, links, strict=True):
        other: Page = visit(query=link[link.index("?") :], size={"width": 1200, "height": 900}, locale="en-GB").page
        expect(other.locator(f"#{tab}-badge .live-text")).to_have_attribute("data-kind", "good")
        expect(other.locator(f"#{tab}-link .live-text")).to_have_text("")
        shows(other, tab, look)
    for turn, look, link in ((page.go_back, looks[0], links[0]), (page.go_forward, looks[1], links[1])):
        for _ in range(6):
            if page.url.endswith(link):
                break
            turn()
            page.wait_for_timeout(500)
        assert page.url.endswith(link)
        shows(page, tab, look)


def test_a_link_of_two_models_shows_them(visit: Callable[..., Any]) -> None:
    query = "?tab=lockstep&first=storyteller&second=detective&scale=0.5&text=The+fox+said+to+the+hen&at=3"
    page: Page = visit(query=query, size={"width": 1200, "height": 900}).page
    expect(page.locator("#lockstep-text [aria-pressed=true]")).to_have_text(" to")
    expect(page.locator("#lockstep-badge .live-text")).to_have_attribute("data-kind", "good")
    expect(page.locator("#lockstep-second input")).to_have_value("storyteller + detective")
    expect(page.locator("#lockstep input[type=number]")).to_have_value("0.5")
    expect(page.locator("#lockstep-link .live-text")).to_have_text("")
    page.locator("#lockstep-second input").click()
    page.get_by_role("option", name="apprentice").click()
    expect(page).to_have_url(re.compile(r"[?&]second=apprentice\b"))
    page.go_back()
    expect(page.locator("#lockstep-second input")).to_have_value("storyteller + detective")


def test_a_link_of_tokenizers_shows_them(visit: Callable[..., Any]) -> None:
    query = "?tab=tokenizer&text=A+fox+%F0%9F%A6%8A&tokenizer=wordpiece&section=side&beside=default,unigram"
    page: Page = visit(query=query, size={"width": 1200, "height": 900}).page
    expect(page.locator("#tokenizer-text textarea")).to_have_value("A fox 🦊")
    expect(page.locator("#tokenizer-name input")).to_have_value(t("tokenizer.shipped.wordpiece"))
    expect(page.locator("#tokenizer-spans button.tok").first).to_be_visible()
    expect(page.locator("#side-table")).to_be_visible()
    assert page.locator("#side-at-hand input:checked").count() == 2
    expect(page.locator("#tokenizer-link .live-text")).to_have_text("")


def test_a_hostile_look_is_data(visit: Callable[..., Any]) -> None:
    query = "?tab=attention&text=%3Cimg+src%3Dx+onerror%3Dalert(1)%3E&layer=0&head=999&at=99999&side=up&__proto__=1"
    page: Page = visit(query=query, size={"width": 1200, "height": 900}).page
    said = page.locator("#attention-link .live-text")
    for word in ("layer", "at", "side"):
        expect(said).to_contain_text(t("link.value", name=word, value={"layer": "0", "at": "99999"}.get(word, ""))[:20])
    expect(page.locator("#attention-prompt textarea")).to_have_value("<img src=x onerror=alert(1)>")
    expect(page.locator("#attention-text button").first).to_be_visible()
    assert page.locator("#attention img").count() == 0
