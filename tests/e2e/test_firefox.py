"""The page in Debian's Firefox: a run, a search, every tab, and not one error; what is drawn by its own rules there."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from playground.i18n import translator
from tests.e2e.firefox import Firefox, FirefoxMissing, firefox

App = Any  # of conftest.py
t = translator()
TABS = {"beam.tab": "#beam", "tab.tokenizer": "#tokenizer", "tab.attention": "#attention", "tab.inside": "#inside"}


@pytest.fixture(scope="module")
def fox(app: App) -> Iterator[Firefox]:
    try:
        with firefox() as browser:
            browser.open(app.url)
            browser.wait_for("document.querySelector('#model .live-text')?.dataset.kind === 'good'")
            yield browser
    except FirefoxMissing as missing:
        pytest.fail(str(missing))


def tab(fox: Firefox, key: str) -> None:
    name = json.dumps(t(key))
    fox.evaluate(f"[...document.querySelectorAll('[role=tab]')].find(e => e.textContent.trim() === {name}).click()")


def test_a_run_a_search_and_every_tab_without_an_error(fox: Firefox) -> None:
    fox.wait_for("document.querySelectorAll('#strip .token').length === 40")
    fox.wait_for("document.querySelectorAll('.live-plot .main-svg').length >= 3")
    before = fox.evaluate("document.querySelector('#badge .live-text').dataset.frame")
    fox.click("#dice")
    fox.click("#run")
    fox.wait_for(f"""(() => {{
        const {{kind, frame}} = document.querySelector('#badge .live-text').dataset;
        return kind === 'good' && Number(frame) > {before};
    }})()""")
    tab(fox, "beam.tab")
    fox.wait_for("document.querySelector('#beam-run')?.offsetParent")
    fox.click("#beam-run")
    fox.wait_for("document.querySelector('#beam-badge .live-text')?.dataset.kind === 'good'")
    for key, place in TABS.items():
        tab(fox, key)
        fox.wait_for(f"document.querySelector('{place}')?.offsetParent")
        fox.wait_for(f"document.querySelectorAll('{place} [data-frame]').length > 0")
        if folder := os.environ.get("PICTURES"):
            Path(folder, f"firefox-{key}.png").write_bytes(fox.picture())
    assert fox.errors == []


def test_the_filled_part_of_a_steppers_track_is_drawn(fox: Firefox) -> None:
    tab(fox, "tab.tokenizer")
    fox.wait_for("document.querySelector('#tokenizer .stepper input')?.offsetParent")
    filled = "getComputedStyle(document.querySelector('#tokenizer .stepper input'), '::-moz-range-progress')"
    accent = "getComputedStyle(document.querySelector('#tokenizer .stepper [data-move=play]')).backgroundColor"
    assert fox.evaluate(f"{filled}.backgroundColor") == fox.evaluate(accent)
    assert float(fox.evaluate(f"parseFloat({filled}.height)")) >= 4


def test_no_number_field_has_spinners(fox: Firefox) -> None:
    for key in ("tab.generate", *TABS):
        tab(fox, key)
        fox.wait_for("document.querySelector('[role=tab][aria-selected=true]')")
        shown = "[...document.querySelectorAll('input[type=number]')].filter(e => e.offsetParent)"
        assert fox.evaluate(f"{shown}.filter(e => getComputedStyle(e).appearance !== 'textfield').length") == 0
