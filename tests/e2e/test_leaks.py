"""Nothing piles up in the page: nodes and listeners after many steps are those after few."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

Tab = Any  # of conftest.py
Growth = Callable[[Any, Callable[[int], None]], dict[str, float]]


@pytest.mark.long  # `make bench ARGS=--smoke` holds every change to the same bound
def test_steps_leave_no_nodes_and_no_listeners(tab: Tab, growth: Growth) -> None:
    tab.pace("fast")

    def again(time: int) -> None:
        tab.type("seed", 11 + time)
        tab.run("Once upon a time", length=60)
        tab.ran(60)
        expect(tab.chart("trajectory")).to_have_attribute("aria-label", re.compile(r"^60\b"))

    more = growth(tab.page, again)
    assert more["Nodes"] <= 40
    assert more["JSEventListeners"] <= 4
