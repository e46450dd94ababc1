"""The Generate tab: a person types, runs, stops, goes back, and watches every token being chosen."""

import random
from collections.abc import Callable
from functools import partial
from typing import Any

import gradio as gr

from playground.api.outright import outright
from playground.catalog import BY_NAME, PARAMETERS
from playground.components.door import Door
from playground.components.finder import Finder
from playground.components.gaze import Gaze, looked
from playground.components.knob_bank import KnobBank
from playground.components.live_bars import LiveBars
from playground.components.live_bus import LiveBus
from playground.components.live_button import LiveButton
from playground.components.live_plot import LivePlot
from playground.components.live_text import LiveText
from playground.components.saver import Saver
from playground.components.text_knob import TextKnob
from playground.components.token_strip import Shading, TokenStrip
from playground.components.tour import Tour
from playground.i18n import Translator
from playground.lists import LISTS
from playground.runs.links import BESIDE
from playground.tabs import links, state_line
from playground.tabs.brought import Brought
from playground.tabs.built import Arriving, Built, Linked, chips
from playground.tabs.delivery import FOLDS, RUN_FILES, lossless, panel_head, picture_tools, saver_texts
from playground.tabs.generate import dice
from playground.tabs.generate.controls import SPEEDS, Controls, drawer, kinds, knob, order_list, text_knob, turns_of
from playground.tabs.generate.dice import DicePanels
from playground.tabs.generate.handlers import GenerateTab
from playground.tabs.generate.session import Session
from playground.tabs.per_visitor import PerVisitor, Whose, language_of
from playground.tabs.state_line import stated
from playground.tabs.ways import ways
from playground.views.notation import UNITS

SHADINGS = ("probability", "surprisal", "rank", "entropy", "watermark")


def build(tabs: PerVisitor[GenerateTab], t: Translator, bus: LiveBus, demo: gr.Blocks) -> Built:
    """Lay out the tab inside a `gr.Tab`, in one language, and wire it; its parts, for whoever else reads them."""
    state = gr.State(tabs.tab().new_session(), delete_callback=Session.stop)
    with gr.Row(elem_id="generate", equal_height=False):
        with gr.Column(elem_id="controls", min_width=280):
            controls = _build_controls(tabs.tab(Whose(t.language)).brought, t)
        with gr.Column(elem_id="results"):
            bars, made, panels = _build_results(controls, t)
    linked = _wire(tabs, t, bus, demo, state, controls, bars, made, panels)
    arriving = Arriving(lossless(stated(tabs, tabs.arrive, len(controls.all))), [state, *controls.all], [bus])
    return Built(controls, state, list(controls.examples.values()), arriving, linked)


def _build_controls(brought: Brought, t: Translator) -> Controls:
    first = brought.examples[0]
    with gr.Group(elem_classes="panel"):
        turns = turns_of(t, "turns", "prompt")
        prompt = gr.Textbox(
            first.prompt, label=t("prompt.label"), placeholder=t("prompt.placeholder"), lines=2, max_lines=6,
            elem_id="prompt",
        )  # fmt: skip
        with gr.Row(elem_classes="buttons"):
            run = LiveButton(t("button.run") + " ▶", channel="run", elem_id="run", elem_classes="primary", min_width=90)
            step = gr.Button(t("button.step"), elem_id="step", min_width=60)
            pause = LiveButton(t("button.pause"), channel="pause", elem_id="pause", min_width=60)
        with gr.Row(elem_classes="buttons"):
            back = gr.Button(t("button.back"), elem_id="back", min_width=60)
            stop = LiveButton(t("button.stop"), channel="stop", elem_id="stop", min_width=60)
        prompt_end = LiveText(channel="prompt_end", style="prompt-end", elem_id="prompt-end")
        with gr.Row(elem_classes="chips"):
            show_me = f'<button type="button" class="show-me">▶ {t("tour.show_me")}</button>'
            gr.HTML(show_me, js_on_load=None, apply_default_css=False)
            examples = chips([t(f"example.{e.key}.name") for e in brought.examples])
        LiveText(channel="lesson", style="lesson")
        tour = Tour(channel="tour", close=t("tour.close"), elem_id="tour")
        mode = gr.Radio(
            [(t(kind.label), kind.name) for kind in kinds()],
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
    return Controls(
        prompt, mode, seed, dice, length, speed, unit, order_list(t), bank, texts, examples, run, step, pause,
        stop, back, prompt_end, tour, turns,
    )  # fmt: skip


def _build_results(controls: Controls, t: Translator) -> tuple[LiveBars, LiveText, DicePanels]:
    LiveText(channel="lesson", style="lesson-first", elem_classes="only-narrow")  # as among the controls: see style.css
    with gr.Group(elem_classes="panel strip-panel"):
        TokenStrip(
            channel="strip",
            gaze="generate.token",
            shadings=[Shading(*(t(f"shading.{name}{end}") for end in ("", ".pale", ".strong"))) for name in SHADINGS],
            title=t("strip.title"),
            hint=t("strip.hint"),
            chooser=t("strip.chooser"),
            tools=picture_tools(t, *RUN_FILES),
            template=t("turns.legend"),
            on_demand=SHADINGS.index("watermark"),
            elem_id="strip",
        )
        made = LiveText(channel="made", style="state-line", elem_id="made")
        LiveText(channel="link", style="link-words", live=True, elem_id="link")
        LiveText(channel="notice", style="notice", live=True)
        LiveText(channel="badge", style="badge", live=True, elem_id="badge")
        LiveText(channel="watermark", style="watermark", elem_id="watermark")
    LiveText(channel="headline", style="headline", settles=True, elem_id="headline")
    gr.HTML('<p class="order-note live-text" role="status" hidden></p>', js_on_load=None, apply_default_css=False)
    with gr.Row(elem_classes="charts"):
        with gr.Group(elem_classes="panel"):
            panel_head("next_token", t)
            bars = LiveBars(
                description=t("chart.next_token.description"), channel="next_token", elem_id="chart-next_token"
            )
        for name in ("cutoffs", "temperature", "trajectory"):
            with gr.Group(elem_classes="panel"):
                panel_head(name, t)
                LivePlot(
                    description=t(f"chart.{name}.description"), channel=name, size=name, elem_id=f"chart-{name}",
                    sketched=True,
                    **({"gaze": "generate.token", "keys": t("page.chart_keys")} if name == "trajectory" else {}),
                )  # fmt: skip
    panels = DicePanels(controls, t)
    with gr.Row(elem_classes="charts"):
        with gr.Group(elem_classes=FOLDS):
            panel_head("stages", t, "stages")
            LiveText(channel="stages", style="stages", elem_id="stages")
        with gr.Group(elem_classes=FOLDS):
            panel_head("code", t, "script")
            LiveText(channel="code", style="code", elem_id="code")
    return bars, made, panels


def _wire(
    tab: PerVisitor[GenerateTab], t: Translator, bus: LiveBus, demo: gr.Blocks, state: gr.State, controls: Controls,
    bars: LiveBars, made: LiveText, panels: DicePanels,
) -> Linked:  # fmt: skip
    inputs = [state, *controls.all]
    streaming, looking, verifying = ways(bus, inputs)
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}

    count = len(controls.all)

    def told(handler: Callable[..., Any]) -> Callable[..., Any]:
        return lossless(stated(tab, handler, count))

    verify = lossless(tab.verify)
    for event, handler in (
        (controls.run.press, tab.run),
        (controls.prompt.submit, tab.run),
        (controls.turns.submit, tab.run),
        (controls.step.click, tab.step),
        (controls.pause.press, tab.pause),
        (controls.back.click, tab.back),
        (bars.pick, tab.branch),
        (made.act, tab.swap),
    ):
        event(told(handler), **streaming).then(verify, **verifying)
    controls.stop.press(told(tab.stop), **streaming)
    controls.tour.start(told(tab.tour), **streaming).then(verify, **verifying)
    controls.tour.end(told(tab.end_tour), **streaming)

    gaze = Gaze("generate.token")
    gaze.input(
        lossless(looked("generate.token", stated(tab, tab.inspect, count))),
        **looking | {"inputs": [state, gaze, *controls.all]},
    )
    for event in (controls.mode.change, controls.bank.input):
        event(told(tab.redraw), **looking)
    gr.on(
        [*(field.change for field in (controls.prompt, controls.seed, controls.length)), controls.turns.input],
        told(state_line.nothing),
        **looking,
    )
    for text in controls.texts.values():
        text.input(told(tab.reread), **looking)
    controls.unit.change(told(tab.change_unit), **looking)
    bus.resync(told(tab.resync), **looking)
    controls.prompt_end.act(lossless(tab.leave_end_off), **looking | {"inputs": [state]})
    dice.wire(tab, panels, state, controls, streaming, looking, told, (verify, verifying))

    controls.dice.click(lambda: random.randrange(10_000), outputs=[controls.seed], queue=False, **quiet)
    rest = [*(controls.texts[name] for name in LISTS), controls.order, controls.turns]
    filled = [controls.prompt, controls.mode, controls.seed, controls.length, controls.bank, *rest]
    for place, chip in controls.examples.items():
        chip.click(
            lossless(partial(tab.nth_example, place)),
            inputs=[state], outputs=[*filled, bus], queue=False, **quiet,
        ).then(told(tab.run_example), **streaming).then(verify, **verifying)  # fmt: skip
    saver = Saver("generate", saver_texts(t))
    saver.ask(outright(tab.export, language_of), **looking | {"outputs": [saver], "trigger_mode": "multiple"})
    door = Door("generate", links.homes(), BESIDE)
    demo.load(lossless(stated(tab, tab.welcome, 0)), inputs=[state], outputs=[bus], concurrency_limit=None, **quiet)

    def open_after(chosen: Any) -> None:
        chosen.then(
            lossless(tab.open_link), inputs=[state, door, *controls.all], outputs=[*controls.all, bus], queue=False,
            **quiet,
        ).then(told(tab.run_link), **streaming).then(verify, **verifying)  # fmt: skip

    return Linked(door, open_after)
