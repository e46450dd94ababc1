"""The live gate of the beam tree: how far it lags behind its messages, and what a second search leaves behind."""

from typing import Any
from unittest.mock import patch

from benchmark_live import _endless
from benchmark_page import Visit, served, visited
from benchmark_report import Report, percentile, spread

from playground.tabs.generate.controls import SPEEDS

BEAMS, STEPS_PER_SECOND = 8, 25.0
TREE_LIMIT, LAST_LIMIT = 150, 300  # ms

# messages {at, count}: one came in that brings the tree to `count` layers; paints {at, count}: so many are shown
RECORDER = """
() => {
  const bench = window.beamBench = { messages: [], paints: [] };
  const parse = JSON.parse;
  JSON.parse = function (text, reviver) {
    const value = parse.call(this, text, reviver);
    if (value && value.msg === "process_generating") {
      const first = value.output && value.output.data && value.output.data[0];
      const frame = typeof first === "string" ? first : Array.isArray(first) && first[0] && first[0][2];
      if (typeof frame === "string" && frame.startsWith('{"channels"')) {
        const tree = parse(frame).channels["beam.tree"];
        if (tree) bench.messages.push({ at: performance.now(), count: tree.start + tree.tokens.length });
      }
    }
    return value;
  };
  const holder = document.querySelector(".beam-tree");
  new MutationObserver(() => {
    const channel = new MessageChannel(), count = Number(holder.dataset.steps);
    channel.port1.onmessage = () => { bench.paints.push({ at: performance.now(), count }); channel.port1.close(); };
    channel.port2.postMessage(0);
  }).observe(holder, { attributes: true, attributeFilter: ["data-steps", "data-frame"] });
}
"""


def measure(report: Report) -> None:
    steps = 12 if report.is_smoke else 40
    title = f"Live gate of the tree: {BEAMS} beams × {steps} steps at {STEPS_PER_SECOND:.0f} a second, default model"
    report.section(title)
    with (
        patch.dict(SPEEDS, aloud=STEPS_PER_SECOND),
        served(_endless()) as address,
        visited(address) as visit,
    ):
        visit.page.get_by_role("tab", name="Beam search").click()
        visit.page.wait_for_selector(".beam-tree[data-steps]")
        visit.page.evaluate(RECORDER)
        _set(visit, "beam-num-beams", BEAMS)
        _set(visit, "beam-length", steps)
        visit.page.locator("#beam-stop-text input, #beam-stop-text textarea").first.fill("")
        _run(visit, steps)
        _latencies(report, visit.page.evaluate("() => beamBench"), steps)
        _run(visit, steps)
        visit.growth(report, lambda: _run(visit, steps), "another search")
        report.invariant("uncaught and console errors", not visit.errors, str(len(visit.errors)))
        report.invariant("requests that leave the machine", not visit.outside, str(len(visit.outside)))
        for line in visit.errors + visit.outside:
            print(f"      {line[:160]}")


def _set(visit: Visit, name: str, value: int) -> None:
    field = visit.page.locator(f"#{name} input[type=number]")
    field.fill(str(value))
    field.press("Tab")


def _run(visit: Visit, steps: int) -> None:
    """Press Run; come back when the search is shown whole and compared with transformers."""
    visit.page.evaluate("() => Object.assign(beamBench, { messages: [], paints: [] })")
    visit.page.locator("#beam-run").click()
    visit.page.wait_for_function(
        """steps => beamBench.messages.some(({count}) => count === 0) && beamBench.paints.at(-1)?.count === steps
           && document.querySelector(".beam-tree").dataset.final === "true"
           && document.querySelector("#beam-badge .live-text").dataset.kind === "good" """,
        arg=steps, timeout=120_000, polling=100,
    )  # fmt: skip
    visit.page.wait_for_timeout(700)


def _latencies(report: Report, found: dict[str, Any], steps: int) -> None:
    begun = max(i for i, m in enumerate(found["messages"]) if m["count"] == 0)
    messages = [(m["at"], m["count"]) for m in found["messages"][begun:] if m["count"]]
    paints = [(p["at"], p["count"]) for p in found["paints"] if p["at"] > found["messages"][begun]["at"]]

    def first(moments: list[tuple[float, int]], step: int) -> float:
        return min((at for at, count in moments if count >= step), default=float("inf"))

    late = [first(paints, step) - first(messages, step) for step in range(1, steps + 1)]
    report.at_most("tree: a step after its message, p95", percentile(late, 0.95), TREE_LIMIT, "ms", spread(late))
    report.at_most("tree: the last step after its message", late[-1], LAST_LIMIT, "ms")
    length = (first(messages, steps) - messages[0][0]) / 1000
    report.figure("the search", f"{length:.1f} s", f"{(steps - 1) / length:.1f} steps/s in {len(messages)} messages")
