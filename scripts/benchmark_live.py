"""The live gate: how far what is on screen lags behind the tokens, and what is left behind after hundreds of them."""

import time
from typing import Any
from unittest.mock import patch

from benchmark_page import CHARTS, served, visited
from benchmark_report import Report, largest, percentile, spread

from playground import settings
from playground.engines.huggingface import backend as huggingface
from playground.engines.huggingface.backend import Backend
from playground.tabs.generate import controls
from playground.tabs.generate.handlers import GenerateTab

TOKENS_PER_SECOND = 25.0
STRIP_LIMIT, CHART_LIMIT, LAST_LIMIT = 150, 200, 300  # ms


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
        visit.growth(report, lambda: visit.run(many), f"another {many} tokens")
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
    messages, frames = _of_this_run(found["messages"]), _of_this_run(found["frames"])
    shown: dict[str, list[tuple[float, int]]] = {}  # component -> when it showed how many tokens
    for paint in found["paints"]:
        count = max((f["count"] for f in frames if f["number"] <= paint["number"]), default=0)
        shown.setdefault(paint["name"], []).append((paint["at"], count))
    after_message, after_choice = [], []
    for token in range(1, steps + 1):
        painted = _first(shown["strip"], token)
        after_message.append(painted - _first([(m["at"], m["count"]) for m in messages], token))
        after_choice.append(painted - 1000 * next(made[n] for n in sorted(made) if n >= token) + found["origin"])
    text = spread(after_message)
    report.at_most("strip: a token after its message, p95", percentile(after_message, 0.95), STRIP_LIMIT, "ms", text)
    text = f"{percentile(after_choice, 0.95):.0f} ms"
    report.figure("strip: a token after it was chosen, p95", text, spread(after_choice))
    drawn = [name for name in CHARTS if name in shown]
    behind = {name: _behind(messages, shown[name]) for name in drawn}
    title = "charts: behind the newest message, max"
    worst = {name: largest(late) for name, late in behind.items()}
    note = ", ".join(f"{name} {late:.0f}" for name, late in worst.items())
    report.at_most(title, largest([*worst.values()]), CHART_LIMIT, "ms", note)
    for name in drawn:
        text = f"{percentile(behind[name], 0.95):.0f} ms"
        report.figure(f"  {name}, p95", text, f"{len(behind[name])} pictures; {spread(behind[name])}")
    last = max(_first(shown[name], steps) for name in ("strip", *drawn)) - 1000 * made[steps] + found["origin"]
    report.at_most("the last frame after the last token", last, LAST_LIMIT, "ms", f"strip and {len(drawn)} charts")
    length = (_first([(m["at"], m["count"]) for m in messages], steps) - messages[0]["at"]) / 1000
    brought = len({m["count"] for m in messages})
    note = f"{steps / length:.1f} tokens/s in {brought} messages; {found['skipped']} messages skipped by Gradio"
    report.figure("the run", f"{length:.1f} s", note)
    tasks = [task["duration"] for task in found["longTasks"]]
    longest = max(tasks, default=0)
    report.figure("long tasks of the page", f"{len(tasks)}", f"{sum(tasks):.0f} ms in all, longest {longest:.0f}")


def _of_this_run(carriers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages or frames since the text began anew that say how many tokens it has, and have one."""
    begun = max((i for i, carrier in enumerate(carriers) if carrier["count"] == 0), default=0)  # Gradio may skip one
    return [carrier for carrier in carriers[begun:] if carrier["count"]]


def _first(moments: list[tuple[float, int]], token: int) -> float:
    """The first moment at which there were that many tokens; never is infinitely late."""
    return min((at for at, count in moments if count >= token), default=float("inf"))


def _behind(messages: list[dict[str, Any]], shown: list[tuple[float, int]]) -> list[float]:
    """At each paint of a chart: for how long (ms) the page had known a newer token than the one that was on screen."""
    last, late = 0, []
    for at, count in shown:
        if count > last:
            late.append(at - _first([(m["at"], m["count"]) for m in messages], last + 1))
            last = count
    return late if last >= messages[-1]["count"] else [*late, float("inf")]
