"""A phone, 390 px wide, with fingers: what is pressed is large enough, nothing sticks out, a swipe scrolls the page."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from playground.i18n import translator
from tests.e2e.folds import unfold

Tab = Any  # of conftest.py
App = Any
Boxes = Any
t = translator()

PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True,
    "locale": "en-US", "reduced_motion": "reduce",
}  # fmt: skip
TABS = ("tab.generate", "beam.tab", "compare.tab", "tab.tokenizer", "tab.attention", "tab.inside")
READY = {
    "tab.generate": "#chart-next_token .bar-row", "beam.tab": ".beam-tree[data-steps]",
    "tab.tokenizer": "#tokenizer .tok", "tab.attention": "#attention-entropy td[data-row]",
    "tab.inside": "#lens td[data-row]", "compare.tab": "#compare-lanes .lane",
}  # fmt: skip
SHOWN = """e => { const style = getComputedStyle(e), box = e.getBoundingClientRect();
    return box.width > 1 && box.height > 1 && style.visibility !== "hidden" && style.opacity !== "0"; }"""
PRESSED = (
    "button, select, textarea, summary, a[href], input, [role=button], [role=tab], [role=switch], td[tabindex], .head"
)


@pytest.fixture(scope="module")
def phone(chromium: Browser, app: App) -> Iterator[Page]:
    """One page for all tests here: opening one takes seconds."""
    context = chromium.new_context(**PHONE)
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(app.url)
    expect(page.locator("#model .live-text")).to_have_attribute("data-kind", "good")
    yield page
    context.close()


def opened(page: Page, tab: str) -> Page:
    page.get_by_role("tab", name=t(tab), exact=True).tap()
    expect(page.locator(READY[tab]).first).to_be_attached()
    unfold(page)
    expect(page.locator(READY[tab]).first).to_be_visible()
    return page


def swipe(page: Page, x: float, y: float, by: float) -> float:
    """One finger up by so many pixels; how far the page has scrolled."""
    session, before = page.context.new_cdp_session(page), page.evaluate("scrollY")
    points: list[list[dict[str, float]]] = [[{"x": x, "y": y - by * i / 10}] for i in range(11)]
    for i, touches in enumerate([*points, []]):
        kind = "touchStart" if not i else "touchMove" if touches else "touchEnd"
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})
        page.wait_for_timeout(16)
    session.detach()
    page.wait_for_timeout(200)
    scrolled: float = page.evaluate("scrollY") - before
    return scrolled


def test_every_tab_is_there_at_once(phone: Page) -> None:
    tops = set()
    for name in TABS:
        box = phone.get_by_role("tab", name=t(name), exact=True).bounding_box()
        assert box is not None, name
        assert 0 <= box["x"] < box["x"] + box["width"] <= 390, name
        tops.add(round(box["y"]))
    assert len(tops) == 1  # in one line
    expect(phone.get_by_role("button", name="More tabs")).to_have_count(0)


@pytest.mark.parametrize("tab", TABS)
def test_nothing_to_press_is_small_and_nothing_sticks_out(phone: Page, tab: str) -> None:
    opened(phone, tab)
    for drawer in phone.locator(".tabitem .more > button").all():
        if drawer.is_visible() and "open" not in (drawer.get_attribute("class") or ""):
            drawer.tap()
    phone.wait_for_timeout(300)  # what is in the drawer is made when it opens
    small = phone.evaluate(
        f"""() => [...document.querySelectorAll({PRESSED!r})].filter({SHOWN}).map(e => {{
            const box = e.getBoundingClientRect();
            return [e.tagName, e.id || e.className, e.textContent.slice(0, 20), box.width, box.height];
        }}).filter(([, , , width, height]) => Math.min(width, height) < 23.99)"""
    )
    assert small == []
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_swipe_on_a_chart_scrolls_the_page(phone: Page) -> None:
    opened(phone, "tab.generate")
    for name in ("cutoffs", "temperature", "trajectory"):
        chart = phone.locator(f"#chart-{name} .live-plot")
        chart.evaluate("e => e.scrollIntoView({block: 'center'})")
        expect(chart).to_have_attribute("data-frame", re.compile(r"\d"))
        box = chart.bounding_box()
        assert box is not None
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        assert swipe(phone, *middle, 160) > 100, name


def test_a_tap_on_a_node_of_the_tree_shows_its_numbers(phone: Page) -> None:
    opened(phone, "beam.tab")
    phone.locator(".beam-tree canvas").evaluate("e => e.scrollIntoView({block: 'center'})")
    phone.wait_for_function("!!document.querySelector('.beam-tree').tree.place(13, 0)")
    node = next(n for n in phone.locator(".beam-tree").evaluate("e => e.tree.nodes()") if n["step"] == 13)
    x, y = phone.locator(".beam-tree").evaluate("(e, n) => e.tree.place(n.step, n.index)", node)
    phone.touchscreen.tap(x, y)
    tip = phone.locator(".beam-tip")
    expect(tip).to_be_visible()
    expect(tip).to_contain_text(node["label"])
    expect(tip).to_contain_text("Σ log p =")
    phone.wait_for_timeout(400)  # and it stays
    expect(tip).to_be_visible()
    box = tip.bounding_box()
    assert box is not None
    assert 0 <= box["x"] < box["x"] + box["width"] <= 390
    place = phone.locator(".beam-tree").evaluate("(e, n) => e.tree.place(n.step, n.index)", node)
    phone.touchscreen.tap(*place)  # once more: let go
    expect(tip).to_be_hidden()


@pytest.mark.parametrize("example", ["pays_off", "wide"])
def test_of_sequences_that_stand_close_each_keeps_its_labels(phone: Page, example: str) -> None:
    opened(phone, "beam.tab")
    phone.locator("#beam-speed input").tap()
    phone.get_by_role("option", name=t("beam.speed.fast")).tap()
    tree = phone.locator(".beam-tree")
    frame = int(tree.get_attribute("data-frame") or 0)
    phone.locator("#beam-controls .chip").filter(has_text=t(f"beam.example.{example}.name")).tap()
    phone.wait_for_function(
        """frame => { const {dataset} = document.querySelector(".beam-tree");
            return Number(dataset.frame) > frame && dataset.final === "true"; }""",
        arg=frame,
    )
    phone.wait_for_timeout(300)  # the last glide
    lit = [n for n in tree.evaluate("e => e.tree.nodes()") if n["line"] >= 0 and 0 <= n["x"] < 300]
    assert len(lit) > 5
    assert [n for n in lit if not n["drawn"]] == []


def test_a_tap_on_a_chart_still_picks(phone: Page, boxes: Boxes) -> None:
    opened(phone, "tab.generate")
    chart = phone.locator("#chart-trajectory .live-plot")
    chart.scroll_into_view_if_needed()
    expect(chart).to_have_attribute("data-frame", re.compile(r"\d"))
    pressed = phone.locator("#strip [aria-pressed=true]")
    before = int(pressed.get_attribute("data-index") or -1)
    box = boxes(phone, "#chart-trajectory .point", 26)[25]
    phone.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(pressed).not_to_have_attribute("data-index", str(before))


@pytest.mark.parametrize(
    ("tab", "table", "column"),
    [
        ("tab.attention", "#padding-lab", "tbody tr td:nth-of-type(1)"),
        ("tab.attention", "#padding-lab", "tbody tr td:nth-of-type(2)"),
        ("tab.inside", "#lens", "td[aria-selected=true]"),
        ("tab.inside", "#family", "tbody tr td:nth-of-type(1)"),
    ],
)
def test_what_it_comes_to_is_seen_without_scrolling_right(phone: Page, tab: str, table: str, column: str) -> None:
    opened(phone, tab)
    cells = phone.locator(f"{table} {column}")
    expect(cells.first).to_be_visible()
    seen = """cells => cells.map(cell => { const box = cell.getBoundingClientRect();
        const frame = cell.closest(".grid-scroll, .live-text").getBoundingClientRect();
        const head = cell.parentElement.firstElementChild.getBoundingClientRect();
        return box.left >= head.right - 1 && box.right <= frame.right + 1 && box.right <= innerWidth; })"""
    found = cells.evaluate_all(seen)
    assert found and all(found)


def test_the_words_of_the_anatomy_are_whole(phone: Page, boxes: Boxes) -> None:
    opened(phone, "tab.inside")
    chart = phone.locator("#anatomy .live-plot")
    chart.scroll_into_view_if_needed()
    expect(chart).to_have_attribute("data-frame", re.compile(r"\d"))
    frame = chart.bounding_box()
    assert frame is not None
    for box in boxes(phone, "#anatomy .annotation-text", 4):
        assert frame["x"] <= box["x"] < box["x"] + box["width"] <= frame["x"] + frame["width"]


@pytest.mark.parametrize(
    ("tab", "run", "result"), [("tab.generate", "#run", ".strip-panel"), ("beam.tab", "#beam-run", ".beam-panel")]
)
def test_what_is_begun_comes_into_sight(phone: Page, tab: str, run: str, result: str) -> None:
    opened(phone, tab)
    button = phone.locator(run)
    button.evaluate("e => e.scrollIntoView({block: 'start'})")
    assert phone.locator(result).first.evaluate("e => e.getBoundingClientRect().top") < 0
    idle = button.inner_text()
    button.tap()
    expect(button).not_to_have_text(idle)  # it says that something goes on
    phone.wait_for_function(
        "e => { const {top} = document.querySelector(e).getBoundingClientRect(); return top >= 0 && top < 200; }",
        arg=result,
    )


def test_the_numbers_of_the_survival_map_do_not_touch(phone: Page) -> None:
    opened(phone, "tab.generate")
    panel = phone.locator("#panel-survival_map").first
    panel.evaluate("e => e.scrollIntoView()")
    expect(panel.locator(".heatmap-label").first).to_be_visible()
    rows = panel.locator(".live-plot").first.evaluate(
        """e => { const rows = {};
            for (const label of e.querySelectorAll(".heatmap-label")) {
                const {x, y, width} = label.getBoundingClientRect();
                (rows[Math.round(y)] ??= []).push([x, x + width]);
            }
            return Object.values(rows).map(row => row.sort((a, b) => a[0] - b[0])); }"""
    )
    assert max(len(row) for row in rows) >= 8
    for row in rows:
        assert all(right[0] - left[1] >= 4 for left, right in pairwise(row))


def test_the_legend_of_the_temperatures_lies_on_no_curve(phone: Page, boxes: Boxes) -> None:
    opened(phone, "tab.generate")
    chart = phone.locator("#chart-temperature .live-plot")
    chart.scroll_into_view_if_needed()
    expect(chart).to_have_attribute("data-frame", re.compile(r"\d"))
    boxes(phone, "#chart-temperature .annotation")  # both are drawn
    curves = boxes(phone, "#chart-temperature .scatterlayer .js-line", 3)
    legend = boxes(phone, "#chart-temperature .annotation")[0]
    assert all(legend["y"] + legend["height"] <= curve["y"] for curve in curves)
