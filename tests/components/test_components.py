"""The live components: what travels is a compact JSON string, texts can't break out of the template, events exist."""

import json
from html.parser import HTMLParser
from typing import Any

import gradio as gr
import pytest

from playground.components.gaze import Gaze
from playground.components.knob import Knob
from playground.components.live_bars import LiveBars
from playground.components.live_bus import LiveBus, frame
from playground.components.live_button import LiveButton
from playground.components.live_plot import PLOTLY_JS, LivePlot
from playground.components.live_text import LiveText
from playground.components.token_strip import Shading, TokenStrip
from tests.loops import in_a_loop

HOSTILE = '"><script>alert(1)</script>'


def knob(**changes: Any) -> Knob:
    arguments: dict[str, Any] = {
        "label": "Top-k", "help_text": "help", "off": "off", "slider": (0, 100, 1), "limits": (0, 1000), "start": 40,
        "neutral": 0, "whole": True, "range_text": "from 0 to 1000", **changes,
    }  # fmt: skip
    return Knob(arguments.pop("value", 0), **arguments)


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


# ---- frames


def test_a_frame_is_compact_json_of_its_channels() -> None:
    assert frame({"a": [1, {"b": "狼"}]}) == '{"channels":{"a":[1,{"b":"狼"}]},"versions":{}}'


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_json_does_not_know_never_reaches_the_page(number: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        frame({"a": {"x": [1.0, number]}})


def test_hostile_text_in_a_frame_comes_back_as_it_went_in() -> None:
    text = "${x} {{x}} <script> \u202e \u2028 ` \\ \" '"
    assert json.loads(frame({"a": text}))["channels"] == {"a": text}


# ---- templates


@pytest.mark.parametrize(
    "make",
    [
        lambda: LivePlot(description=HOSTILE),
        lambda: LiveText(style=HOSTILE),
        lambda: LiveBars(channel="c", description=HOSTILE),
        lambda: LiveButton(HOSTILE, channel="c"),
        lambda: knob(label=HOSTILE, help_text=HOSTILE, off=HOSTILE),
        lambda: TokenStrip(channel="c", gaze="g", shadings=[Shading(HOSTILE, HOSTILE, HOSTILE)], title=HOSTILE,
                           hint=HOSTILE, chooser=HOSTILE),
    ],
    ids=["LivePlot", "LiveText", "LiveBars", "LiveButton", "Knob", "TokenStrip"],
)  # fmt: skip
def test_a_text_can_not_break_out_of_the_template(make: Any) -> None:
    tags = Tags(make().html_template)
    assert tags.found
    assert tags.named("script") == []


def test_the_chart_is_an_image_with_a_description_from_the_start() -> None:
    (chart,) = Tags(LivePlot(description="Bars of something").html_template).named("div")
    assert (chart["role"], chart["aria-label"]) == ("img", "Bars of something")


def test_a_text_that_reports_is_read_out() -> None:
    (quiet,) = Tags(LiveText().html_template).named("div")
    (spoken,) = Tags(LiveText(live=True).html_template).named("div")
    assert "aria-live" not in quiet
    assert spoken["aria-live"] == "polite"


def test_the_strip_has_an_option_and_a_legend_for_each_shading() -> None:
    shadings = [Shading("one", "p1", "s1"), Shading("two", "p2", "s2")]
    strip = TokenStrip(channel="c", gaze="g", shadings=shadings, title="t", hint="h", chooser="by what")
    html = strip.html_template
    tags = Tags(html)
    assert tags.named("select")[0]["aria-label"] == "by what"
    assert len(tags.named("option")) == 2
    legends = [span for span in tags.named("span") if span.get("class") == "token-legend"]
    assert ["hidden" in legend for legend in legends] == [False, True]


def test_the_knob_has_a_named_switch_slider_and_field_with_their_ranges() -> None:
    switch, number, slider = Tags(knob().html_template).named("input")
    assert (switch["type"], switch["role"]) == ("checkbox", "switch")
    assert (number["min"], number["max"], number["step"]) == ("0", "1000", "1")
    assert (slider["min"], slider["max"], slider["step"]) == ("0", "100", "1")
    assert number["aria-label"] == slider["aria-label"] == "Top-k"
    assert Tags(knob(whole=False).html_template).named("input")[1]["step"] == "any"


# ---- events and values


@pytest.mark.parametrize(
    ("make", "event"),
    [
        (lambda: LivePlot(description="d"), "pick"),
        (lambda: Gaze("g"), "input"),
        (lambda: LiveText(), "act"),
        (lambda: knob(), "input"),
    ],
    ids=["LivePlot", "Gaze", "LiveText", "Knob"],
)
def test_what_the_page_triggers_python_can_listen_to(make: Any, event: str) -> None:
    async def build() -> gr.Blocks:
        with gr.Blocks(analytics_enabled=False) as demo:
            getattr(make(), event)(lambda: None, None, None)
        return demo

    listeners = in_a_loop(build).fns.values()
    assert [name for listener in listeners for _, name in listener.targets] == [event]


def test_the_bus_stays_mounted_but_out_of_sight() -> None:
    assert LiveBus().visible == "hidden"  # False would not mount it


@pytest.mark.parametrize("value", [0, 40, 0.85])
def test_a_knob_carries_a_plain_number_both_ways(value: float) -> None:
    made = knob(value=value)
    assert made.preprocess(value) == made.postprocess(value) == value
    assert made.api_info() == {"type": "number"}
    assert made.get_config()["value"] == value


def test_plotly_comes_from_the_installed_package() -> None:
    assert PLOTLY_JS.is_file()
    assert PLOTLY_JS.stat().st_size > 1_000_000
