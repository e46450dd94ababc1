"""The real page in a real browser: one app for all tests, served in this process, and a watch over every page."""

import asyncio
import gc
import os
import re
import shutil
import socket
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import gradio as gr
import pytest
from growth import growth as growth_of
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from playground import settings
from playground.catalog import PARAMETERS
from playground.engines.huggingface.backend import Backend
from playground.engines.loading import ModelSlot
from playground.examples import EXAMPLES
from playground.i18n import translator
from playground.runs import late
from playground.tabs import page as playground_page
from tests.e2e.folds import FORGET, unfold
from tests.pseudo import long_language

__all__ = ["long_language"]

CHARTS = ("next_token", "cutoffs", "temperature", "trajectory")
t = translator()

LONG = 60_000  # ms; nothing waits so long unless it fails, however busy the machine is
expect.set_options(timeout=LONG)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = os.path.dirname(__file__)
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.e2e)
            # gradio counts its events with pandas, in a way that pandas has deprecated
            item.add_marker(pytest.mark.filterwarnings("ignore:'future.no_silent_downcasting'"))
            item.add_marker(pytest.mark.filterwarnings("ignore:The copy keyword is deprecated"))


# ---- the app


@contextmanager
def gradio_litter() -> Iterator[None]:
    """Gradio makes event loops for its locks and forgets them: collect them here, not under somebody else's test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        asyncio.set_event_loop(None)
        gc.collect()


@contextmanager
def served(slot: ModelSlot, build: Callable[[ModelSlot], gr.Blocks] = playground_page.build) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with gradio_litter():
        demo = build(slot)
        playground_page.launch(demo, settings.Settings(port=port), prevent_thread_lock=True, quiet=True)
    yield f"http://127.0.0.1:{port}"
    with gradio_litter():
        demo.close()


@pytest.fixture(scope="session")
def serve() -> Callable[..., AbstractContextManager[str]]:
    return served


@dataclass
class App:
    """The app under test: its address, its model, and how many forward passes that model has made."""

    url: str
    backend: Backend
    forwards: int = 0


@pytest.fixture(scope="session")
def app() -> Iterator[App]:
    chosen = settings.Settings()
    slot = ModelSlot(chosen.model, chosen.model_name, chosen.public_model).start(late.load)
    with served(slot) as url:
        counted = App(url, slot.get())
        forward = counted.backend.model.forward

        def counting(*arguments: Any) -> Any:
            counted.forwards += 1
            return forward(*arguments)

        counted.backend.model.forward = counting  # type: ignore[method-assign]
        yield counted


# ---- the browser


@pytest.fixture(scope="session")
def chromium(app: App) -> Iterator[Browser]:
    """After the app: playwright runs an event loop in this thread, in which gradio would not start."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not path:
        pytest.fail("These tests need Chromium: apt-get install chromium (or name it in the variable CHROMIUM).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # whatever asks for more is turned away
            ],
        )
        yield browser
        browser.close()


@dataclass
class Watch:
    """What must not happen on a page: requests that leave the machine, errors, complaints on the console."""

    left: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def over(self, context: BrowserContext) -> None:
        context.set_default_timeout(LONG)
        context.on("request", lambda request: self._note(request.url))
        context.on("page", lambda page: page.on("websocket", lambda socket: self._note(socket.url)))
        context.on("weberror", lambda error: self.errors.append(str(error.error)))
        context.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)

    def _note(self, url: str) -> None:
        if not re.match(r"(http|ws)://127\.0\.0\.1[:/]|data:|blob:", url):
            self.left.append(url)


class Tab:
    """The Generate tab as a person sees it: found by role, id and data attribute."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.strip = page.locator("#strip .token-strip")
        self.tokens = self.strip.get_by_role("button")
        self.badge = page.locator("#badge .live-text")
        self.headline = page.locator("#headline .live-text")
        self.notice = page.locator(".live-text.notice")
        self.model = page.locator("#model .live-text")
        self.prompt = page.locator("#prompt textarea")
        self.before = (0, 0)  # the frames of badge and strip when something was begun: what they say may be older

    def open(self, name: str) -> None:
        """Go to another tab."""
        self.page.get_by_role("tab", name=name, exact=True).click()

    def chart(self, name: str) -> Locator:
        return self.page.locator(f"#chart-{name} :is(.live-plot, .live-bars)")

    def button(self, name: str) -> Locator:
        return self.page.locator(f"button#{name}, #{name} button").first

    def knob(self, name: str) -> Locator:
        return self.page.locator(f"#knob-{name} .knob")

    def number(self, name: str) -> Locator:
        return self.page.locator(f"#{name} input")

    def option(self, name: str, value: str) -> Locator:
        return self.page.locator(f'#{name} label:has(input[value="{value}"])')

    def type(self, name: str, value: int) -> None:
        self.number(name).fill(str(value))
        self.number(name).press("Tab")

    def pace(self, speed: str) -> None:
        self.page.locator("#speed input").click()
        self.page.get_by_role("option", name=t(f"speed.{speed}")).click()

    def run(self, prompt: str | None = None, length: int | None = None, speed: str | None = None) -> None:
        if prompt is not None:
            self.prompt.fill(prompt)
        if length is not None:
            self.type("length", length)
        if speed is not None:
            self.pace(speed)
        self.press("run")

    def press(self, button: str) -> None:
        """Press a button that begins something, for `ran` to wait for."""
        self.begun()
        self.button(button).click()

    def begun(self) -> None:
        badge, strip = (int(part.get_attribute("data-frame") or 0) for part in (self.badge, self.strip))
        self.before = (badge, strip)

    def ran(self, tokens: int) -> None:
        """Wait for what was begun to end with that many tokens and a good badge."""
        self.page.wait_for_function(
            """([before, words]) => {
                const badge = document.querySelector("#badge .live-text");
                return Number(badge.dataset.frame) > before && badge.textContent.includes(words);
            }""",
            arg=[self.before[0], f"{tokens}/{tokens}"], timeout=LONG,
        )  # fmt: skip
        expect(self.badge).to_have_attribute("data-kind", "good")
        expect(self.strip).to_have_attribute("data-count", str(tokens))

    def drawn(self) -> dict[str, int]:
        """The number of the frame that each chart shows."""
        return {name: int(self.chart(name).get_attribute("data-frame") or -1) for name in CHARTS}

    def redrawn(self, before: dict[str, int], *names: str) -> None:
        for name in names or CHARTS:
            self.page.wait_for_function(
                """([id, frame]) => {
                    const chart = document.querySelector(`#chart-${id} :is(.live-plot, .live-bars)`);
                    return Number(chart.dataset.frame) > frame;
                }""",
                arg=[name, before[name]], timeout=LONG,
            )  # fmt: skip

    def bar_place(self, row: int) -> tuple[float, float]:
        """Where a row of the next-token chart is, 0 for the most probable token."""
        box = drawn_boxes(self.page, "#chart-next_token .bar-row", row + 1)[row]
        return box["x"] + box["width"] / 3, box["y"] + box["height"] / 2

    def bar(self, row: int) -> Locator:
        return self.chart("next_token").locator(".bar-row").nth(row)

    def click_bar(self, row: int) -> None:
        self.begun()
        self.page.mouse.move(*self.bar_place(row))
        self.page.mouse.click(*self.bar_place(row))

    def bar_id(self, row: int) -> int:
        return int(self.bar(row).get_attribute("data-pick") or -1)

    def bar_ids(self) -> list[int]:
        picks = self.chart("next_token").locator(".bar-row[data-pick]")
        return [int(pick) for pick in picks.evaluate_all("rows => rows.map(row => row.dataset.pick)")]

    @property
    def count(self) -> int:
        return int(self.strip.get_attribute("data-count") or 0)

    def reached(self, tokens: int) -> None:
        """Wait until what was begun has given at least so many tokens."""
        self.page.wait_for_function(
            """([before, tokens]) => {
                const {frame, count} = document.querySelector("#strip .token-strip").dataset;
                return Number(frame) > before && Number(count) >= tokens;
            }""",
            arg=[self.before[1], tokens], timeout=LONG,
        )  # fmt: skip

    def text(self) -> str:
        return "".join(self.tokens.evaluate_all("buttons => buttons.map(button => button.textContent)"))

    def set_as_opened(self) -> None:
        """Every control as in the first example; whatever runs is stopped."""
        example = EXAMPLES[0]
        if self.button("stop").get_attribute("aria-disabled") != "true":
            self.button("stop").click()
        for name, value in (("mode", "sample" if example.do_sample else "greedy"), ("unit", "nats")):
            if not self.option(name, value).locator("input").is_checked():
                self.option(name, value).click()
        self.type("seed", example.seed)
        self.type("length", example.max_new_tokens)
        if self.page.locator("#speed input").input_value() != t("speed.lively"):
            self.pace("lively")
        for parameter in PARAMETERS:
            if not parameter.is_common:
                continue  # behind a door that no test of a kept page opens
            switch = self.knob(parameter.name).get_by_role("switch")
            switch.set_checked(parameter.name in example.values)
            if parameter.name in example.values:
                self.knob(parameter.name).get_by_role("spinbutton").fill(str(example.values[parameter.name]))
        self.page.locator("#strip select").select_option(index=0)

    def inspected(self) -> int:
        """The index of the token under inspection."""
        return int(self.strip.locator("[aria-pressed=true]").get_attribute("data-index") or -1)


DESKTOP: dict[str, Any] = {
    "viewport": {"width": 1440, "height": 900}, "locale": "en-US", "reduced_motion": "reduce",
    "permissions": ["clipboard-read", "clipboard-write"],
}  # fmt: skip


@pytest.fixture(scope="session")
def desktop(chromium: Browser) -> Iterator[tuple[BrowserContext, Watch]]:
    """The browser profile of most tests: what it has fetched once it need not fetch again. Every page is a visitor."""
    context, watch = chromium.new_context(**DESKTOP), Watch()
    context.add_init_script(FORGET)  # what one visitor opens is folded for the next
    watch.over(context)
    yield context, watch
    context.close()


def open_tab(
    context: BrowserContext, url: str, model: str = "good", scheme: str | None = None, size: Any = None
) -> Tab:
    """Open the page as a new visitor, and wait until it has said how it stands with its model."""
    page = context.new_page()
    if scheme:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    if size:
        page.set_viewport_size(size)
    page.goto(url)
    tab = Tab(page)
    expect(tab.model).to_have_attribute("data-kind", model)
    if page.viewport_size == DESKTOP["viewport"]:  # else some charts are below the screen
        for name in CHARTS:
            expect(tab.chart(name)).to_have_attribute("data-frame", re.compile(r"\d"))
    return tab


@pytest.fixture(autouse=True)
def nothing_went_wrong(desktop: tuple[BrowserContext, Watch]) -> Iterator[None]:
    """After every test: no page has complained, and none has asked for anything that is not on this machine."""
    _, watch = desktop
    yield
    left, errors = list(watch.left), list(watch.errors)
    watch.left.clear()
    watch.errors.clear()
    assert left == []
    assert errors == []


@pytest.fixture
def visit(
    chromium: Browser, app: App, desktop: tuple[BrowserContext, Watch], nothing_went_wrong: None
) -> Iterator[Callable[..., Tab]]:
    """Opens the page as a new visitor; with `options`, or a `script` to run first, in a browser profile of its own."""
    plain, watch = desktop
    own: list[BrowserContext] = []
    tabs: list[Tab] = []

    def open_page(
        url: str = app.url,
        query: str = "",
        model: str = "good",
        scheme: str | None = None,
        size: dict[str, int] | None = None,
        script: str = "",
        **options: Any,
    ) -> Tab:
        context = plain
        if options or script:
            context = chromium.new_context(**DESKTOP | options)
            context.add_init_script(script)
            own.append(context)
            watch.over(context)
        tabs.append(open_tab(context, url + query, model, scheme, size))
        return tabs[-1]

    yield open_page
    for tab in tabs:
        tab.page.close()
    for context in own:
        context.close()


@pytest.fixture(scope="session")
def open_desktop(desktop: tuple[BrowserContext, Watch]) -> Callable[[str], Tab]:
    return lambda url: open_tab(desktop[0], url)


@pytest.fixture(scope="session")
def boxes() -> Callable[..., list[dict[str, float]]]:
    return drawn_boxes


def drawn_boxes(page: Page, selector: str, least: int = 1) -> list[dict[str, float]]:
    """Where the parts of a picture are, all at one moment, once at least so many are drawn.

    A chart puts its parts away and draws them anew with every frame: of one that was there a moment ago, and was asked
    for by a call of its own, nothing may be left."""
    found = page.wait_for_function(
        """([selector, least]) => {
            const boxes = [...document.querySelectorAll(selector)].map(e => e.getBoundingClientRect())
                .filter(box => box.width + box.height > 0);
            return boxes.length >= least && boxes.map(({x, y, width, height}) => ({x, y, width, height}));
        }""",
        arg=[selector, least],
    )
    return list(found.json_value())


@pytest.fixture
def growth() -> Callable[[Page, Callable[[int], None]], dict[str, float]]:
    return _growth


def _growth(page: Page, again: Callable[[int], None]) -> dict[str, float]:
    """Nodes and listeners that one more time leaves."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    found: dict[str, list[float]] = {"Nodes": [], "JSEventListeners": []}
    for time in range(10):
        again(time)
        for _ in range(2):  # what the first pass finalises, the second frees
            session.send("HeapProfiler.collectGarbage")
        metrics = {metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]}
        for name, counts in found.items():
            counts.append(metrics[name])
    return {name: growth_of(counts) for name, counts in found.items()}


@pytest.fixture
def tab(visit: Callable[..., Tab]) -> Tab:
    """A page just opened."""
    return visit()


@pytest.fixture(scope="session")
def opened(desktop: tuple[BrowserContext, Watch], app: App) -> Iterator[Tab]:
    """A page that was opened and is only looked at."""
    tab = open_tab(desktop[0], app.url)
    expect(tab.badge).to_contain_text("40/40")
    unfold(tab.page)
    yield tab
    tab.page.close()


@pytest.fixture(scope="module")
def page_of_the_module(desktop: tuple[BrowserContext, Watch], app: App) -> Iterator[Tab]:
    tab = open_tab(desktop[0], app.url)
    yield tab
    tab.page.close()


@pytest.fixture
def kept(page_of_the_module: Tab) -> Tab:
    """One page for the tests of a file, its controls as they stand when it opens: opening one takes seconds."""
    page_of_the_module.set_as_opened()
    return page_of_the_module
