"""The Two models tab: one text under two models, place by place, and what an adapter changes of its base."""

from typing import Any

import gradio as gr

from playground.components.door import Door
from playground.components.gaze import Gaze, looked
from playground.components.heat_map import TokenRays
from playground.components.live_bars import LiveBars
from playground.components.live_bus import LiveBus, frame
from playground.components.live_grid import LiveGrid
from playground.components.live_plot import LivePlot
from playground.components.live_text import LiveText
from playground.i18n import Translator
from playground.runs.links import BESIDE
from playground.tabs import links
from playground.tabs.built import Arriving, Built, Linked
from playground.tabs.delivery import head, lossless
from playground.tabs.lockstep.handlers import STRONGEST, LockstepSession
from playground.tabs.lockstep.linked import LinkedLockstep
from playground.tabs.lockstep.sides import choices
from playground.tabs.per_visitor import PerVisitor, Whose


def build(tabs: PerVisitor[LinkedLockstep], t: Translator, whose: Whose, opened: gr.Tab) -> Built:
    """Lay out the tab inside the `gr.Tab`, in one language, and wire it."""
    own = tabs.tab(whose)
    sides, offered = own.at_first(), choices(own.shelf, t)
    state = gr.State(LockstepSession())
    bus = LiveBus(frame(own.first_frame()), elem_id="lockstep-bus")
    with gr.Column(elem_id="lockstep", elem_classes="sections"):
        LiveText(channel="lockstep.link", style="link-words", live=True, elem_id="lockstep-link")
        LiveText(channel="lockstep.notice", style="notice", live=True)
        with gr.Group(elem_classes="panel"):
            _head("text", t)
            with gr.Row(elem_classes="bar", elem_id="lockstep-sides"):
                first, second = (
                    gr.Dropdown(
                        offered, value=name, label=t(f"lockstep.side.{side}"), filterable=False,
                        elem_id=f"lockstep-{side}", min_width=200,
                    )
                    for side, name in zip(("first", "second"), sides, strict=True)
                )  # fmt: skip
                scale = gr.Slider(
                    0, STRONGEST, 1, step=0.05, label=t("lockstep.scale"), elem_id="lockstep-scale", min_width=240,
                    buttons=[], visible=own.shelf.entry(sides.second).has_adapter,
                )  # fmt: skip
            with gr.Row(elem_classes="bar"):
                text = gr.Textbox(
                    own.brought.compared, label=t("lockstep.prompt"), show_label=False, lines=1, max_lines=4,
                    elem_id="lockstep-prompt", scale=6,
                )  # fmt: skip
                look = gr.Button(t("lockstep.look"), variant="primary", elem_id="lockstep-look", min_width=90)
            LiveText(channel="lockstep.whole", style="headline", settles=True, elem_id="lockstep-whole")
            TokenRays(
                channel="lockstep.text", gaze="lockstep.token", description=t("lockstep.text"), elem_id="lockstep-text"
            )
            LiveText(channel="lockstep.headline", style="words", live=True, elem_id="lockstep-headline")
            LiveText(channel="lockstep.badge", style="badge", live=True, elem_id="lockstep-badge")
        with gr.Row(elem_classes="charts"):
            with gr.Group(elem_classes="panel"):
                _head("next", t)
                LiveBars(channel="lockstep.next", description=t("lockstep.next.title"), elem_id="lockstep-next")
            with gr.Group(elem_classes="panel"):
                _head("chart", t)
                LivePlot(
                    channel="lockstep.chart", description=t("lockstep.chart.title"), size="lockstep-chart",
                    gaze="lockstep.token", keys=t("page.chart_keys"), elem_id="lockstep-chart",
                )  # fmt: skip
        with gr.Row(elem_classes="charts"):
            with gr.Group(elem_classes="panel"):
                _head("apart", t)
                LiveText(channel="lockstep.apart", style="words jumps", elem_id="lockstep-apart")
            with gr.Group(elem_classes="panel"):
                _head("words", t)
                LiveText(channel="lockstep.words", style="stages", elem_id="lockstep-words")
        with gr.Group(elem_classes="panel"):
            _head("lora", t)
            LiveText(channel="lockstep.changes", style="words", elem_id="lockstep-changes")
            LiveGrid(
                channel="lockstep.matrices", description=t("lockstep.lora.title"), style="low-rank",
                words=t("lockstep.lora.point"), elem_id="lockstep-matrices",
            )  # fmt: skip
    linked = _wire(tabs, opened, state, bus, look, (text, first, second, scale))
    arriving = Arriving(lossless(tabs.arrive), [state, text], [bus, first, second, scale])
    return Built(None, state, [], arriving, linked, texts=[text])


def _head(name: str, t: Translator) -> None:
    head(t(f"lockstep.{name}.title"), t(f"lockstep.{name}.hint"), t, is_picture=name in ("next", "chart"))


def _wire(
    tab: PerVisitor[LinkedLockstep], opened: gr.Tab, state: gr.State, bus: LiveBus, look: gr.Button,
    controls: tuple[gr.Textbox, gr.Dropdown, gr.Dropdown, gr.Slider],
) -> Linked:  # fmt: skip
    text, first, second, scale = controls
    events: dict[str, Any] = {
        "outputs": [bus], "show_progress": "hidden", "trigger_mode": "multiple", "concurrency_limit": None,
        "api_visibility": "private",
    }  # fmt: skip
    latest = events | {"trigger_mode": "always_last"}
    offers: dict[str, Any] = {
        "inputs": [state, first, second], "outputs": [first, second, scale], "queue": False, "show_progress": "hidden",
        "api_visibility": "private",
    }  # fmt: skip
    opened.select(lossless(tab.open), inputs=[state, *controls], **events)
    for event in (look.click, text.submit):
        event(lossless(tab.look), inputs=[state, *controls], **events)
    for event in (first.input, second.input):  # a model may take its time to come: another choice does not wait for it
        event(lossless(tab.look), inputs=[state, *controls], **events)
    scale.input(lossless(tab.look), inputs=[state, *controls], **latest)
    for event in (opened.select, second.input):
        event(lossless(tab.offered), **offers)
    gaze = Gaze("lockstep.token")
    gaze.input(lossless(looked("lockstep.token", tab.pick)), inputs=[state, gaze], **latest)
    bus.resync(lossless(tab.resync), inputs=[state], **events)
    door = Door("lockstep", links.homes(), BESIDE)

    def open_after(chosen: Any) -> None:
        chosen.then(
            lossless(tab.open_link), inputs=[state, door, *controls], outputs=[*controls, bus], queue=False,
            show_progress="hidden", api_visibility="private",
        ).then(lossless(tab.run_link), inputs=[state, *controls], **events)  # fmt: skip

    return Linked(door, open_after)
