"""The grids and heat-maps: texts can't break out of their templates, values are data."""

from typing import Any

import pytest

from playground.components.heat_map import HeadGrid, HeatMap, StationList, TokenRays
from playground.components.live_grid import LiveGrid

HOSTILE = '"><script>alert(1)</script>'
MAKERS: dict[str, Any] = {
    "LiveGrid": lambda text: LiveGrid(channel="c", description=text, style=text, words=text),
    "HeadGrid": lambda text: HeadGrid(channel="c", gaze="g", grows="g", description=text),
    "HeatMap": lambda text: HeatMap(channel="c", gaze="g", grows="g", description=text),
    "TokenRays": lambda text: TokenRays(channel="c", gaze="g", description=text),
    "StationList": lambda text: StationList(channel="c", gaze="g", description=text),
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_text_can_not_break_out_of_the_template(name: str) -> None:
    assert "<script" not in MAKERS[name](HOSTILE).html_template


@pytest.mark.parametrize("name", MAKERS)
def test_it_says_what_it_is(name: str) -> None:
    assert 'aria-label="Every head"' in MAKERS[name]("Every head").html_template


@pytest.mark.parametrize("name", ["HeadGrid", "HeatMap"])
def test_a_value_is_data_and_not_markup(name: str) -> None:
    value = '{"labels":["<script>alert(1)</script>"]}'
    assert MAKERS[name]("d").postprocess(value) == value


def test_a_grid_without_words_has_no_line_for_them() -> None:
    assert "grid-words" not in LiveGrid(channel="c", description="d").html_template
    assert "grid-words" in LiveGrid(channel="c", description="d", words="w").html_template
