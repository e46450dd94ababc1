"""The Attention tab: masks and padding of a batch, the weights of every head, and what the KV cache keeps."""

from typing import Any

import gradio as gr

from playground.components.door import Door
from playground.components.gaze import Gaze, looked
from playground.components.heat_map import HeadGrid, HeatMap, TokenRays
from playground.components.live_bus import LiveBus, frame
from playground.components.live_grid import LiveGrid
from playground.components.live_plot import LivePlot
from playground.components.live_text import LiveText
from playground.i18n import Translator
from playground.runs.links import BESIDE
from playground.tabs import delivery, links
from playground.tabs.attention.growing import MOST_NEW
from playground.tabs.attention.linked import LinkedAttention
from playground.tabs.attention.session import AttentionSession
from playground.tabs.brought import Brought
from playground.tabs.built import Arriving, Built, Linked
from playground.tabs.delivery import lossless
from playground.tabs.per_visitor import PerVisitor, Whose

MASKS = ("causal", "padding", "window", "together")
FOLDED = {name: name for name in ("masks", "entropy", "sink", "distance", "cache")} | {"lab": "padding"}


def build(tabs: PerVisitor[LinkedAttention], t: Translator, opened: gr.Tab) -> Built:
    """Lay out the tab inside the `gr.Tab`, in one language, and wire it."""
    brought = tabs.tab(Whose(t.language)).brought
    state = gr.State(AttentionSession(), delete_callback=AttentionSession.stop)
    bus = LiveBus(frame(tabs.tab(Whose(t.language)).first_frame()), elem_id="attention-bus")
    with gr.Column(elem_id="attention", elem_classes="sections"):
        LiveText(channel="attention.link", style="link-words", live=True, elem_id="attention-link")
        LiveText(channel="attention.notice", style="notice", live=True)
        text, buttons, drawn = _build_heads(brought, t)
        batch = _build_masks(brought, t)
        with gr.Group(elem_classes=delivery.FOLDS):
            head("lab", t)
            LiveText(channel="attention.lab_words", style="headline", settles=True)
            LiveGrid(channel="attention.lab", description=t("attention.lab.title"), style="lab", elem_id="padding-lab")
        _build_cache(t)
    linked = _wire(tabs, opened, state, bus, batch, text, buttons, drawn)
    arriving = Arriving(lossless(tabs.arrive), [state, *batch, text], [bus, *drawn])
    return Built(None, state, [], arriving, linked, texts=[batch[0], text])


def head(name: str, t: Translator) -> None:
    """The title of a section and one line on how to read it."""
    delivery.head(t(f"attention.{name}.title"), t(f"attention.{name}.hint"), t, fold=FOLDED.get(name, ""))


def _build_masks(brought: Brought, t: Translator) -> list[Any]:
    with gr.Group(elem_classes=delivery.FOLDS):
        head("masks", t)
        with gr.Row(elem_classes="masks"):
            with gr.Column(elem_classes="mask-controls", min_width=240):
                texts = gr.Textbox(
                    "\n".join(brought.batch),
                    label=t("attention.texts"),
                    lines=3,
                    max_lines=4,
                    elem_id="attention-texts",
                )
                side = gr.Radio(
                    [(t("attention.side.left"), "left"), (t("attention.side.right"), "right")], value="left",
                    label=t("attention.side"), elem_id="attention-side", elem_classes="segmented",
                )  # fmt: skip
                window = gr.Number(0, label=t("attention.window"), precision=0, elem_id="attention-window")
                LiveText(channel="attention.window_note", style="lesson")
            with gr.Column(elem_classes="mask-pictures"):
                LiveGrid(
                    channel="attention.batch", gaze="attention.text", description=t("attention.batch.title"),
                    style="batch", elem_id="batch",
                )  # fmt: skip
                with gr.Row(elem_classes="equation"):
                    for name in MASKS:
                        with gr.Column(elem_classes=["mask", f"mask-{name}"], min_width=0):
                            gr.HTML(
                                f'<div class="mask-head"><b>{t(f"attention.{name}.title")}</b>'
                                f"<span>{t(f'attention.{name}.hint')}</span></div>",
                                js_on_load=None,
                                apply_default_css=False,
                            )
                            LiveGrid(
                                channel=f"attention.{name}",
                                description=t(f"attention.{name}.title"),
                                style="mask",
                                words=t("attention.point") if name == "together" else "",
                                elem_id=f"mask-{name}",
                            )
        LiveText(channel="attention.mask_words", style="words")
        LiveText(channel="attention.badge", style="badge", live=True, elem_id="attention-badge")
    return [texts, side, window]


def _build_heads(brought: Brought, t: Translator) -> tuple[gr.Textbox, dict[str, Any], list[Any]]:
    buttons: dict[str, Any] = {}
    with gr.Group(elem_classes="panel"):
        head("heads", t)
        with gr.Row(elem_classes="bar"):
            text = gr.Textbox(
                brought.looked_at, label=t("attention.look.label"), show_label=False, lines=2, max_lines=8,
                elem_id="attention-prompt", scale=6,
            )  # fmt: skip
            buttons["look"] = gr.Button(t("attention.look"), variant="primary", elem_id="attention-look", min_width=90)
        with gr.Row(elem_classes="bar small"):
            buttons["mode"] = gr.Radio(
                [(t("mode.greedy"), "greedy"), (t("attention.mode.sample"), "sample")], value="greedy",
                label=t("mode.label"), show_label=False, elem_id="attention-mode", elem_classes="segmented",
            )  # fmt: skip
            buttons["new"] = gr.Number(24, label=t("attention.new"), precision=0, maximum=MOST_NEW, min_width=90)
            buttons["seed"] = gr.Number(3, label=t("seed.label"), precision=0, min_width=90)
            buttons["grow"] = gr.Button(t("attention.grow") + " ▶", elem_id="attention-grow", min_width=90)
            buttons["stop"] = gr.Button(t("button.stop"), elem_id="attention-stop", min_width=70)
            buttons["average"] = gr.Button(t("attention.average"), elem_id="attention-average", min_width=120)
        LiveText(channel="attention.sentence", style="headline", settles=True, elem_id="attention-sentence")
        TokenRays(
            channel="attention.text", gaze="attention.query", description=t("attention.rays"), elem_id="attention-text"
        )
        with gr.Row(elem_classes="two"):
            with gr.Column(min_width=0):
                LiveText(channel="attention.grid_note", style="words")
                grid = HeadGrid(
                    channel="attention.selected", gaze="attention.head", grows="attention.grow",
                    description=t("attention.grid.description"), elem_id="head-grid",
                )  # fmt: skip
            with gr.Column(min_width=0):
                large = HeatMap(
                    channel="attention.marked", gaze="attention.query", grows="attention.grow",
                    description=t("attention.large.description"), elem_id="large-map",
                )  # fmt: skip
    with gr.Row(elem_classes="charts three"):
        for name in ("entropy", "sink", "distance"):
            with gr.Group(elem_classes=delivery.FOLDS):
                head(name, t)
                if name == "distance":
                    LivePlot(
                        channel="attention.distance", description=t("attention.distance.title"), size="head-chart",
                        elem_id="attention-distance",
                    )  # fmt: skip
                    continue
                LiveGrid(
                    channel=f"attention.{name}", gaze="attention.head", description=t(f"attention.{name}.title"),
                    style="measures", words=t("attention.measure.point"), elem_id=f"attention-{name}",
                )  # fmt: skip
    return text, buttons, [grid, large]


def _build_cache(t: Translator) -> None:
    with gr.Group(elem_classes=delivery.FOLDS):
        head("cache", t)
        LiveText(channel="attention.cache_formula", style="formula", elem_id="cache-formula")
        LiveText(channel="attention.cache_cost", style="words")
        with gr.Row(elem_classes="two"):
            with gr.Column(min_width=0):
                LiveGrid(
                    channel="attention.kept", description=t("attention.cache.picture"), style="kept",
                    words=t("attention.cache.point"), elem_id="cache-kept",
                )  # fmt: skip
            with gr.Column(min_width=0):
                LivePlot(
                    channel="attention.work", description=t("attention.cache.title"), size="head-chart",
                    elem_id="cache-work",
                )  # fmt: skip


def _wire(
    tab: PerVisitor[LinkedAttention], opened: gr.Tab, state: gr.State, bus: LiveBus, batch: list[Any], text: gr.Textbox,
    buttons: dict[str, Any], drawn: list[Any],
) -> Linked:  # fmt: skip
    grid, large = drawn
    streaming: dict[str, Any] = {
        "outputs": [bus, grid, large], "show_progress": "hidden", "trigger_mode": "multiple",
        "concurrency_limit": None, "api_visibility": "private",
    }  # fmt: skip
    texts, side, window = batch
    opened.select(lossless(tab.open), inputs=[state, *batch, text], **streaming)
    for event in (texts.change, side.change, window.change):
        event(lossless(tab.batch), inputs=[state, *batch], **streaming)
    for event in (buttons["look"].click, text.submit):
        event(lossless(tab.look), inputs=[state, text], **streaming)
    buttons["grow"].click(
        lossless(tab.grow), inputs=[state, text, buttons["mode"], buttons["new"], buttons["seed"]], **streaming
    )
    buttons["stop"].click(lossless(tab.stop), inputs=[state], **streaming)
    buttons["average"].click(lossless(tab.average), inputs=[state], **streaming)
    looking = {**streaming, "trigger_mode": "always_last"}
    for name, handler, inputs in (
        ("attention.text", tab.choose, batch), ("attention.head", tab.pick_head, []),
        ("attention.query", tab.pick_query, []),
    ):  # fmt: skip
        gaze = Gaze(name)
        gaze.input(lossless(looked(name, handler)), inputs=[state, gaze, *inputs], **looking)
    bus.resync(lossless(tab.resync), inputs=[state, *batch], **streaming)
    door = Door("attention", links.homes(), BESIDE)

    def open_after(chosen: Any) -> None:
        chosen.then(
            lossless(tab.open_link), inputs=[state, door, *batch, text], outputs=[*batch, text, bus], queue=False,
            show_progress="hidden", api_visibility="private",
        ).then(lossless(tab.run_link), inputs=[state, *batch, text], **streaming)  # fmt: skip

    return Linked(door, open_after)
