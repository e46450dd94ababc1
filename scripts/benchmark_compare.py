"""Comparisons: what four lanes gain over one beside what a bare forward pass gains, and a cloud of 256 texts."""

import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from unittest.mock import patch

from benchmark_page import served, visited
from benchmark_report import Report, largest, percentile, seconds, spread

from playground import catalog, engine, settings
from playground.decoding.clouds import MAX_SAMPLES
from playground.decoding.trace import GenerationRequest
from playground.engines.huggingface import backend as huggingface
from playground.engines.huggingface.backend import Backend, HuggingFaceModel
from playground.runs.setup import Setup
from playground.tabs import page
from playground.tabs.brought import TALES
from playground.tabs.compare.examples import COMPARE_EXAMPLES
from playground.tabs.compare.handlers import CompareTab
from playground.tabs.compare.session import CompareSession

LANES = 4
TOKENS = 40
GAIN = 0.9  # of a bare forward pass's
CLOUD_SECONDS = 8.0
PROMPT = "The old king said to his"
LIVE_LANES, STRIP_LIMIT, CHART_LIMIT = 6, 150, 300  # ms
# notes after each paint how many tokens each strip and the chart of surprisals show, and when (ms since 1970)
OBSERVER = """
() => {
  const bench = window.laneBench = { strips: [], charts: [] };
  const painted = (note) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => { note(performance.timeOrigin + performance.now()); channel.port1.close(); };
    channel.port2.postMessage(0);
  };
  new MutationObserver((records) => {
    if (records.some(({ type, target }) => type === "childList" && target.matches?.(".lane .token-strip"))) {
      const counts = [...document.querySelectorAll(".lane .token-strip")].map((one) => one.children.length);
      painted((at) => bench.strips.push({ at, counts }));
    }
    const isChart = ({ type, target }) => type === "attributes" && target.matches(".lane-surprisal");
    const chart = records.find(isChart)?.target;
    if (chart) {
      const count = Math.max(0, ...(chart._fullData ?? []).map(({ x }) => x?.length ?? 0));
      painted((at) => bench.charts.push({ at, count }));
    }
  }).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-frame"] });
}
"""
SETTINGS = ({"temperature": 0.8}, {"temperature": 0.8, "top_p": 0.9}, {"top_k": 40}, {"min_p": 0.05})


def measure(report: Report) -> None:
    tokens, rounds, samples = (8, 1, 16) if report.is_smoke else (TOKENS, 7, MAX_SAMPLES)
    backend = huggingface.load(str(settings.DEFAULT_MODEL), "storyteller")
    model, ids = backend.model, backend.tokenizer.encode(PROMPT)
    minimum = {"min_new_tokens": tokens}  # no lane ends before the others
    requests = [GenerationRequest(ids, catalog.sampling({**s, **minimum}, True, 3), tokens) for s in SETTINGS]
    report.section(f"Comparisons: the storyteller, {LANES} lanes of {tokens} tokens; a cloud of {samples}")
    times: dict[str, list[float]] = {"four": [], "one": [], "bare four": [], "bare one": []}
    found = None
    for number in range(rounds + 1):
        single = requests[number % LANES]
        taken = {
            "four": seconds(lambda: list(engine.compare(model, requests))),
            "one": seconds(partial(_alone, model, single)),
            "bare four": seconds(lambda: bare(model, ids, LANES, tokens)),
            "bare one": seconds(lambda: bare(model, ids, 1, tokens)),
        }
        if number:  # round 0 warms up
            for name, one in taken.items():
                times[name].append(one)
    *_, found = engine.compare(model, requests)
    alone = [list(engine.generate(model, request))[-1].token_ids for request in requests]
    equal = sum(lane.token_ids == one for lane, one in zip(found.lanes, alone, strict=True))
    report.invariant("lanes with the ids of their runs alone", equal == LANES, f"{equal} of {LANES}")
    gains = [LANES * one / four for one, four in zip(times["one"], times["four"], strict=True)]
    bares = [LANES * one / four for one, four in zip(times["bare one"], times["bare four"], strict=True)]
    ratios = [gain / other for gain, other in zip(gains, bares, strict=True)]
    rate = LANES * tokens / statistics.median(times["four"])
    report.at_least(
        "gain of four lanes / gain of a bare forward", statistics.median(ratios), GAIN, "×",
        f"{statistics.median(gains):.2f} : {statistics.median(bares):.2f}; {rate:.0f} tokens/s",
    )  # fmt: skip
    request = GenerationRequest(ids, catalog.sampling({"temperature": 0.8, "top_p": 0.9}, True, 0), tokens)
    cloud = None

    def draw() -> None:
        nonlocal cloud
        *_, cloud = engine.draw(model, request, samples)

    taken_by_cloud = seconds(draw)
    assert cloud is not None
    seeds = {sample.seed for sample in cloud.samples}
    report.invariant("every sample has dice of its own", len(seeds) == samples, f"{len(seeds)} seeds")
    note = f"{cloud.tokens / taken_by_cloud:,.0f} tokens/s"
    report.at_most(f"{samples} texts of {tokens} tokens", taken_by_cloud, CLOUD_SECONDS, "s", note)
    live(report, backend)


def live(report: Report, backend: Backend) -> None:
    """Six lanes at the page's lively speed: how far strips and the chart of surprisals are behind the server."""
    tokens = 12 if report.is_smoke else TOKENS
    report.section(f"Live gate of Compare: {LIVE_LANES} lanes of {tokens} tokens in headless Chromium")
    made: dict[int, float] = {}  # steps -> wall clock (ms) when the server began their frame
    panels = CompareTab.panels

    def timed(tab: CompareTab, session: CompareSession, *rest: Any) -> dict[str, object]:
        if session.comparison is not None:
            made.setdefault(session.comparison.steps, 1000 * time.time())
        return panels(tab, session, *rest)

    lanes = tuple((f"T {0.6 + 0.2 * i:.1f}", _drawn(tokens, 0.6 + 0.2 * i)) for i in range(LIVE_LANES))
    first = replace(COMPARE_EXAMPLES[0], lanes=lanes)
    with (
        patch.object(CompareTab, "panels", timed),
        patch.object(page, "brought_by", lambda entry: replace(TALES, comparisons=(first, *COMPARE_EXAMPLES[1:]))),
        served(backend) as address,
        visited(address) as visit,
    ):
        tab = visit.page
        tab.evaluate(OBSERVER)
        tab.locator("#tabs [role=tab]").filter(has_text="Compare").first.click()
        tab.wait_for_selector(".lane")

        def run() -> None:
            made.clear()
            tab.evaluate("() => { laneBench.strips = []; laneBench.charts = []; }")
            tab.locator("#compare-run button").evaluate("one => one.click()")  # what is on screen stays there
            tab.wait_for_function(
                """([lanes, tokens]) => laneBench.strips.some(({ counts }) => counts.every((one) => one === tokens))
                   && document.querySelectorAll(".lane-badge:not(:empty, [data-kind=wait])").length === lanes""",
                arg=[LIVE_LANES, tokens], timeout=180_000, polling=200,
            )  # fmt: skip  # the badges alone may be those of the run before

        run()
        tab.locator('[data-fold="surprisal"] .fold').click()
        tab.locator("#chart-lane-surprisal").scroll_into_view_if_needed()
        run()
        tab.wait_for_function("tokens => laneBench.charts.at(-1)?.count === tokens", arg=tokens, timeout=30_000)
        _lateness(report, tab.evaluate("() => laneBench"), made, tokens)
        visit.growth(report, run, f"another {tokens} tokens of {LIVE_LANES} lanes")
        report.invariant("uncaught and console errors", not visit.errors, str(visit.errors)[:200])


def _lateness(report: Report, found: dict[str, Any], made: dict[int, float], tokens: int) -> None:
    begun = next((i for i, one in enumerate(found["strips"]) if max(one["counts"], default=0) <= 1), 0)
    late = []
    for token in range(1, tokens + 1):
        began = min((at for steps, at in made.items() if steps >= token), default=math.inf)
        for lane in range(LIVE_LANES):
            seen = (one["at"] for one in found["strips"][begun:] if one["counts"][lane] >= token)
            late.append(next(seen, math.inf) - began)
    text = spread(late)
    title = "strips: a token after the server began its frame, p95"
    report.at_most(title, percentile(late, 0.95), STRIP_LIMIT, "ms", text)
    last, behind = 0, []
    charts = found["charts"]
    # what comes before is the run before, drawn late
    first = next((i for i, one in enumerate(charts) if one["count"] < tokens // 2), 0)
    for chart in charts[first:]:
        if chart["count"] > last:
            behind.append(chart["at"] - min((at for steps, at in made.items() if steps > last), default=math.inf))
            last = chart["count"]
    if last < tokens:
        behind.append(math.inf)
    text = f"{len(behind)} pictures; {spread(behind)}"
    report.at_most("chart of surprisals: behind the newest token, max", largest(behind), CHART_LIMIT, "ms", text)


def _drawn(tokens: int, temperature: float) -> Setup:
    return Setup("sample", {"temperature": temperature, "min_new_tokens": tokens}, 36, tokens)


def _alone(model: HuggingFaceModel, request: GenerationRequest) -> None:
    list(engine.generate(model, request))


def bare(model: HuggingFaceModel, ids: Sequence[int], rows: int, tokens: int) -> None:
    """The same passes without anything around them."""
    state = model.prefill(ids)
    parents = [0] * rows
    for token in range(1, tokens):
        state = state.advance(parents, [100 + token] * rows)
        parents = list(range(rows))
    state.release()
