"""The page in headless Chromium, with a recorder in it that notes when frames arrive and when they are on screen."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from benchmark_report import Report
from benchmark_startup import free_port
from growth import growth
from playwright.sync_api import CDPSession, Page, sync_playwright

from playground.engines.huggingface.backend import Backend
from playground.engines.loading import ModelSlot
from playground.settings import DEFAULT_MODEL, DEFAULT_MODEL_NAME, Settings, in_repository
from playground.tabs import page as playground_page

CHARTS = ("next_token", "cutoffs", "temperature", "trajectory")
REPEATS = 9
SPARE_NODES, SPARE_LISTENERS = 40, 4  # a time

# Runs before any script of the page. All times are performance.now(), in ms.
#   messages: {at, count}: a message of the event stream came in; with it the text has `count` tokens (null: unsaid)
#   frames: {number, at, count, stages}, in the order in which the page took them
#   paints: {name, number, at, settings}: a component shows frame `number`; `at` is the first task after that paint;
#     `settings` of what the page has drawn by itself while a slider is dragged, else null
#   skipped: how many messages the page never took by themselves (Gradio hands on only the last of a burst)
RECORDER = """
(() => {
  const bench = window.bench = { messages: [], frames: [], paints: [], longTasks: [], skipped: 0 };
  const waiting = []; // the texts of messages that the page has not taken yet
  let number = 0;
  const parse = JSON.parse;
  const tokens = ({ channels: { strip } }) => (strip ? strip.start + strip.tokens.length : null);
  const frameIn = (value) => { // the bus is the first output: its text, or the change to it
    const first = value.output && value.output.data && value.output.data[0];
    if (typeof first === "string") return first;
    const change = Array.isArray(first) && first[0];
    return Array.isArray(change) && typeof change[2] === "string" ? change[2] : null;
  };
  JSON.parse = function (text, reviver) {
    const value = parse.call(this, text, reviver);
    const at = performance.now();
    if (value && value.msg === "process_generating") {
      const frame = frameIn(value);
      if (frame && frame.startsWith('{"channels"')) {
        waiting.push(frame);
        bench.messages.push({ at, count: tokens(parse(frame)) });
      }
    } else if (value && value.channels && typeof text === "string") {
      const place = waiting.indexOf(text);
      if (place >= 0) { bench.skipped += place; waiting.splice(0, place + 1); }
      const { stages } = value.channels;
      const names = stages?.table ? stages.table.rows.map((row) => row[0]) : null;
      bench.frames.push({ number: ++number, at, count: tokens(value), stages: names });
    }
    return value;
  };
  new MutationObserver((records) => {
    const shown = records.map(({ target }) => ({
      name: target.matches(".token-strip") ? "strip" : target.matches(".live-bars") ? "next_token"
        : target.matches(".live-plot") ? target.classList[1] : null,
      number: Number(target.dataset.frame),
      settings: target.dataset.settings ? parse(target.dataset.settings) : null, // of a picture of the page's own
    }));
    const channel = new MessageChannel(); // its message is handled after the paint that this change leads to
    channel.port1.onmessage = () => {
      const at = performance.now();
      for (const one of shown) if (one.name) bench.paints.push({ ...one, at });
      channel.port1.close();
    };
    channel.port2.postMessage(0);
  }).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-frame"] });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) bench.longTasks.push({ at: entry.startTime, duration: entry.duration });
  }).observe({ type: "longtask" });
})();
"""


@dataclass
class Visit:
    """A browser on the page.

    Attributes:
        outside: addresses of requests that left the machine.
        errors: uncaught errors of the page.
    """

    page: Page
    devtools: CDPSession
    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def run(self, tokens: int, patience: float = 180) -> None:
        """Press Run for a text of that length; come back when it is shown whole and verified."""
        self.page.locator("#length input").fill(str(tokens))
        self.page.locator("#length input").press("Tab")
        self.forget()
        self.page.locator("#run").click()
        self.page.wait_for_function(
            """tokens => bench.messages.some(({count}) => count === 0) // until then it is the text of before
               && bench.frames.findLast(({count}) => count !== null)?.count === tokens // other tabs bring frames too
               && Number(document.querySelector("#strip .token-strip").dataset.count) === tokens
               && document.querySelector("#badge .live-text").dataset.kind === "good" """,
            arg=tokens, timeout=1000 * patience, polling=100,
        )  # fmt: skip
        self.settle()

    def settle(self) -> None:
        """Wait until nothing has been painted for half a second."""
        self.page.wait_for_function(
            "() => performance.now() - Math.max(0, ...bench.paints.map(({at}) => at)) > 500", polling=100
        )

    def forget(self) -> None:
        """Clear the record."""
        self.page.evaluate(
            "() => Object.assign(bench, { messages: [], frames: [], paints: [], longTasks: [], skipped: 0 })"
        )

    def record(self) -> dict[str, Any]:
        found: dict[str, Any] = self.page.evaluate("() => ({...bench, origin: performance.timeOrigin})")
        return found

    def size(self) -> dict[str, float]:
        """DOM nodes, listeners and heap (bytes) of the page after a forced garbage collection."""
        for _ in range(3):
            self.devtools.send("HeapProfiler.collectGarbage")
            self.page.wait_for_timeout(100)
        metrics = self.devtools.send("Performance.getMetrics")["metrics"]
        values: Mapping[str, float] = {metric["name"]: metric["value"] for metric in metrics}
        return {name: values[name] for name in ("Nodes", "JSEventListeners", "JSHeapUsedSize")}

    def growth(self, report: Report, again: Callable[[], None], what: str) -> None:
        """Do the same thing a few times: what the page holds more of each time is what it never lets go.

        One time tells little: what waits for the next collection comes and goes by a hundred nodes.
        """
        sizes = [self.size()]
        for _ in range(REPEATS):
            again()
            sizes.append(self.size())
        for key, spare, name in (
            ("Nodes", SPARE_NODES, "DOM nodes"),
            ("JSEventListeners", SPARE_LISTENERS, "listeners"),
        ):
            counts = [round(size[key]) for size in sizes]
            more = growth(counts)
            title = f"{name}: {what}, at most {spare} more"
            report.invariant(title, more <= spare, f"{more:+.0f} of {counts[0]}, {min(counts)} to {max(counts)}")
        heap = [size["JSHeapUsedSize"] / 2**20 for size in sizes]
        more = growth(heap)
        report.figure("heap of the page", f"{heap[-1]:.0f} MiB", f"{more:+.1f} MiB a time")


@contextmanager
def served(backend: Backend) -> Iterator[str]:
    """The whole page around a model that is in memory; yields its address."""
    is_default = backend.info.name == DEFAULT_MODEL_NAME  # and brings its recorded run
    place = in_repository(DEFAULT_MODEL) if is_default else backend.info.name
    demo = playground_page.build(ModelSlot.filled(backend, place))
    port = free_port()
    playground_page.launch(demo, Settings(port=port), prevent_thread_lock=True, quiet=True)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        demo.close(verbose=False)


@contextmanager
def visited(address: str) -> Iterator[Visit]:
    """The page in a browser, loaded, its charts drawn."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--disable-gpu"])
        context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US")
        page = context.new_page()
        visit = Visit(page, context.new_cdp_session(page))
        page.on("pageerror", lambda error: visit.errors.append(str(error)))
        page.on("console", lambda line: visit.errors.append(line.text) if line.type == "error" else None)
        page.on("request", lambda request: _note_outside(request.url, address, visit.outside))
        page.add_init_script(RECORDER)
        visit.devtools.send("Performance.enable")
        page.goto(address)
        wait_for(lambda: bool(page.evaluate("() => bench.paints.some(({name}) => name === 'next_token')")))
        page.wait_for_selector("#model .live-text[data-kind=good]", state="attached")
        visit.settle()
        yield visit
        browser.close()


def _note_outside(url: str, address: str, outside: list[str]) -> None:
    if not url.startswith((address, "data:", "blob:")):
        outside.append(url)


def wait_for(holds: Callable[[], bool], patience: float = 60) -> None:
    """Raises TimeoutError."""
    end = time.monotonic() + patience
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError("the page did not get there")
        time.sleep(0.1)
