"""The Inside tab: the forward pass station by station, the logit lens, and the anatomy of the model."""

from typing import Any

import gradio as gr

from playground.components.door import Door
from playground.components.gaze import Gaze, looked
from playground.components.heat_map import StationList, TokenRays
from playground.components.live_bus import LiveBus, frame
from playground.components.live_grid import LiveGrid
from playground.components.live_plot import LivePlot
from playground.components.live_text import LiveText
from playground.i18n import Translator
from playground.panels.inside import rounding
from playground.panels.inside.frames import MEASURES
from playground.runs.links import BESIDE
from playground.tabs import delivery, links
from playground.tabs.built import Arriving, Built, Linked
from playground.tabs.delivery import lossless
from playground.tabs.inside.handlers import ROUNDED, InsideSession
from playground.tabs.inside.linked import LinkedInside
from playground.tabs.per_visitor import PerVisitor, Whose


def build(tabs: PerVisitor[LinkedInside], t: Translator, opened: gr.Tab) -> Built:
    """Lay out the tab inside the `gr.Tab`, in one language, and wire it."""
    state = gr.State(InsideSession())
    bus = LiveBus(frame(tabs.tab(Whose(t.language)).first_frame()), elem_id="inside-bus")
    with gr.Column(elem_id="inside", elem_classes="sections"):
        LiveText(channel="inside.link", style="link-words", live=True, elem_id="inside-link")
        LiveText(channel="inside.notice", style="notice", live=True)
        with gr.Group(elem_classes="panel"):
            head("walk", t)
            with gr.Row(elem_classes="bar"):
                text = gr.Textbox(
                    tabs.tab(Whose(t.language)).brought.walked, label=t("inside.prompt"), show_label=False, lines=1,
                    max_lines=4, elem_id="inside-prompt", scale=6,
                )  # fmt: skip
                look = gr.Button(t("inside.look"), variant="primary", elem_id="inside-look", min_width=90)
            TokenRays(channel="inside.text", gaze="inside.token", description=t("inside.text"), elem_id="inside-text")
            LiveText(channel="inside.badge", style="badge", live=True, elem_id="inside-badge")
            StationList(
                channel="inside.stations", gaze="inside.block", description=t("inside.walk.title"), elem_id="stations"
            )  # fmt: skip
            LiveText(channel="inside.head", style="words", elem_id="lm-head")
        with gr.Group(elem_classes=delivery.FOLDS):
            head("lens", t)
            measure = gr.Radio(
                [(t(f"inside.measure.{name}"), name) for name in MEASURES], value="probability",
                label=t("inside.measure"), show_label=False, elem_id="lens-measure", elem_classes="segmented",
            )  # fmt: skip
            LiveText(channel="inside.lens_words", style="headline", settles=True, elem_id="lens-words")
            LiveText(channel="inside.lens_note", style="words")
            with gr.Row(elem_classes="lens-row"):
                LiveGrid(
                    channel="inside.lens", gaze="inside.cell", description=t("inside.lens.title"), style="lens",
                    words=t("inside.lens.point"), elem_id="lens",
                )  # fmt: skip
                LiveText(channel="inside.lens_list", style="stages", elem_id="lens-list")
        with gr.Group(elem_classes=delivery.FOLDS):
            head("rounding", t)
            dtype = gr.Radio(
                list(ROUNDED), value=ROUNDED[0], label=t("inside.rounding.title"), show_label=False,
                elem_id="rounding-dtype", elem_classes="segmented",
            )  # fmt: skip
            LiveText(channel=rounding.WORDS, style="headline", settles=True, elem_id="rounding-words")
            LiveText(channel=rounding.NOTE, style="words", elem_id="rounding-note")
            with gr.Row(elem_classes="charts"):
                LivePlot(
                    channel=rounding.CHART, description=t("inside.rounding.title"), size="anatomy-chart",
                    elem_id="rounding",
                )  # fmt: skip
                LiveText(channel=rounding.TABLE, style="stages", elem_id="rounding-table")
        with gr.Row(elem_classes="charts"):
            with gr.Group(elem_classes=delivery.FOLDS):
                head("anatomy", t)
                LiveText(channel="inside.anatomy_words", style="words")
                LivePlot(
                    channel="inside.anatomy", description=t("inside.anatomy.title"), size="anatomy-chart",
                    elem_id="anatomy",
                )  # fmt: skip
            with gr.Group(elem_classes=delivery.FOLDS):
                head("family", t)
                LiveText(channel="inside.family", style="stages", elem_id="family")
    linked = _wire(tabs, opened, state, bus, text, look, measure, dtype)
    arriving = Arriving(lossless(tabs.arrive), [state, text, measure], [bus])
    return Built(None, state, [], arriving, linked, texts=[text])


def head(name: str, t: Translator) -> None:
    """The title of a section and one line on how to read it."""
    fold = "" if name == "walk" else name
    delivery.head(t(f"inside.{name}.title"), t(f"inside.{name}.hint"), t, fold=fold)


def _wire(
    tab: PerVisitor[LinkedInside], opened: gr.Tab, state: gr.State, bus: LiveBus, text: gr.Textbox, look: gr.Button,
    measure: gr.Radio, dtype: gr.Radio,
) -> Linked:  # fmt: skip
    events: dict[str, Any] = {
        "outputs": [bus], "show_progress": "hidden", "trigger_mode": "multiple", "concurrency_limit": None,
        "api_visibility": "private",
    }  # fmt: skip
    opened.select(lossless(tab.open), inputs=[state, text, measure], **events)
    for event in (look.click, text.submit):
        event(lossless(tab.look), inputs=[state, text, measure], **events)
    for name, handler in (
        ("inside.token", tab.pick_token), ("inside.block", tab.pick_block), ("inside.cell", tab.pick_cell),
    ):  # fmt: skip
        gaze, looking = Gaze(name), events | {"trigger_mode": "always_last"}
        gaze.input(lossless(looked(name, handler)), inputs=[state, gaze, measure], **looking)
    measure.input(lossless(tab.redraw), inputs=[state, measure], **events)
    dtype.input(lossless(tab.round), inputs=[state, dtype], **events)
    bus.resync(lossless(tab.resync), inputs=[state, measure], **events)
    door = Door("inside", links.homes(), BESIDE)

    def open_after(chosen: Any) -> None:
        fields = [text, measure, dtype]
        chosen.then(
            lossless(tab.open_link), inputs=[state, door, *fields], outputs=[*fields, bus], queue=False,
            show_progress="hidden", api_visibility="private",
        ).then(lossless(tab.run_link), inputs=[state, *fields], **events)  # fmt: skip

    return Linked(door, open_after)
