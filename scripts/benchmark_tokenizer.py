"""The Tokenizer tab: ten keys a second into a long text; when the tokens of each key are on screen, in what order."""

import time
from dataclasses import dataclass
from typing import Any

from benchmark_page import Visit, served, visited
from benchmark_report import Report, percentile, spread

from playground import settings
from playground.engines.huggingface import backend as huggingface
from playground.engines.loading import ModelSlot
from playground.i18n import translator
from playground.tabs.delivery import lossless
from playground.tabs.tokenizer.handlers import TokenizerTab

LIMIT = 200  # ms from a key to its tokens
PAUSE = 100  # ms between keys: ten a second
SENTENCE = "The old king said to his daughter that the wolf was at the door, 狐狸! "

# Notes when keys go down, and what the tokens on screen are made of; all times are performance.now(), in ms.
WATCH = """
() => {
  const spans = document.querySelector("#tokenizer-spans .token-spans");
  const typed = window.typed = { keys: [], shown: [] };
  document.addEventListener("keydown", () => typed.keys.push(performance.now()), true);
  new MutationObserver(() => {
    const { run, characters } = spans.dataset, channel = new MessageChannel(); // its message comes after the paint
    channel.port1.onmessage = () => {
      typed.shown.push({ run: Number(run), characters: Number(characters), at: performance.now() });
      channel.port1.close();
    };
    channel.port2.postMessage(0);
  }).observe(spans, { attributes: true, attributeFilter: ["data-frame"] });
}
"""


@dataclass
class Typed:
    """What happened: ms from each key to the first picture that holds it, and every picture's run and length."""

    latencies: list[float]
    shown: list[dict[str, float]]
    long_tasks: float


def measure(report: Report) -> None:
    report.section("Tokenizer: ten keys a second, until the tokens of each key are on screen")
    backend = huggingface.load(str(settings.DEFAULT_MODEL), settings.DEFAULT_MODEL_NAME)
    keys = 20 if report.is_smoke else 80
    with served(backend) as address, visited(address) as visit:
        visit.page.get_by_role("tab", name=translator()("tab.tokenizer")).click()
        visit.page.wait_for_selector("#tokenizer-spans .tok")
        visit.page.evaluate(WATCH)
        for length in (5_000, 20_000):
            text = (SENTENCE * 400)[:length]
            typed = _type(visit, text, keys)
            name, slowest = f"{length:,} characters", percentile(typed.latencies, 0.95)
            if length == 5_000:
                report.at_most(f"{name}: key to tokens, p95", slowest, LIMIT, "ms", spread(typed.latencies))
            else:
                report.figure(f"{name}: key to tokens, p95", f"{slowest:.0f} ms", spread(typed.latencies))
            report.figure(f"{name}:   handler", f"{_handler(text):.0f} ms", "without a server around it")
            report.figure(f"{name}:   main thread blocked", f"{typed.long_tasks:.0f} ms", f"over {keys} keys")
            order = [(one["run"], one["characters"]) for one in typed.shown]
            in_order = order == sorted(order)
            report.invariant(f"{name}: never older tokens after newer ones", in_order, f"{len(order)} pictures")
            final = typed.shown[-1]["characters"] == length + keys
            report.invariant(f"{name}: the last key is shown", final, f"{typed.shown[-1]['characters']:.0f}")
        bad = visit.errors + visit.outside
        report.invariant("errors and requests that leave the machine", not bad, str(len(bad)))


def _type(visit: Visit, text: str, keys: int) -> Typed:
    """Fill a text in, then type behind its end."""
    page = visit.page
    field = page.locator("#tokenizer-text textarea")
    field.fill(text)
    is_shown = "length => Number(document.querySelector('#tokenizer-spans .token-spans').dataset.characters) === length"
    page.wait_for_function(is_shown, arg=len(text), timeout=30_000)
    field.press("End")
    page.wait_for_timeout(1500)
    page.evaluate("() => { typed.keys.length = 0; typed.shown.length = 0; bench.longTasks.length = 0; }")
    field.press_sequentially(("wolf and " * keys)[:keys], delay=PAUSE)
    page.wait_for_function(is_shown, arg=len(text) + keys, timeout=30_000)
    page.wait_for_timeout(300)
    found: dict[str, Any] = page.evaluate("() => ({ ...typed, longTasks: bench.longTasks })")
    latencies = [
        min(one["at"] for one in found["shown"] if one["characters"] >= len(text) + i) - at
        for i, at in enumerate(found["keys"], 1)
    ]
    return Typed(latencies, found["shown"], sum(task["duration"] for task in found["longTasks"]))


def _handler(text: str) -> float:
    """What the page's own handler takes, in ms: the median of ten."""
    tab = TokenizerTab(ModelSlot("not needed"), translator())
    session, handler, times = tab.new_session(), lossless(tab.type), []
    for i in range(10):
        start = time.perf_counter()
        handler(session, text + "x" * i, "default")
        times.append(1000 * (time.perf_counter() - start))
    return percentile(times, 0.5)
