"""The bars: the length of each is its probability, the rest is a row, and what is clicked is an id."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from playground.decoding.processors import Temperature, TopK
from playground.panels.figures import theme

Figures = dict[str, dict[str, Any]]
P = (0.05, 0.40, 0.20, 0.10, 0.15, 0.04, 0.03, 0.03)
HOSTILE = ("<b>x</b>", "<img src=x onerror=1>", "var(--plot-ink)", "\u202eabc", "x\x00y")


@pytest.fixture
def bars(figures: Callable[..., Figures]) -> Callable[..., dict[str, Any]]:
    return lambda *arguments, **more: figures(*arguments, **more)["next_token"]


def column(payload: dict[str, Any], name: str) -> list[Any]:
    return [row[name] for row in payload["rows"][:-1]]


def test_the_outline_is_the_model_and_the_fill_is_what_the_settings_leave(bars: Callable[..., dict[str, Any]]) -> None:
    payload = bars(P, (TopK(2),), n=4)
    edges, fills = column(payload, "edge"), column(payload, "fill")
    unit = edges[0] / 0.40
    assert edges == pytest.approx([unit * p for p in (0.40, 0.20, 0.15, 0.10, 0.05)], rel=1e-4)  # id 0, chosen, is last
    assert fills == pytest.approx([unit * 2 / 3, unit / 3, 0, 0, 0], rel=1e-4)


def test_the_longest_bar_leaves_room_for_its_numbers(bars: Callable[..., dict[str, Any]]) -> None:
    for settings in ((), (TopK(1),), (Temperature(0.1),)):
        payload = bars(P, settings, n=4)
        assert max(column(payload, "edge") + column(payload, "fill")) == pytest.approx(0.62, rel=1e-4)


def test_a_click_gives_the_id_of_the_token(bars: Callable[..., dict[str, Any]]) -> None:
    payload = bars(P, n=4)
    assert column(payload, "pick") == [1, 2, 4, 3, 0]
    assert "pick" not in payload["rows"][-1]


def test_the_chosen_token_has_a_colour_of_its_own(bars: Callable[..., dict[str, Any]]) -> None:
    payload = bars(P, n=4, chosen=2)
    assert column(payload, "ink") == [theme.colour("chosen" if i == 1 else "accent") for i in range(4)]
    assert [row.get("lit", False) for row in payload["rows"]] == [False, True, False, False, False]


def test_what_is_removed_stays_in_the_colour_of_what_removed_it(bars: Callable[..., dict[str, Any]]) -> None:
    payload = bars(P, (Temperature(0.5), TopK(2)), n=4, chosen=1)
    cut = theme.cut_colour("top_k")
    assert column(payload, "line") == [theme.colour("ink")] * 2 + [cut] * 2
    assert cut != theme.colour("ink")
    assert [row.get("cut", False) for row in payload["rows"]] == [False, False, True, True, False]


def test_the_rest_is_the_last_row_with_its_count_and_share(bars: Callable[..., dict[str, Any]]) -> None:
    rest = bars(P, n=3, chosen=1)["rows"][-1]
    assert set(rest) == {"name", "text", "title"}  # no bar
    assert "5" in rest["text"]
    assert "25.0 %" in rest["text"]


def test_each_row_has_its_numbers_beside_it(bars: Callable[..., dict[str, Any]]) -> None:
    first, second, third = column(bars(P, (TopK(2),), n=3, chosen=1), "text")
    assert ("40.0 %" in first, "66.7 %" in first) == (True, True)
    assert ("20.0 %" in second, "33.3 %" in second) == (True, True)
    assert ("15.0 %" in third, "top-k" in third) == (True, True)


def test_what_the_pointer_brings_up_names_everything(bars: Callable[..., dict[str, Any]]) -> None:
    title = bars(P, (TopK(2),), n=3, chosen=1)["rows"][1]["title"]
    assert title.split("\n")[0] == "␣w2  id 2"
    assert "rank 2, logit -1.609" in title
    assert ("20.0 %" in title, "33.3 %" in title) == (True, True)


def test_every_colour_is_one_of_the_palette(bars: Callable[..., dict[str, Any]]) -> None:
    payload = bars(P, (TopK(2),), n=4)
    for colour in {*column(payload, "ink"), *column(payload, "line")}:
        for dark in (False, True):
            assert re.fullmatch(r"#[0-9a-f]{6}", theme.resolve(colour, dark))


def test_a_hostile_token_stays_the_text_that_it_is(bars: Callable[..., dict[str, Any]]) -> None:
    labels = [*HOSTILE, "x" * 40]
    payload = bars(tuple([1 / 6] * 6), labels=labels, n=6)
    for row in payload["rows"][:-1]:
        assert len(row["name"]) <= 14
        assert row["title"].startswith(row["name"].rstrip("…"))  # not escaped: it is set as text, never as markup
    json.dumps(payload, allow_nan=False)


def test_a_chinese_name_is_given_the_width_that_it_takes(bars: Callable[..., dict[str, Any]]) -> None:
    assert bars((0.5, 0.5), labels=["a", "b"], n=2)["width"] == 6
    assert bars((0.5, 0.5), labels=["国王的新衣服", "b"], n=2)["width"] == 12
