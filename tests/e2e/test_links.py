"""A link opens the page as it was: the same controls, the same tokens; a hostile one opens nothing."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import BrowserContext, Page, expect

from playground.i18n import translator

Tab = Any  # of conftest.py
t = translator()

SHOWN = """(ids) => {
  const said = (one) => (["radio", "checkbox"].includes(one.type) ? one.checked : one.value);
  const fields = (id) => [...document.querySelectorAll(`#${id} :is(textarea, input)`)];
  return Object.fromEntries(ids.map((id) => [id, fields(id).map(said)]));
}"""
CONTROLS = [
    "prompt", "mode", "seed", "length", "speed", "unit", "knob-temperature", "knob-top_p", "knob-top_k", "knob-min_p",
]  # fmt: skip
BEAM_CONTROLS = ["beam-prompt", "beam-strategy", "beam-seed", "beam-length", "beam-speed", "beam-num-beams",
                 "beam-groups", "beam-diversity-penalty"]  # fmt: skip
LINK = (
    "?tab=generate&prompt=The+wolf+%26+the+%22fox%22&strategy=sample&temperature=0.8&top_p=0.9&seed=36"
    "&max_new_tokens=12&at=6&speed=fast&unit=bits"
)
BEAM_LINK = (
    "?strategy=diverse&prompt=The+princess&num_beams=4&num_beam_groups=2&diversity_penalty=1.5&max_new_tokens=6"
    "&speed=fast&at=3"
)


def ids(page: Page) -> list[str]:
    found: list[str] = page.locator("#strip .token").evaluate_all("all => all.map((one) => one.textContent)")
    return found


def test_a_link_gives_the_same_tokens_and_controls_to_whoever_opens_it(visit: Callable[..., Tab]) -> None:
    first = visit(query=LINK)
    first.ran(12)
    assert first.inspected() == 5
    controls = first.page.evaluate(SHOWN, CONTROLS)
    assert (
        controls["prompt"] == ['The wolf & the "fox"'] and controls["seed"] == ["36"] and controls["length"] == ["12"]
    )
    assert controls["knob-temperature"][1] == "0.8" and controls["knob-top_k"][0] is False
    assert first.option("unit", "bits").locator("input").is_checked()
    by_hand = visit()
    by_hand.knob("temperature").get_by_role("spinbutton").fill("0.8")
    by_hand.knob("top_p").get_by_role("spinbutton").fill("0.9")
    by_hand.type("seed", 36)
    by_hand.run('The wolf & the "fox"', 12, "fast")
    by_hand.ran(12)
    assert ids(by_hand.page) == ids(first.page)
    other = visit(query=LINK, locale="de-DE")
    other.ran(12)
    assert ids(other.page) == ids(first.page)
    assert other.page.evaluate(SHOWN, CONTROLS) == controls


def test_a_link_to_a_search_opens_its_tab(desktop: tuple[BrowserContext, Any], app: Any) -> None:
    page = desktop[0].new_page()
    page.goto(app.url + BEAM_LINK)
    expect(page.locator("#tabs > .tab-wrapper [data-tab-id=beam]")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#beam-prompt textarea")).to_have_value("The princess")  # not the recorded one
    expect(page.locator(".beam-tree")).to_have_attribute("data-steps", "6")
    expect(page.locator("#beam-badge .live-text")).to_have_attribute("data-kind", "good")
    expect(page.locator("#beam-made .live-text")).to_contain_text(t("state.ended"))
    expect(page.locator(".beam-tree")).to_have_attribute("data-at", "3")
    expect(page).to_have_url(re.compile("at=3"))
    page.locator(".beam-bar [data-act=next]").click()
    expect(page).to_have_url(re.compile("at=4"))
    page.locator(".beam-bar [data-act=last]").click()
    expect(page).not_to_have_url(re.compile("at="))
    controls = page.evaluate(SHOWN, BEAM_CONTROLS)
    assert controls["beam-prompt"] == ["The princess"] and controls["beam-length"][1] == "6"
    assert controls["beam-num-beams"][1] == "4" and controls["beam-groups"][1] == "2"
    assert controls["beam-diversity-penalty"][1] == "1.5"
    expect(page.locator("#beam-strategy input[value=diverse]")).to_be_checked()
    page.close()


def test_a_link_to_a_comparison_brings_its_lanes(desktop: tuple[BrowserContext, Any], app: Any) -> None:
    lanes = [
        {"name": "a & b", "strategy": "greedy", "max_new_tokens": "3"},
        {"name": "warm", "strategy": "sample", "temperature": "1.3", "seed": "7", "max_new_tokens": "4"},
    ]
    asked = [("tab", "compare"), ("prompt", "The fox"), ("dice", "own"), ("speed", "fast"), ("at", "2:3")]
    page = desktop[0].new_page()
    page.goto(f"{app.url}/?{urlencode(asked + [('lane', urlencode(lane)) for lane in lanes])}")
    expect(page.locator("#compare-made .live-text")).to_contain_text(t("state.ended"))
    expect(page.locator("#compare-prompt textarea")).to_have_value("The fox")
    expect(page.locator("#compare-dice input")).not_to_be_checked()
    expect(page.locator(".lane-name")).to_have_text(["a & b", "warm"])
    strips = page.locator("#compare-lanes .token-strip")
    for place, count in ((0, 3), (1, 4)):
        expect(strips.nth(place).locator(".token")).to_have_count(count)
    expect(strips.nth(1).locator(".token").nth(2)).to_have_attribute("aria-pressed", "true")
    expect(page).to_have_url(re.compile(r"[?&]\d\.temperature=1\.3&.*at=2:3"))
    page.close()


def test_a_link_that_waits_and_one_that_is_hostile(visit: Callable[..., Tab]) -> None:
    hostile = (
        "?prompt=%3Cimg+src%3Dx+onerror%3D%22document.title%3D1%22%3E&temperature=99999&seed=javascript:alert(1)"
        "&__proto__=1&constructor=2&%3Cscript%3Ealert(1)%3C/script%3E=3&autorun=0&theme=dark&tab=../../etc/passwd"
    )
    tab = visit(query=hostile)
    page = tab.page
    expect(page.locator("#link .live-text")).to_contain_text(t("link.other_tab", tab="../../etc/passwd"))
    expect(page.locator("body")).to_have_class(re.compile(r"\bdark\b"))
    tab = visit(query=hostile.replace("../../etc/passwd", "generate"))
    page = tab.page
    said = page.locator("#link .live-text")
    expect(said).to_contain_text(t("link.waits"))
    for word in ("temperature", "seed", "<script>alert(1)</script>", "constructor"):
        expect(said).to_contain_text(word)
    expect(tab.prompt).to_have_value('<img src=x onerror="document.title=1">')
    expect(tab.strip).to_have_attribute("data-count", "40")  # the recorded run, as on every visit
    assert page.title() == t("page.title") and page.locator("#strip img, #link script").count() == 0
    tab.run(length=3, speed="fast")
    tab.ran(3)
    expect(said).to_have_text("")


def test_the_address_says_what_is_on_the_page_and_reload_and_back_bring_it_again(visit: Callable[..., Tab]) -> None:
    tab = visit(query="?lang=en")
    page = tab.page
    tab.run("The fox", 4, "fast")
    tab.ran(4)
    one = re.compile(
        r"\?tab=generate&prompt=The\+fox&strategy=sample&temperature=0\.8&top_p=0\.9&seed=36&max_new_tokens=4"
        r"&model=storyteller&speed=fast&lang=en$"
    )
    expect(page).to_have_url(one)
    first = ids(page)
    tab.type("seed", 9)
    expect(page).to_have_url(re.compile("seed=9&"))
    tab.press("run")
    tab.ran(4)
    second = ids(page)
    assert second != first
    tab.tokens.nth(1).click()
    expect(page).to_have_url(re.compile("seed=9&.*&at=2&"))
    page.reload()
    expect(page.locator("#made .live-text")).to_contain_text(t("state.ended"))
    expect(tab.tokens.nth(1)).to_have_attribute("aria-pressed", "true")
    assert ids(page) == second
    page.go_back()
    expect(page).to_have_url(one)
    expect(tab.strip).to_have_text(re.compile(re.escape("".join(first))))
    page.go_forward()
    expect(page).to_have_url(re.compile("seed=9&.*&at=2&"))
    expect(tab.strip).to_have_text(re.compile(re.escape("".join(second))))
    expect(tab.number("seed")).to_have_value("9")
    tab.open(t("beam.tab"))
    expect(page).to_have_url(re.compile(r"\?tab=beam&lang=en$"))
    tab.open(t("tab.generate"))
    expect(page).to_have_url(re.compile("seed=9&"))
