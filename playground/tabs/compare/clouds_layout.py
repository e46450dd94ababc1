"""The part of the Compare tab below the lanes: many texts of each, the plane, a text to read, histogram and trap."""

from typing import Any

import gradio as gr

from playground.api.outright import outright
from playground.catalog import BY_NAME
from playground.components.gaze import Gaze, looked
from playground.components.live_bus import LiveBus
from playground.components.live_button import LiveButton
from playground.components.live_plot import LivePlot
from playground.components.live_progress import LiveProgress
from playground.components.live_save import LiveSave
from playground.components.live_text import LiveText
from playground.decoding.clouds import MAX_SAMPLES
from playground.i18n import Translator
from playground.panels.compare.clouds import MEASURES
from playground.runs.strategies.options import Number
from playground.runs.sweep import FEWEST_STEPS, MOST_STEPS, knobs
from playground.tabs import delivery
from playground.tabs.compare.handlers import SAVED
from playground.tabs.compare.linked import LinkedCompare
from playground.tabs.delivery import lossless
from playground.tabs.per_visitor import PerVisitor, language_of
from playground.tabs.state_line import stated
from playground.tabs.ways import ways

TEXTS = 40  # of each lane, at first
FIRST_KNOB, FIRST_SWEEP = "temperature", (0.4, 1.6, 5)


def build(
    tabs: PerVisitor[LinkedCompare], t: Translator, bus: LiveBus, state: gr.State, controls: tuple[Any, ...]
) -> gr.Number:
    """Lay out the clouds and wire them: gives the field that says how many. `controls`: prompt, same dice, speed."""
    with gr.Group(elem_classes=delivery.FOLDS):
        _head("clouds", t, "texts")
        with gr.Row(elem_classes="clouds-bar"):
            count = gr.Number(
                TEXTS, label=t("compare.clouds.count"), minimum=1, maximum=MAX_SAMPLES, precision=0,
                elem_id="compare-count", min_width=90,
            )  # fmt: skip
            draw = LiveButton(
                t("compare.clouds.draw"), channel="compare.clouds.draw", elem_id="compare-draw", elem_classes="primary",
                min_width=90,
            )  # fmt: skip
            stop = LiveButton(
                t("button.stop"), channel="compare.clouds.stop", elem_id="compare-stop-clouds", min_width=60
            )
            knob, first, last, steps = _sweep_controls(t)
            swept = LiveButton(
                t("compare.sweep.button"), channel="compare.clouds.sweep", elem_id="compare-sweep", min_width=60
            )
        LiveProgress(channel="compare.clouds.progress", label=t("compare.clouds.progress.label"))
        LiveText(channel="compare.clouds.made", style="cloud-made")
        with gr.Row(elem_classes="clouds-two"):
            with gr.Column():
                axes = LiveText(channel="compare.clouds.axes", style="cloud-chips", elem_id="compare-axes")
                LivePlot(
                    description=t("compare.panel.clouds.hint"), channel="compare.clouds.plane", size="diversity-plane",
                    gaze="compare.read", keys=t("page.chart_keys"), elem_id="chart-plane",
                )  # fmt: skip
            with gr.Column():
                LiveText(channel="compare.clouds.text", style="cloud-text", live=True, elem_id="compare-read")
                rate = LiveText(channel="compare.clouds.rate", style="cloud-chips", elem_id="compare-rate")
        LiveText(channel="compare.clouds.table", style="beam-table numbers", elem_id="compare-cloud-table")
        LiveText(channel="compare.clouds.badges", style="cloud-badges", live=True, elem_id="compare-cloud-badges")
        _help(t)
        with gr.Row(elem_classes="compare-more"):
            words = f"<span>{t('compare.save.label')}</span>"
            gr.HTML(words, js_on_load=None, apply_default_css=False)
            saves = {
                what: gr.Button(
                    t(f"compare.save.{what}"), size="sm", elem_classes="chip", elem_id=f"compare-save-{what}"
                )
                for what in SAVED
            }
            LiveSave(channel="compare.save")
    with gr.Row(elem_classes="charts clouds-below"):
        with gr.Group(elem_classes=delivery.FOLDS):
            _head("histogram", t, "counts")
            lanes = LiveText(channel="compare.clouds.lanes", style="cloud-chips", elem_id="compare-cloud-lanes")
            LivePlot(
                description=t("compare.panel.histogram.hint"), channel="compare.clouds.histogram",
                size="token-histogram", elem_id="chart-histogram",
            )  # fmt: skip
            LiveText(channel="compare.clouds.chi", style="cloud-said", elem_id="compare-chi")
        with gr.Group(elem_classes=delivery.FOLDS):
            _head("trap", t, "trap")
            LivePlot(
                description=t("compare.panel.trap.hint"), channel="compare.clouds.trap", size="likelihood-trap",
                gaze="compare.read", keys=t("page.chart_keys"), elem_id="chart-trap",
            )  # fmt: skip
            gr.HTML(f'<p class="live-text cloud-said">{t("compare.trap.caveat")}</p>', js_on_load=None,
                    apply_default_css=False)  # fmt: skip
    for what, button in saves.items():
        button.click(
            lossless(stated(tabs, tabs.save, len(controls))), inputs=[state, gr.State(what), *controls], outputs=[bus],
            show_progress="hidden", api_visibility="private", concurrency_limit=None,
        )  # fmt: skip
    _wire(tabs, bus, state, controls, (count, draw, stop), (knob, first, last, steps, swept), (axes, rate, lanes))
    return count


def _head(name: str, t: Translator, fold: str) -> None:
    delivery.head(t(f"compare.panel.{name}"), t(f"compare.panel.{name}.hint"), t, fold=fold)


def _sweep_controls(t: Translator) -> tuple[Any, ...]:
    choices = [
        (t(one.label if isinstance(one, Number) else f"parameter.{name}.label"), name) for name, one in knobs().items()
    ]
    knob = gr.Dropdown(choices, value=FIRST_KNOB, label=t("compare.sweep.knob"), elem_id="compare-knob", min_width=150)
    first, last = (
        gr.Number(value, label=t(f"compare.sweep.{name}"), elem_id=f"compare-sweep-{name}", min_width=80)
        for name, value in zip(("from", "to"), FIRST_SWEEP, strict=False)
    )
    steps = gr.Number(
        FIRST_SWEEP[2], label=t("compare.sweep.steps"), minimum=FEWEST_STEPS, maximum=MOST_STEPS, precision=0,
        elem_id="compare-sweep-steps", min_width=80,
    )  # fmt: skip
    return knob, first, last, steps


def _help(t: Translator) -> None:
    texts = "".join(f"<dt>{t(f'compare.cloud.{n}')}</dt><dd>{t(f'compare.cloud.help.{n}')}</dd>" for n in MEASURES)
    summary = f"<summary>? {t('compare.help')}</summary>"
    gr.HTML(
        f'<details class="compare-help">{summary}<dl>{texts}</dl></details>', js_on_load=None, apply_default_css=False
    )


def range_of(name: str) -> tuple[float, float]:
    """Where a sweep of a knob begins and ends at first."""
    one = knobs()[name]
    if name == FIRST_KNOB:
        return FIRST_SWEEP[:2]
    low, high, step = one.slider
    neutral = BY_NAME[name].neutral if name in BY_NAME else None
    return (low + step if low == neutral else low), high


def _wire(
    tab: PerVisitor[LinkedCompare], bus: LiveBus, state: gr.State, controls: tuple[Any, ...], drawing: tuple[Any, ...],
    sweeping: tuple[Any, ...], chips: tuple[Any, ...],
) -> None:  # fmt: skip
    count, draw, stop = drawing
    knob, first, last, steps, swept = sweeping
    streaming: dict[str, Any] = {
        "outputs": [bus], "show_progress": "hidden", "trigger_mode": "multiple", "concurrency_limit": None,
        "api_visibility": "private",
    }  # fmt: skip
    looking: dict[str, Any] = {
        "inputs": [state, *controls], "outputs": [bus], "show_progress": "hidden", "queue": False,
        "api_visibility": "private",
    }  # fmt: skip

    def told(handler: Any) -> Any:
        return lossless(stated(tab, handler, len(controls)))

    verify, verifying = lossless(tab.verify_clouds), ways(bus, [state]).verifying
    draw.press(told(tab.draw), inputs=[state, count, *controls], **streaming).then(verify, **verifying)
    swept.press(
        told(tab.sweep), inputs=[state, count, knob, first, last, steps, *controls], **streaming
    ).then(verify, **verifying)  # fmt: skip
    stop.press(told(tab.stop_clouds), inputs=[state, *controls], **streaming).then(verify, **verifying)
    for one in chips:
        one.act(told(tab.cloud_act), trigger_mode="multiple", **looking)
    gaze = Gaze("compare.read")
    gaze.input(
        lossless(looked("compare.read", tab.read)), trigger_mode="always_last",
        **looking | {"inputs": [state, gaze, *controls]},
    )  # fmt: skip
    knob.input(
        outright(lambda session, name: range_of(name), language_of), inputs=[state, knob], outputs=[first, last],
        show_progress="hidden", queue=False, api_visibility="private",
    )  # fmt: skip
