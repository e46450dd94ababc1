"""What the page draws by itself while a slider is dragged: its arithmetic against Python's, and that numbers are the
server's alone."""

import io
import json
import re
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Page, expect

from playground import catalog
from playground.decoding import pipeline
from playground.decoding.distribution import Distribution
from playground.i18n import translator
from playground.settings import ASSETS
from playground.views.cutoffs import cutoffs
from playground.views.slider_row import Sliders, slider_row

Tab = Any  # of conftest.py
t = translator()

SETTINGS = [
    {"temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p}
    for temperature, top_k, top_p, min_p in (
        (1.0, 0, 1.0, 0.0), (0.8, 0, 0.9, 0.0), (0.5, 40, 0.95, 0.02), (1.6, 0, 0.99, 0.0), (1.0, 3, 0.5, 0.3),
        (0.3, 0, 1.0, 0.001), (2.0, 1000, 1.0, 0.0), (1.2, 5000, 0.7, 0.05), (1.0, 0, 0.0, 1.0), (0.9, 1, 0.3, 0.0),
    )
]  # fmt: skip
ROWS = {
    "steep": lambda: 4 * torch.randn(8192, generator=torch.Generator().manual_seed(1)),
    "flat and wide": lambda: 0.4 * torch.randn(50257, generator=torch.Generator().manual_seed(2)),
    "ties": lambda: torch.randint(0, 9, (600,), generator=torch.Generator().manual_seed(3)).float(),
    "few, some gone": lambda: torch.tensor([1.0, -float("inf"), 0.5, 0.5, -2.0]),
}
ASK = """([row, settings, order, ids, ranks]) => {
    const { base, cuts, final } = window.livePage.shapes(row, settings, order);
    return {
        kept: cuts.map(({ name, kept }) => [name, kept]), final: ids.map((logit) => final.probability(logit)),
        base: ranks.map((rank) => base.at(rank)), mass: ranks.map((rank) => base.mass(rank)),
    };
}"""


@pytest.fixture(scope="module")
def calculator(chromium: Browser) -> Any:
    page = chromium.new_page()
    page.add_script_tag(content="window.livePage = {};")
    page.add_script_tag(path=ASSETS / "live_shapes.js")
    yield page
    page.close()


@pytest.mark.parametrize("order", list(catalog.ORDERS))
@pytest.mark.parametrize("name", list(ROWS))
def test_the_page_computes_shapes_as_python_does(calculator: Page, name: str, order: str) -> None:
    logits = ROWS[name]()
    places = catalog.ORDERS[order]
    row = slider_row(logits, (), Sliders(SETTINGS[0], places))
    assert row is not None
    sent = {"size": row.size, "single": row.single, "groups": row.groups}
    ids = Distribution.of(logits).most_probable(13)
    below = [float(logits[i]) - row.highest for i in ids]
    for settings in SETTINGS:
        stages = pipeline.run(catalog.processors(settings, True, places), torch.tensor([[0]]), logits[None])
        final = stages[-1].outgoing if stages else Distribution.of(logits)
        expected = cutoffs(logits, stages)
        ranks = list(expected.ranks)
        found = calculator.evaluate(ASK, [json.loads(json.dumps(sent)), settings, row.order, below, ranks])
        for (name_there, kept), cut in zip(found["kept"], expected.cuts, strict=True):
            assert name_there == cut.name
            one_by_one = max(kept, cut.kept) <= len(row.single)
            assert kept == cut.kept if one_by_one else kept == pytest.approx(cut.kept, rel=0.05), (settings, cut)
        border = float(final.logits[final.logits > -float("inf")].min()) * settings["temperature"]
        for place, i in enumerate(ids):
            if abs(float(logits[i]) - border) > 1e-4:  # of tokens that tie at the border, which go the order says
                assert found["final"][place] == pytest.approx(float(final.probabilities[i]), rel=0.01, abs=1e-6), (
                    settings
                )
        assert found["mass"] == pytest.approx(expected.cumulative, abs=5e-3), settings  # half a pixel
        assert found["base"] == pytest.approx(expected.probabilities, rel=0.25, abs=1e-9), (
            settings
        )  # a group is 0.1 wide


def test_a_dragged_slider_moves_the_bars_at_once_and_the_numbers_come_from_the_server(tab: Tab) -> None:
    """The server's answers are held up: the bars move all the same, without a number; then the numbers are there."""
    bars = tab.chart("next_token")
    held: list[Any] = []
    tab.page.route("**/gradio_api/run/**", lambda route: held.append(route))
    tab.page.route("**/gradio_api/queue/join*", lambda route: held.append(route))
    fills = "[...document.querySelectorAll('#chart-next_token .bar-fill')].map(e => parseFloat(e.style.width))"
    before = tab.page.evaluate(fills)
    words = tab.bar(0).inner_text()
    tab.knob("temperature").get_by_role("slider").press("ArrowRight")
    tab.page.wait_for_function(f"before => JSON.stringify({fills}) !== JSON.stringify(before)", arg=before)
    drawn = tab.page.evaluate(fills)
    assert re.search(r"\bis-hushed\b", bars.get_attribute("class") or "")
    assert held
    for route in held:
        route.continue_()
    tab.page.unroute_all()
    expect(bars).not_to_have_class(re.compile("is-hushed"))
    expect(tab.bar(0)).not_to_have_text(words)
    assert drawn == pytest.approx(tab.page.evaluate(fills), abs=0.05)  # per cent of the row


# ---- a picture that goes on changing


def exact(tab: Tab, name: str) -> None:
    """Plotly has drawn the figure that the chart shows."""
    tab.page.wait_for_function(
        """name => { const chart = document.querySelector(`#chart-${name} .live-plot`);
            return chart._fullLayout && !chart.classList.contains("is-sketched"); }""",
        arg=name,
    )


def test_a_chart_is_sketched_while_it_changes_and_plotlys_when_it_stands_still(tab: Tab) -> None:
    tab.page.evaluate(
        """() => {
            window.sketched = new Set();
            const note = ({ target }) => { if (target.matches(".is-sketched")) sketched.add(target.classList[1]); };
            const classes = { subtree: true, attributeFilter: ["class"] };
            new MutationObserver((all) => all.forEach(note)).observe(document, classes);
        }"""
    )
    tab.run(length=24, speed="fast")
    tab.ran(24)
    for name in ("cutoffs", "temperature", "trajectory"):
        exact(tab, name)
    assert set(tab.page.evaluate("[...sketched]")) == {"cutoffs", "temperature", "trajectory"}
    drawn = tab.page.evaluate("document.querySelector('#chart-trajectory .live-plot')._fullData[1].x.length")
    assert drawn == 24


def test_under_the_pointer_it_is_plotlys_at_once(tab: Tab) -> None:
    """Only there a chart answers to it."""
    tab.chart("cutoffs").hover()
    before = tab.drawn()
    tab.knob("top_p").get_by_role("spinbutton").evaluate(
        "e => { e.value = 0.7; e.dispatchEvent(new Event('input', { bubbles: true })); }"
    )
    tab.redrawn(before, "cutoffs")
    assert "is-sketched" not in tab.chart("cutoffs").get_attribute("class")
    exact(tab, "cutoffs")


def test_a_sketch_is_the_picture_that_plotly_draws(tab: Tab) -> None:
    """Pixel by pixel but for edges: nothing may jump when the one takes the place of the other."""
    images = pytest.importorskip("PIL.Image")
    for name in ("cutoffs", "temperature", "trajectory"):
        chart = tab.chart(name)
        chart.scroll_into_view_if_needed()
        tab.page.mouse.move(1, 1)
        exact(tab, name)
        plotly = chart.screenshot()
        tab.page.evaluate(
            """name => {
                let figure;
                livePage.at().subscribe(name, (payload) => { figure = payload; });
                livePage.at().preview(name, { ...figure, again: true }); // stays until the server's comes
            }""",
            name,
        )
        tab.page.wait_for_function(
            "name => document.querySelector(`#chart-${name} .live-plot`).classList.contains('is-sketched')", arg=name
        )
        sketch = chart.screenshot()
        one, other = (np.asarray(images.open(io.BytesIO(shot)).convert("L"), int) for shot in (plotly, sketch))
        far = (np.abs(one - other) > 60).mean()
        assert far < 0.01, (name, far)
        tab.page.reload()
        expect(tab.model).to_have_attribute("data-kind", "good")
