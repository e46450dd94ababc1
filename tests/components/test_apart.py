"""Two parts of a page that stand apart share no id; without being apart, everything is as it was."""

from typing import Any

import gradio as gr

from playground.components.apart import apart
from playground.components.live_text import LiveText
from playground.engines.loading import ModelSlot
from tests.e2e import two_panels
from tests.loops import in_a_loop


def page(*names: str) -> list[Any]:
    """The parts of a page with the same things in each part of these names, or apart from nothing without names."""

    async def build() -> list[Any]:
        with gr.Blocks(analytics_enabled=False) as demo:
            for name in names:
                with apart(name):
                    laid_out()
            if not names:
                laid_out()
        return list(demo.get_config_file()["components"])

    return in_a_loop(build)


def laid_out() -> None:
    with gr.Row(elem_id="outer"), gr.Group(elem_classes="panel"):
        gr.Textbox(elem_id="prompt", elem_classes="mono")
        LiveText(channel="badge", style="badge", elem_id="badge")
        gr.Button("no id")


def ids(parts: list[Any]) -> list[Any]:
    return [part["props"]["elem_id"] for part in parts if part["props"].get("elem_id")]


def test_whatever_lies_in_a_part_has_an_id_of_its_own_however_deep() -> None:
    own = ["outer", "prompt", "badge"]
    assert ids(page()) == own
    assert ids(page("left", "right")) == [
        name for side in ("left", "right") for name in (side, *(f"{side}-{one}" for one in own))
    ]


def test_a_part_has_the_class_and_its_contents_keep_channels_and_classes() -> None:
    parts = {part["props"].get("elem_id"): part for part in page("left")}
    assert "apart" in parts["left"]["props"]["elem_classes"]
    assert parts["left-prompt"]["props"]["elem_classes"] == ["mono", "prompt"]  # how it looks hangs on its id, too
    assert parts["left-badge"]["props"]["elem_classes"] == []  # but `.badge` is what it shows, not itself
    assert parts["left-badge"]["props"]["props"]["channel"] == "badge"


def test_a_whole_panel_stands_twice_on_a_page_without_one_id_twice() -> None:
    async def build() -> list[Any]:
        return list(two_panels.build(ModelSlot("storyteller")).get_config_file()["components"])

    found = ids(in_a_loop(build))
    assert len(found) == len(set(found)) > 100
    one, other = ({i.removeprefix(side) for i in found if i.startswith(side)} for side in two_panels.SIDES)
    assert one == other
    assert len(one) + len(other) == len(found)
