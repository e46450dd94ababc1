"""The Generate tab: a person types, runs, stops, goes back, and watches every token being chosen."""

import random
from functools import partial
from typing import Any

import gradio as gr

from playground.catalog import BY_NAME, PARAMETERS
from playground.components.finder import Finder
from playground.components.knob_bank import KnobBank
from playground.components.live_bars import LiveBars
from playground.components.live_bus import LiveBus
from playground.components.live_button import LiveButton
from playground.components.live_plot import LivePlot
from playground.components.live_text import LiveText
from playground.components.text_knob import TextKnob
from playground.components.token_strip import Shading, TokenStrip
from playground.examples import EXAMPLES
from playground.i18n import Translator
from playground.lists import LISTS
from playground.tabs import dice, written_fields
from playground.tabs.controls import SPEEDS, Controls, drawer, knob, order_list, text_knob
from playground.tabs.delivery import lossless, panel_head
from playground.tabs.dice import DicePanels
from playground.tabs.generate_handlers import GenerateTab
from playground.tabs.session import Session
from playground.views.notation import UNITS

SHADINGS = ("probability", "surprisal", "rank", "entropy", "watermark")


def build(tab: GenerateTab, bus: LiveBus, demo: gr.Blocks) -> None:
    """Lay out the tab inside a `gr.Tab` and wire it."""
    t = tab.t
    state = gr.State(tab.new_session(), delete_callback=Session.stop)
    with gr.Row(elem_id="generate", equal_height=False):
        with gr.Column(elem_id="controls", min_width=280):
            controls = _build_controls(t)
        with gr.Column(elem_id="results"):
            strip, act, bars, plots, panels = _build_results(controls, t)
    _wire(tab, bus, demo, state, controls, strip, act, bars, plots, panels)


def _build_controls(t: Translator) -> Controls:
    first = EXAMPLES[0]
    with gr.Group(elem_classes="panel"):
        prompt = gr.Textbox(
            first.prompt, label=t("prompt.label"), placeholder=t("prompt.placeholder"), lines=2, max_lines=6,
            elem_id="prompt",
        )  # fmt: skip
        with gr.Row(elem_classes="chips"):
            examples = {e.key: gr.Button(t(f"example.{e.key}.name"), size="sm", elem_classes="chip") for e in EXAMPLES}
        mode = gr.Radio(
            [(t("mode.greedy"), "greedy"), (t("mode.sample"), "sample")],
            value="sample" if first.do_sample else "greedy", label=t("mode.label"), show_label=False,
            elem_id="mode", elem_classes="segmented",
        )  # fmt: skip
        values = {p.name: first.values.get(p.name, p.neutral) for p in PARAMETERS}
        bank = KnobBank(values, name="generate", elem_id="knobs")
        for parameter in PARAMETERS:
            if parameter.is_common:
                knob(parameter, values[parameter.name], t, bank="generate")
        with gr.Accordion(t("parameters.more"), open=False, elem_classes="more"):
            Finder(placeholder=t("parameters.search"), nothing=t("parameters.no_match"), elem_id="finder")
            texts: dict[str, TextKnob] = {}
            for name in drawer():
                if name in LISTS:
                    texts[name] = text_knob(name, t)
                else:
                    knob(BY_NAME[name], values[name], t, bank="generate")
        gr.HTML(f"<p>{t('parameters.greedy_note')}</p>", elem_classes="greedy-note", js_on_load=None)
        with gr.Row(elem_classes="fields"):
            seed = gr.Number(first.seed, label=t("seed.label"), precision=0, elem_id="seed", min_width=70)
            dice = gr.Button(t("seed.dice"), elem_id="dice", min_width=36)
            length = gr.Number(
                first.max_new_tokens, label=t("length.label"), precision=0, elem_id="length", min_width=70
            )
        with gr.Row(elem_classes="buttons"):
            run = gr.Button(t("button.run") + " ▶", variant="primary", elem_id="run", min_width=90)
            step = gr.Button(t("button.step"), elem_id="step", min_width=60)
            pause = LiveButton(t("button.pause"), channel="pause", elem_id="pause", min_width=60)
        with gr.Row(elem_classes="buttons"):
            back = gr.Button(t("button.back"), elem_id="back", min_width=60)
            stop = gr.Button(t("button.stop"), elem_id="stop", min_width=60)
        with gr.Row(elem_classes="fields"):
            speed = gr.Dropdown(
                [(t(f"speed.{name}"), name) for name in SPEEDS], value="lively", label=t("speed.label"),
                elem_id="speed", min_width=100, filterable=False,
            )  # fmt: skip
            unit = gr.Radio(
                list(UNITS),
                value="nats",
                label=t("unit.label"),
                elem_id="unit",
                elem_classes="segmented",
                min_width=100,
            )
        LiveText(channel="lesson", style="lesson")
    return Controls(
        prompt, mode, seed, dice, length, speed, unit, order_list(t), bank, texts, examples, run, step, pause,
        stop, back,
    )  # fmt: skip


def _build_results(
    controls: Controls, t: Translator
) -> tuple[TokenStrip, LiveText, LiveBars, dict[str, LivePlot], DicePanels]:
    LiveText(channel="notice", style="notice", live=True)
    with gr.Group(elem_classes="panel strip-panel"):
        strip = TokenStrip(
            channel="strip",
            shadings=[Shading(*(t(f"shading.{name}{end}") for end in ("", ".pale", ".strong"))) for name in SHADINGS],
            title=t("strip.title"),
            hint=t("strip.hint"),
            chooser=t("strip.chooser"),
            on_demand=SHADINGS.index("watermark"),
            elem_id="strip",
        )
        LiveText(channel="badge", style="badge", live=True, elem_id="badge")
        LiveText(channel="watermark", style="watermark", elem_id="watermark")
    act = LiveText(channel="headline", style="headline", elem_id="headline")
    plots = {}
    with gr.Row(elem_classes="charts"):
        with gr.Group(elem_classes="panel"):
            panel_head("next_token", t)
            bars = LiveBars(
                description=t("chart.next_token.description"), channel="next_token", elem_id="chart-next_token"
            )
        for name in ("cutoffs", "temperature", "trajectory"):
            with gr.Group(elem_classes="panel"):
                panel_head(name, t)
                plots[name] = LivePlot(
                    description=t(f"chart.{name}.description"), channel=name, size=name, elem_id=f"chart-{name}"
                )
    panels = DicePanels(controls, t)
    with gr.Row(elem_classes="charts"):
        with gr.Group(elem_classes="panel"):
            panel_head("stages", t)
            LiveText(channel="stages", style="stages", elem_id="stages")
        with gr.Group(elem_classes="panel"):
            panel_head("code", t)
            LiveText(channel="code", style="code", elem_id="code")
    return strip, act, bars, plots, panels


def _wire(
    tab: GenerateTab, bus: LiveBus, demo: gr.Blocks, state: gr.State, controls: Controls, strip: TokenStrip,
    act: LiveText, bars: LiveBars, plots: dict[str, LivePlot], panels: DicePanels,
) -> None:  # fmt: skip
    inputs = [state, *controls.all]
    # Runs of many visitors go on side by side (the model takes one forward pass at a time by itself).
    streaming: dict[str, Any] = {
        "inputs": inputs, "outputs": [bus], "show_progress": "hidden", "trigger_mode": "multiple",
        "concurrency_limit": None, "api_visibility": "private",
    }  # fmt: skip
    looking: dict[str, Any] = {
        "inputs": inputs, "outputs": [bus], "show_progress": "hidden", "trigger_mode": "always_last", "queue": False,
        "api_visibility": "private",
    }  # fmt: skip
    verifying: dict[str, Any] = {
        "inputs": [state], "outputs": [bus], "show_progress": "hidden", "concurrency_limit": 4,
        "api_visibility": "private",
    }  # fmt: skip
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}

    verify = lossless(tab.verify)
    for event, handler in (
        (controls.run.click, tab.run),
        (controls.prompt.submit, tab.run),
        (controls.step.click, tab.step),
        (controls.pause.press, tab.pause),
        (controls.back.click, tab.back),
        (bars.pick, tab.branch),
    ):
        event(lossless(handler), **streaming).then(verify, **verifying)
    controls.stop.click(lossless(tab.stop), **streaming)

    for event in (strip.pick, plots["trajectory"].pick):
        event(lossless(tab.inspect), **looking)
    for event in (controls.mode.change, controls.bank.input):
        event(lossless(tab.redraw), **looking)
    for text in controls.texts.values():
        text.input(lossless(partial(written_fields.reread, tab)), **looking)
    controls.unit.change(lossless(tab.change_unit), **looking)
    act.act(lossless(tab.follow), **looking)
    bus.resync(lossless(tab.resync), **looking)
    dice.wire(tab, panels, state, controls, streaming, looking, (verify, verifying))

    controls.dice.click(lambda: random.randrange(10_000), outputs=[controls.seed], queue=False, **quiet)
    texts = [controls.texts[name] for name in LISTS]
    filled = [controls.prompt, controls.mode, controls.seed, controls.length, controls.bank, *texts, controls.order]
    for example in EXAMPLES:
        controls.examples[example.key].click(
            lossless(partial(tab.load_example, example)),
            inputs=[state], outputs=[*filled, bus], queue=False, **quiet,
        ).then(lossless(tab.run_example), **streaming).then(verify, **verifying)  # fmt: skip
    demo.load(lossless(tab.welcome), inputs=[state], outputs=[bus], concurrency_limit=None, **quiet)
