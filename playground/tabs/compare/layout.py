"""The Compare tab: several strategies on one prompt, side by side, on the same dice."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import gradio as gr

from playground.components.compare_lanes import CompareLanes, CompareStep
from playground.components.door import Door
from playground.components.gaze import Gaze, looked
from playground.components.live_bus import LiveBus
from playground.components.live_button import LiveButton
from playground.components.live_plot import LivePlot
from playground.components.live_text import LiveText
from playground.decoding.dialogue import plain
from playground.i18n import Translator
from playground.panels.compare.frames import SHOWN
from playground.panels.compare.schema import schema
from playground.runs.links import BESIDE
from playground.tabs import delivery, links, state_line
from playground.tabs.built import Arriving, Built, Linked, chips
from playground.tabs.compare import clouds_layout
from playground.tabs.compare.linked import LinkedCompare
from playground.tabs.compare.session import CompareSession
from playground.tabs.delivery import lossless
from playground.tabs.generate.controls import SPEEDS, turns_of
from playground.tabs.per_visitor import PerVisitor, Whose
from playground.tabs.state_line import stated
from playground.tabs.ways import ways

EDITOR = (
    "edit", "close", "copy", "remove", "up", "down", "add", "name", "strategy", "seed", "length", "more", "off",
    "add_text", "text", "placeholder", "order", "own_order", "model", "scale",
)  # fmt: skip


def build(
    tabs: PerVisitor[LinkedCompare], t: Translator, bus: LiveBus, opened: gr.Tab, of_text: Sequence[Any],
    of_search: Sequence[Any],
) -> Built:  # fmt: skip
    """Lay out the tab inside the `gr.Tab`, in one language, and wire it. What stands in the controls of the Generate
    and the Beam search tab can be taken over."""
    state = gr.State(tabs.tab().new_session(), delete_callback=CompareSession.leave)
    brought = tabs.tab(Whose(t.language)).brought
    with gr.Column(elem_id="compare"):
        with gr.Group(elem_classes="panel"):
            turns = turns_of(t, "compare.turns", "compare-prompt", "compare-turns")
            with gr.Row(elem_classes="compare-bar"):
                prompt = gr.Textbox(
                    plain(brought.comparisons[0].prompt), label=t("prompt.label"), placeholder=t("prompt.placeholder"),
                    lines=1, max_lines=4, elem_id="compare-prompt", elem_classes="prompt",
                )  # fmt: skip
                words = t("button.run") + " ▶"
                run = LiveButton(
                    words, channel="compare.run", elem_id="compare-run", elem_classes="primary", min_width=90
                )
                step = gr.Button(t("button.step"), elem_id="compare-step", min_width=60)
                pause = LiveButton(t("button.pause"), channel="compare.pause", elem_id="compare-pause", min_width=60)
                stop = LiveButton(t("button.stop"), channel="compare.stop", elem_id="compare-stop", min_width=60)
                speed = gr.Dropdown(
                    [(t(f"speed.{name}"), name) for name in SPEEDS], value="lively", label=t("speed.label"),
                    elem_id="compare-speed", min_width=100, filterable=False,
                )  # fmt: skip
                same = gr.Checkbox(True, label=t("compare.dice.label"), elem_id="compare-dice", min_width=110)
            with gr.Row(elem_classes="chips"):
                examples = chips([t(f"compare.example.{e.key}.name") for e in brought.comparisons])
            LiveText(channel="compare.lesson", style="lesson")
        LiveText(channel="compare.link", style="link-words", live=True, elem_id="compare-link")
        LiveText(channel="compare.notice", style="notice", live=True)
        LiveText(channel="compare.lead", style="dialogue-lead", elem_id="compare-lead")
        with gr.Group(elem_classes="panel"):
            lanes = CompareLanes(
                channel="compare.lanes", models="compare.models", gaze="compare.token", schema=schema(t),
                texts={name: t(f"compare.editor.{name}") for name in EDITOR}, elem_id="compare-lanes",
            )  # fmt: skip
            with gr.Row(elem_classes="compare-more"):
                words = t("compare.take.label")
                gr.HTML(f"<span>{words}</span>", js_on_load=None, apply_default_css=False)
                generate, search = (
                    gr.Button(t(f"compare.take.{name}"), size="sm", elem_classes="chip", elem_id=f"compare-from-{name}")
                    for name in ("generate", "search")
                )
                with_prompt = gr.Checkbox(False, label=t("compare.take.prompt"), elem_id="compare-with-prompt")
            LiveText(channel="compare.made", style="state-line", elem_id="compare-made")
        LiveText(channel="compare.parting", style="headline", settles=True, elem_id="compare-parting")
        with gr.Group(elem_classes="panel"):
            _head("step", t)
            CompareStep(channel="compare.step", description=t("compare.step.empty"), elem_id="compare-bars")
        with gr.Group(elem_classes=delivery.FOLDS):
            _head("surprisal", t, "surprisal")
            LivePlot(
                description=t("compare.panel.surprisal"), channel="compare.surprisal", size="lane-surprisal",
                gaze="compare.token", keys=t("page.chart_keys"), elem_id="chart-lane-surprisal",
            )  # fmt: skip
        with gr.Group(elem_classes=delivery.FOLDS):
            _head("measures", t, "measures")
            LiveText(channel="compare.measures", style="beam-table numbers", elem_id="compare-measures")
            help_texts = "".join(
                f"<dt>{t(f'compare.measure.{n}')}</dt><dd>{t(f'compare.help.{n}')}</dd>" for n in SHOWN
            )
            help_texts += f"<dt>{t('compare.measure.by_character')}</dt><dd>{t('compare.help.by_character')}</dd>"
            summary = f"<summary>? {t('compare.help')}</summary>"
            gr.HTML(
                f'<details class="compare-help">{summary}<dl>{help_texts}</dl></details>', js_on_load=None,
                apply_default_css=False,
            )  # fmt: skip
        controls = (prompt, same, speed, turns)
        count = clouds_layout.build(tabs, t, bus, state, controls)
    linked = _wire(tabs, bus, state, opened, controls, (run, step, pause, stop), examples, lanes, count)
    taking: dict[str, Any] = {
        "outputs": [prompt, turns, bus], "queue": False, "show_progress": "hidden", "api_visibility": "private",
    }  # fmt: skip
    standing = list(controls)
    generate.click(lossless(tabs.from_generate), inputs=[state, with_prompt, *of_text, *standing], **taking)
    search.click(lossless(tabs.from_search), inputs=[state, with_prompt, *of_search, *standing], **taking)
    arriving = Arriving(lossless(stated(tabs, tabs.arrive, len(standing))), [state, *standing], [bus])
    return Built(None, state, list(examples.values()), arriving, linked, texts=[prompt])


def _head(name: str, t: Translator, fold: str = "") -> None:
    delivery.head(t(f"compare.panel.{name}"), t(f"compare.panel.{name}.hint"), t, fold=fold)


def _wire(
    tab: PerVisitor[LinkedCompare], bus: LiveBus, state: gr.State, opened: gr.Tab, controls: tuple[Any, ...],
    buttons: tuple[Any, ...], examples: dict[int, gr.Button], lanes: CompareLanes, count: gr.Number,
) -> Linked:  # fmt: skip
    inputs = [state, *controls]
    streaming, looking, verifying = ways(bus, inputs)

    def told(handler: Callable[..., Any]) -> Callable[..., Any]:
        return lossless(stated(tab, handler, len(controls)))

    verify = lossless(tab.verify)
    run, step, pause, stop = buttons
    prompt, same, _, turns = controls
    for event, handler in (
        (run.press, tab.run),
        (prompt.submit, tab.run),
        (turns.submit, tab.run),
        (step.click, tab.step),
        (pause.press, tab.pause),
    ):
        event(told(handler), **streaming).then(verify, **verifying)
    stop.press(told(tab.stop), **streaming)
    lanes.act(told(tab.edit), **streaming).then(verify, **verifying)  # a text is read as soon as it is pasted
    gr.on([prompt.change, same.change, turns.input], told(state_line.nothing), **looking)
    gaze = Gaze("compare.token")
    gaze.input(lossless(looked("compare.token", tab.inspect)), **looking | {"inputs": [state, gaze]})
    bus.resync(told(tab.resync), **looking)
    opened.select(told(tab.welcome), **streaming)
    for place, chip in examples.items():
        chip.click(
            lossless(partial(tab.nth_example, place)), inputs=[state], outputs=[prompt, turns, same, bus], queue=False,
            show_progress="hidden", api_visibility="private",
        ).then(told(tab.run_example), **streaming).then(verify, **verifying)  # fmt: skip
    door = Door("compare", links.homes(), BESIDE)

    def open_after(chosen: Any) -> None:
        chosen.then(
            lossless(tab.open_link), inputs=[state, door, *controls], outputs=[*controls, count, bus], queue=False,
            show_progress="hidden", api_visibility="private",
        ).then(told(tab.run_link), **streaming).then(verify, **verifying)  # fmt: skip

    return Linked(door, open_after)
