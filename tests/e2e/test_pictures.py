"""Pictures: every chart as SVG and PNG that hold their title and what made them; one enlarged over the page."""

import base64
import io
import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from playground.i18n import translator

t = translator()
SVG = "{http://www.w3.org/2000/svg}"
PANELS = """async (selector) => {
    const { panels, svgOf, pngOf } = window.livePage.pictures, found = [];
    for (const panel of panels().filter((one) => one.matches(selector) || one.querySelector(selector))) {
        panel.scrollIntoView();
        await new Promise((done) => setTimeout(done, 400));
        const svg = await svgOf(panel), reader = new FileReader();
        const png = new Promise((done) => { reader.onload = () => done(reader.result); });
        reader.readAsDataURL(await pngOf(panel));
        found.push([panel.querySelector("h2").textContent, svg, await png]);
    }
    return found;
}"""


def pictures(page: Page, selector: str) -> list[tuple[str, ElementTree.Element, Image.Image]]:
    """Title, SVG and PNG of every panel that holds it."""
    found = page.evaluate(PANELS, selector)
    return [
        (title, ElementTree.fromstring(svg), Image.open(io.BytesIO(base64.b64decode(png.partition(",")[2]))))
        for title, svg, png in found
    ]


def words(root: ElementTree.Element) -> str:
    return " ".join("".join(text.itertext()) for text in root.iter(f"{SVG}text"))


def is_drawn(title: str, root: ElementTree.Element, png: Image.Image) -> None:
    """Shapes and words, no bitmap; the PNG twice as large, with much that is not paper above the last lines."""
    assert root.find(f".//{SVG}image") is None, title
    assert png.width == 2 * int(root.attrib["width"]) and png.height == 2 * int(root.attrib["height"]), title
    body = png.convert("RGB").crop((80, 120, png.width - 80, png.height - 160))
    colours = body.getcolors(maxcolors=body.width * body.height) or []
    paper = max(count for count, _ in colours)
    assert len(colours) > 20, title
    assert body.width * body.height - paper > 2000, title
    assert title in words(root)


@pytest.fixture
def seen(opened: Any) -> Page:
    page: Page = opened.page
    return page


def test_every_chart_of_a_text_says_what_it_is_and_what_made_it(seen: Page) -> None:
    made = seen.locator("#made .part-made").inner_text()
    found = pictures(seen, ":is(.live-plot[data-frame], .live-bars, .token-strip, #stages)")
    assert {t("strip.title"), t("panel.next_token"), t("panel.cutoffs")} <= {title for title, _, _ in found}
    assert {t("panel.temperature"), t("panel.trajectory"), t("panel.stages")} <= {title for title, _, _ in found}
    for title, root, png in found:
        is_drawn(title, root, png)
        assert "“The old king said to his”" in words(root)
        assert made in words(root)
        assert "storyteller" in words(root)
        assert "var(" not in ElementTree.tostring(root, encoding="unicode")


def test_bars_are_as_long_as_their_numbers(seen: Page) -> None:
    [(_, root, _)] = pictures(seen, ".live-bars")
    shares = seen.locator(".live-bars .bar-fill").evaluate_all("all => all.map(one => parseFloat(one.style.width))")
    widths = [float(r.attrib["width"]) for r in root.iter(f"{SVG}rect") if r.attrib.get("fill", "").startswith("#0072")]
    assert len(widths) > 2
    for width, share in zip(widths, [share for share in shares if share][:1] + shares[2:], strict=False):
        assert width / widths[0] == pytest.approx(share / shares[0], abs=0.02)


def test_it_is_saved_under_a_name_that_says_what_it_is(seen: Page) -> None:
    menu = seen.locator("#chart-cutoffs").locator("xpath=ancestor::*[contains(@class,'panel')][last()]")
    for kind, start in (("svg", b"<svg"), ("png", b"\x89PNG")):
        menu.hover()
        menu.locator("summary").click()
        with seen.expect_download() as saved:
            menu.get_by_role("button", name=kind.upper(), exact=True).click()
        assert re.fullmatch(rf"cut-offs-\d+-The-old-king-said-to-his\.{kind}", saved.value.suggested_filename)
        with open(saved.value.path(), "rb") as file:
            assert file.read(4).startswith(start[:4])


def test_what_is_drawn_on_canvas_is_drawn_for_print_too(visit: Callable[..., Any]) -> None:
    tab = visit()
    tab.open(t("beam.tab"))
    page: Page = tab.page
    expect(page.locator(".beam-tree")).to_have_attribute("data-final", "true")
    [(title, root, png)] = pictures(page, ".beam-tree")
    is_drawn(title, root, png)
    labels = page.evaluate("document.querySelector('.beam-tree').tree.nodes().map(n => n.drawn).filter(Boolean)")
    assert len(labels) > 20
    assert set(labels) <= {"".join(text.itertext()) for text in root.iter(f"{SVG}text")}
    tab.open(t("tab.attention"))
    page.locator("#head-grid .head-grid").scroll_into_view_if_needed()
    expect(page.locator("#head-grid .head-grid")).to_have_attribute("data-drawn", re.compile("."), timeout=60_000)
    [(title, root, png)] = pictures(page, "#head-grid")
    is_drawn(title, root, png)
    assert len([g for g in root.iter(f"{SVG}g") if g.attrib.get("shape-rendering") == "crispEdges"]) > 4


def test_no_text_of_a_token_breaks_the_xml(seen: Page) -> None:
    text = seen.evaluate(
        """() => new XMLSerializer().serializeToString(
            window.livePage.paper.svg("text", { title: "\\u0001\\ud800" }, "a\\u0000\\udc00\\ufffe<script>&"))"""
    )
    assert ElementTree.fromstring(text).text == "a���<script>&"


def test_a_picture_takes_the_page_and_gives_it_back(seen: Page) -> None:
    bars = seen.locator("#chart-next_token .live-bars")
    small = bars.bounding_box()
    panel = seen.locator(".panel").filter(has=bars).first
    panel.hover()
    button = panel.get_by_role("button", name=t("picture.enlarge"))
    button.click()
    large = seen.get_by_role("dialog", name=t("panel.next_token"))
    expect(large).to_be_focused()
    box = bars.bounding_box()
    assert small and box and box["width"] > 1.8 * small["width"] and box["height"] > 1.8 * small["height"]
    seen.keyboard.press("Tab")
    assert seen.evaluate("document.querySelector('.is-enlarged').contains(document.activeElement)")
    seen.keyboard.press("ArrowRight")
    expect(seen.get_by_role("dialog", name=t("panel.cutoffs"))).to_be_focused()
    expect(large).to_have_count(0)
    for name in ("panel.temperature", "panel.trajectory"):
        seen.keyboard.press("ArrowRight")
        expect(seen.get_by_role("dialog", name=t(name))).to_be_focused()
    seen.keyboard.press("ArrowRight")  # those that are folded are passed over
    expect(seen.get_by_role("dialog")).to_be_focused()
    expect(seen.locator(".is-enlarged.folds:not(.is-open)")).to_have_count(0)
    seen.keyboard.press("Escape")
    expect(seen.get_by_role("dialog")).to_have_count(0)
    expect(seen.locator("[data-picture=enlarge]:focus")).to_have_count(1)
    assert seen.evaluate("document.querySelectorAll('[inert], .picture-place, [popover]').length") == 0
    again = bars.bounding_box()
    assert again and again["width"] == small["width"]


def test_a_picture_takes_the_stage_beside_the_text(seen: Page) -> None:
    bars, cutoffs = seen.locator("#chart-next_token .live-bars"), seen.locator("#chart-cutoffs .live-plot")
    small = bars.bounding_box()
    panel = seen.locator(".panel").filter(has=bars).first
    panel.hover()
    panel.get_by_role("button", name=t("picture.stage")).click()
    expect(panel).to_be_focused()
    large = bars.bounding_box()
    assert small and large and large["width"] > 1.8 * small["width"] and large["height"] > small["height"]
    expect(cutoffs).to_be_hidden()
    expect(seen.locator("#strip .token").nth(3)).to_be_in_viewport()  # the text stays, and is clicked as ever
    seen.locator("#strip .token").nth(3).click()
    expect(seen.locator("#headline")).to_contain_text("Token 4 of 40")
    panel.focus()
    seen.keyboard.press("ArrowRight")
    expect(cutoffs).to_be_in_viewport()
    expect(bars).to_be_hidden()
    seen.keyboard.press("Escape")
    expect(bars).to_be_visible()
    expect(seen.locator("[data-picture=stage]:focus")).to_have_count(1)
    assert seen.evaluate("document.querySelectorAll('.is-staged, .holds-stage, .has-stage').length") == 0
    again = bars.bounding_box()
    assert again and again["width"] == small["width"]
