"""Nothing piles up in the page: nodes and listeners after many steps are those after few."""

import re
from typing import Any

from playwright.sync_api import expect

Tab = Any  # of conftest.py


def measured(tab: Tab, session: Any) -> dict[str, float]:
    for _ in range(2):  # what the first pass finalises, the second frees
        session.send("HeapProfiler.collectGarbage")
    metrics = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
    return {name: metrics[name] for name in ("Nodes", "JSEventListeners")}


def test_two_hundred_steps_leave_no_nodes_and_no_listeners(tab: Tab) -> None:
    session = tab.page.context.new_cdp_session(tab.page)
    session.send("Performance.enable")
    tab.pace("fast")
    found = []
    for seed in (11, 12):
        tab.type("seed", seed)
        tab.run("Once upon a time", length=100)
        tab.ran(100)
        expect(tab.chart("trajectory")).to_have_attribute("aria-label", re.compile(r"^100\b"))
        found.append(measured(tab, session))
    first, second = found
    assert second["Nodes"] <= first["Nodes"] * 1.02
    assert second["JSEventListeners"] <= first["JSEventListeners"] * 1.02
