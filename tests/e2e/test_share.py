"""Share, embeds in a page of another origin, and the presenter's keys."""

import http.server
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Frame, Page, expect

from playground.i18n import translator
from playground.runs.gave import Gave

t = translator()
RUN = "prompt=The+fox&temperature=0.7&seed=4&max_new_tokens=6&speed=fast"
BLOCKED = """if (window !== top) for (const name of ["localStorage", "sessionStorage", "indexedDB"])
  Object.defineProperty(window, name, { get() { throw new DOMException("Access is denied", "SecurityError"); } });"""
HOST = """<!doctype html><title>A course</title><iframe id="one" src="{0}/?embed=1&view=beam" height="200"></iframe>
<iframe id="two" src="{0}/?embed=1&view=next-token&controls=0&{1}" height="200"></iframe>
<script>addEventListener("message", ({{ data, source }}) => {{
  if (data?.type === "decoding-playground:height") for (const frame of document.querySelectorAll("iframe"))
    if (frame.contentWindow === source) frame.height = data.height;
}})</script>"""


@pytest.fixture
def course(app: Any) -> Iterator[str]:
    """Another site, with two embeds on one page."""
    body = HOST.format(app.url, RUN).encode()

    class Host(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_page = self.path == "/"
            self.send_response(200 if is_page else 204)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(body if is_page else b"")

        def log_message(self, *arguments: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Host) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def host(course: str, chromium: Any) -> Iterator[Page]:
    """The page with the embeds, in a browser profile of its own: streams of other pages take up its connections. Frames
    of another site have no storage there."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    context.add_init_script(BLOCKED)
    page, complaints = context.new_page(), []
    page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(course)
    yield page
    context.close()
    # what the embed in a course said, at every press of its button: "Too many arguments provided for the endpoint."
    assert [words for words in complaints if "arguments" in words or "denied" in words] == []


def test_two_embeds_on_a_page_of_another_origin(host: Page) -> None:
    page = host
    one, two = (page.frame_locator(f"#{name}") for name in ("one", "two"))
    expect(one.locator(".beam-tree")).to_have_attribute("data-final", "true")
    page.locator("#two").scroll_into_view_if_needed()  # a browser paints no frame of another origin that is off screen
    expect(two.locator(".token-strip")).to_have_attribute("data-count", "6")
    expect(two.locator("#badge .live-text")).to_have_attribute("data-kind", "good")
    for inner in (one, two):
        expect(inner.locator("#header")).to_be_hidden()
    expect(one.locator("#beam-controls")).to_be_visible()
    expect(two.locator("#controls")).to_be_hidden()
    expect(two.locator("#chart-next_token .bar-row").first).to_be_visible()
    expect(two.locator("#chart-cutoffs")).to_be_hidden()
    page.wait_for_function(
        "() => [...document.querySelectorAll('iframe')].every((frame) => Number(frame.height) > 300)"
    )
    for frame in page.frames[1:]:
        assert fits(frame)
    before = str(two.locator("#chart-next_token .live-bars").get_attribute("data-frame"))
    two.locator("#strip .token").nth(2).click()  # it is alive, and has its own run
    expect(two.locator("#chart-next_token .live-bars")).not_to_have_attribute("data-frame", before)
    one.locator("#beam-prompt textarea").fill("The fox")
    one.locator("#beam-length").get_by_role("spinbutton").fill("4")
    one.locator("#beam-length").get_by_role("spinbutton").press("Tab")
    one.locator("#beam-run button").click()
    one.locator(".beam-tree").scroll_into_view_if_needed()
    expect(one.locator(".beam-tree")).to_have_attribute("data-steps", "4")
    expect(two.locator(".token-strip")).to_have_attribute("data-count", "6")
    one.locator("#beam-headline").click()
    for key in ("?", "1"):  # neither what the header holds, nor another tab
        page.keyboard.press(key)
    expect(one.locator(".beam-tree")).to_be_visible()
    expect(one.locator("dialog[open]")).to_have_count(0)


def fits(frame: Frame) -> bool:
    return bool(frame.evaluate("document.scrollingElement.scrollHeight <= innerHeight + 2"))


def test_share_gives_the_link_of_what_is_on_the_page(visit: Callable[..., Any]) -> None:
    pytest.importorskip("segno")
    tab = visit(query=f"?{RUN}&__theme=light")
    tab.ran(6)
    page: Page = tab.page
    page.get_by_role("button", name=t("share.open"), exact=True).click()
    link = page.locator("#share-link").input_value()
    assert "temperature=0.7" in link and "seed=4" in link and "__theme" not in link
    assert re.search(r"&gave=6-[0-9a-f]{8}-[0-9a-z.]+&made_with=", link)
    page.wait_for_function("() => document.getElementById('share-qr').naturalWidth > 100")
    page.locator("#share-view").select_option("next-token")
    page.locator("#share-controls").uncheck()
    code = page.locator("#share-code").input_value()
    assert re.search(r'<iframe src="[^"]*embed=1&amp;view=next-token&amp;controls=0"', code)
    page.keyboard.press("Escape")
    expect(page.locator("#share")).to_be_hidden()


def test_a_link_whose_tokens_are_others_here_says_so(visit: Callable[..., Any]) -> None:
    there = replace(Gave.of([300, 301]), made_with={"transformers": "4.1.0"})
    tab = visit(query=f"?{RUN}&{there.query}")
    tab.ran(6)
    said = tab.page.locator("#link .live-text")
    expect(said).to_contain_text("transformers 4.1.0")
    expect(tab.page).to_have_url(re.compile("seed=4"))
    assert "gave=" not in tab.page.url


def test_keys_of_a_presenter(visit: Callable[..., Any]) -> None:
    tab = visit()
    page: Page = tab.page
    expect(tab.badge).to_contain_text("40/40")
    page.mouse.click(3, 600)  # beside everything
    at = tab.inspected()
    for key, moved in (("ArrowRight", 1), ("PageDown", 2), ("PageUp", 1), ("ArrowLeft", 0)):
        page.keyboard.press(key)
        expect(tab.strip.locator("[aria-pressed=true]")).to_have_attribute("data-index", str(at + moved))
    page.keyboard.press("d")
    expect(page.locator("body")).to_have_class(re.compile("dark"))
    page.keyboard.press("d")
    page.keyboard.press("2")
    expect(page.get_by_role("tab", name=t("beam.tab"), exact=True)).to_have_attribute("aria-selected", "true")
    page.mouse.click(3, 600)
    page.keyboard.press("1")
    expect(page.get_by_role("tab", name=t("tab.generate"), exact=True)).to_have_attribute("aria-selected", "true")
    tab.prompt.fill("")
    tab.prompt.press_sequentially("2 d b.?")
    expect(tab.prompt).to_have_value("2 d b.?")
    expect(page.locator("dialog[open]")).to_have_count(0)
    page.mouse.click(3, 600)
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.locator("#keys-on").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    expect(page.get_by_role("tab", name=t("tab.generate"), exact=True)).to_have_attribute("aria-selected", "true")
    page.evaluate("localStorage.removeItem('playground-keys-off')")


def test_keys_run_wait_step_and_go_back(visit: Callable[..., Any]) -> None:
    tab = visit(query="?prompt=The+fox&seed=4&max_new_tokens=60&speed=aloud&autorun=0")
    page: Page = tab.page
    expect(tab.prompt).to_have_value("The fox")
    beside, made = (3, 600), page.locator("#made .live-text")
    page.mouse.click(*beside)
    page.keyboard.press("Space")
    expect(made).to_contain_text(t("state.running"))
    tab.reached(1)
    page.keyboard.press("Space")
    expect(made).to_contain_text(t("state.paused"))
    count = tab.count
    page.keyboard.press(".")
    expect(tab.strip).to_have_attribute("data-count", str(count + 1))
    page.keyboard.press("b")
    expect(tab.strip).to_have_attribute("data-count", str(count))
    tab.button("step").focus()
    page.keyboard.press("Space")  # the button that has the focus, not Run
    expect(tab.strip).to_have_attribute("data-count", str(count + 1))
    expect(made).to_contain_text(t("state.paused"))
    tab.type("length", count + 2)
    page.mouse.click(*beside)
    page.keyboard.press("Space")
    tab.ran(count + 2)


def test_keys_of_size_and_language_and_a_slider_that_keeps_its_own(visit: Callable[..., Any]) -> None:
    tab = visit(locale="en-US")  # a browser profile of its own: the language that is chosen holds
    page: Page = tab.page
    expect(tab.badge).to_contain_text("40/40")
    page.mouse.click(3, 600)
    for keys, size in (("+", "1.1"), ("-", "1"), ("-", "0.9"), ("=", "1")):
        page.keyboard.press(keys)
        assert page.evaluate("document.querySelector('.gradio-container').style.zoom") == size
    at = tab.inspected()
    slider = tab.knob("temperature").get_by_role("slider")
    slider.focus()
    before = slider.input_value()
    for key in ("ArrowRight", "l", "2", "."):
        page.keyboard.press(key)
    assert slider.input_value() != before
    assert tab.inspected() == at and tab.count == 40
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.mouse.click(3, 600)
    page.keyboard.press("l")
    expect(page.locator("html")).to_have_attribute("lang", "zh")
