"""The live gate: how far what is on screen lags behind the tokens, and what is left behind after hundreds of them."""

import time
from typing import Any
from unittest.mock import patch

from benchmark_page import CHARTS, served, visited
from benchmark_report import Report, percentile, spread

from playground import settings
from playground.backends import huggingface
from playground.backends.huggingface import Backend
from playground.tabs import controls
from playground.tabs.generate_handlers import GenerateTab

TOKENS_PER_SECOND = 25.0
STRIP_LIMIT, CHART_LIMIT, LAST_LIMIT = 150, 300, 300  # ms
SPARE_NODES, SPARE_LISTENERS = 40, 4  # Plotly's and Gradio's own coming and going


def measure(report: Report) -> None:
    steps, many = (25, 50) if report.is_smoke else (100, 200)
    report.section(f"Live gate: {steps} tokens at {TOKENS_PER_SECOND:.0f} a second in headless Chromium, default model")
    made: dict[int, float] = {}  # number of tokens -> wall clock when the server began their frame
    progress = GenerateTab.progress

    def timed(tab: GenerateTab, session: Any, *rest: Any) -> dict[str, object]:
        made[len(session.trace.steps)] = time.time()
        return progress(tab, session, *rest)

    with (
        patch.dict(controls.SPEEDS, lively=TOKENS_PER_SECOND),
        patch.object(GenerateTab, "progress", timed),
        served(_endless()) as address,
        visited(address) as visit,
    ):
        made.clear()
        visit.run(steps)
        _latencies(report, visit.record(), steps, made)
        visit.run(many)
        before = visit.size()
        visit.run(many)
        _growth(report, before, visit.size(), many)
        report.invariant("uncaught and console errors", not visit.errors, str(len(visit.errors)))
        report.invariant("requests that leave the machine", not visit.outside, str(len(visit.outside)))
        for line in visit.errors + visit.outside:
            print(f"      {line[:160]}")


def _endless() -> Backend:
    """The default model, its end-of-text token an ordinary one: the run is as long as asked for."""
    backend = huggingface.load(str(settings.DEFAULT_MODEL), "default")
    backend.model.eos_ids = ()
    backend.model.module.generation_config.eos_token_id = None
    return backend


def _latencies(report: Report, found: dict[str, Any], steps: int, made: dict[int, float]) -> None:
    frames = [frame for frame in found["frames"] if frame["count"]]
    paints = found["paints"]
    report.invariant("messages lost on the way to the page", found["lost"] == 0, str(found["lost"]))
    strip, whole = [], []
    for token in range(1, steps + 1):
        frame = next(f for f in frames if f["count"] >= token)
        painted = _first_paint(paints, "strip", frame["number"])
        strip.append(painted - frame["arrived"])
        whole.append(painted - (1000 * made[frame["count"]] - found["origin"]))
    report.at_most("strip: a token after its message, p95", percentile(strip, 0.95), STRIP_LIMIT, "ms", spread(strip))
    report.figure("strip: a token after the server took it, p95", f"{percentile(whole, 0.95):.0f} ms", spread(whole))
    drawn = [name for name in CHARTS if any(p["name"] == name for p in paints)]
    behind = {name: _behind(frames, paints, name) for name in drawn}
    worst = max(behind, key=lambda name: max(behind[name]))
    report.at_most("charts: behind the newest message, max", max(behind[worst]), CHART_LIMIT, "ms", f"worst: {worst}")
    for name in drawn:
        text = f"{percentile(behind[name], 0.95):.0f} ms"
        report.figure(f"  {name}, p95", text, f"{len(behind[name])} pictures; {spread(behind[name])}")
    ends = [_first_paint(paints, name, frames[-1]["number"]) for name in ("strip", *drawn)]
    last = max(ends) - (1000 * made[steps] - found["origin"])
    report.at_most("the last frame after the last token", last, LAST_LIMIT, "ms", f"all of {len(ends)} panels")
    length = (frames[-1]["arrived"] - frames[0]["arrived"]) / 1000
    report.figure("the run", f"{length:.1f} s", f"{len(frames)} frames, {steps / length:.1f} tokens/s")
    tasks = [task["duration"] for task in found["longTasks"]]
    longest = max(tasks, default=0)
    report.figure("long tasks of the page", f"{len(tasks)}", f"{sum(tasks):.0f} ms in all, longest {longest:.0f}")


def _first_paint(paints: list[dict[str, Any]], name: str, number: int) -> float:
    """When `name` first showed frame `number` or a later one; never is infinitely late."""
    return min((p["at"] for p in paints if p["name"] == name and p["number"] >= number), default=float("inf"))


def _behind(frames: list[dict[str, Any]], paints: list[dict[str, Any]], name: str) -> list[float]:
    """At each paint of a chart: for how long (ms) the page had known a newer token than the one that was on screen,
    whether or not its message brought anything for this chart."""
    shown, late = frames[0]["number"] - 1, []
    for paint in (p for p in paints if p["name"] == name):
        newer = [frame["arrived"] for frame in frames if shown < frame["number"] <= paint["number"]]
        if newer:
            late.append(paint["at"] - newer[0])
            shown = paint["number"]
    return late if shown >= frames[-1]["number"] else [*late, float("inf")]


def _growth(report: Report, before: dict[str, float], after: dict[str, float], many: int) -> None:
    """The same text of `many` tokens a second time: what the page holds more than after the first."""
    for key, spare, name in (("Nodes", SPARE_NODES, "DOM nodes"), ("JSEventListeners", SPARE_LISTENERS, "listeners")):
        more = int(after[key] - before[key])
        what = f"{name}: another {many} tokens, at most {spare} more"
        report.invariant(what, more <= spare, f"{before[key]:.0f} {more:+d}")
    heap = (after["JSHeapUsedSize"] - before["JSHeapUsedSize"]) / 2**20
    report.figure("heap of the page", f"{after['JSHeapUsedSize'] / 2**20:.0f} MiB", f"{heap:+.1f} MiB")
