"""The Beam search tab: a tree that grows while the model decodes, and the answer to why a beam won."""

import random
from functools import partial
from typing import Any

import gradio as gr

from playground.catalog import FOR_BEAMS
from playground.components.beam_tree import SHOWN, BeamTreeView
from playground.components.knob import Knob
from playground.components.live_bus import LiveBus
from playground.components.live_button import LiveButton
from playground.components.live_plot import LivePlot
from playground.components.live_text import LiveText
from playground.i18n import Translator
from playground.tabs.beam_controls import EARLY, MAX_BEAMS, MAX_STEPS, STRATEGIES, BeamControls, dial
from playground.tabs.beam_examples import BEAM_EXAMPLES
from playground.tabs.beam_handlers import BeamTab
from playground.tabs.beam_session import BeamSession
from playground.tabs.controls import SPEEDS, knob
from playground.tabs.delivery import lossless
from playground.views.beam_length_penalty import HIGHEST, LOWEST

FATES = ("kept", "finished", "outscored", "late", "unfulfilled", "pruned")
_PLACES = ("place", "logprob", "cum", "score", "spoken", "step", "help", "scrub", "show", "pause")
_ACTS = ("first", "back", "play", "next", "last", "closer", "farther", "fit", "follow")


def build(tab: BeamTab, bus: LiveBus, demo: gr.Blocks) -> None:
    """Lay out the tab inside a `gr.Tab` and wire it."""
    t = tab.t
    state = gr.State(tab.new_session(), delete_callback=BeamSession.close)
    with gr.Row(elem_id="beam", elem_classes="two-columns", equal_height=False):
        with gr.Column(elem_id="beam-controls", elem_classes="controls", min_width=280):
            controls = _build_controls(t)
        with gr.Column(elem_id="beam-results", elem_classes="results"):
            tree, alpha, ban = _build_results(t)
    _wire(tab, bus, demo, state, controls, tree, alpha, ban)


def tree_texts(t: Translator) -> dict[str, str]:
    """The words of the tree's page side. Their blanks are filled in there."""
    names = [*_PLACES, *_ACTS, *(f"show.{name}" for name in SHOWN), *(f"fate.{name}" for name in FATES)]
    blanks = ("token", "step", "steps", "rank", "logprob", "probability", "cum", "score", "power", "fate")
    kept = {name: f"{{{name}}}" for name in blanks}
    return {name: t(f"beam.tree.{name}", **kept) for name in names}


def _build_controls(t: Translator) -> BeamControls:
    first = BEAM_EXAMPLES[0]
    with gr.Group(elem_classes="panel"):
        prompt = gr.Textbox(
            first.prompt, label=t("prompt.label"), placeholder=t("prompt.placeholder"), lines=2, max_lines=6,
            elem_id="beam-prompt", elem_classes="prompt",
        )  # fmt: skip
        with gr.Row(elem_classes="chips"):
            examples = {
                e.key: gr.Button(t(f"beam.example.{e.key}.name"), size="sm", elem_classes="chip") for e in BEAM_EXAMPLES
            }
        mode = gr.Radio(
            [(t(f"beam.strategy.{name}"), name) for name in STRATEGIES], value=first.strategy,
            label=t("mode.label"), show_label=False, elem_id="beam-strategy", elem_classes="segmented wrapped",
        )  # fmt: skip
        gr.HTML(
            "".join(f'<p class="only-{name}">{t(f"beam.strategy.{name}.help")}</p>' for name in STRATEGIES),
            elem_classes="strategy-help", js_on_load=None, apply_default_css=False,
        )  # fmt: skip
        beams = dial("num_beams", first.num_beams, (1, MAX_BEAMS, 1), True, t)
        length = dial("length", first.length, (1, MAX_STEPS, 1), True, t)
        groups = dial("groups", 2, (1, MAX_BEAMS, 1), True, t, elem_classes=["for-diverse"])
        diversity = dial("diversity_penalty", 0.5, (0, 5, 0.1), False, t, elem_classes=["for-diverse"])
        phrases = gr.Textbox(
            t("beam.phrases.start"), label=t("beam.phrases.label"), placeholder=t("beam.phrases.help"), lines=1,
            elem_id="beam-phrases", elem_classes="for-constrained plain-field",
        )  # fmt: skip
        penalty = dial(
            "length_penalty", first.length_penalty, (LOWEST, HIGHEST, 0.1), False, t, neutral=0.0,
            elem_classes=["not-stochastic"],
        )  # fmt: skip
        early = gr.Dropdown(
            [(t(f"beam.early.{name}"), name) for name in EARLY], value=first.early_stopping,
            label=t("beam.early.label"), elem_id="beam-early", elem_classes="speed not-stochastic", filterable=False,
        )  # fmt: skip
        with gr.Row(elem_classes="fields"):
            stop_text = gr.Textbox(
                first.stop, label=t("beam.stop_text.label"), placeholder=t("beam.stop_text.none"), lines=1,
                max_lines=1, elem_id="beam-stop-text", elem_classes="for-plain plain-field", min_width=64,
            )  # fmt: skip
            seed = gr.Number(0, label=t("seed.label"), precision=0, elem_id="beam-seed", min_width=70)
            dice = gr.Button(t("seed.dice"), elem_id="beam-dice", elem_classes="dice", min_width=36)
        with gr.Row(elem_classes="buttons"):
            run = gr.Button(t("button.run") + " ▶", variant="primary", elem_id="beam-run", min_width=90)
            step = gr.Button(t("button.step"), elem_id="beam-step", min_width=60)
            pause = LiveButton(t("button.pause"), channel="beam.pause", elem_id="beam-pause", min_width=60)
            stop = gr.Button(t("button.stop"), elem_id="beam-stop", min_width=60)
        speed = gr.Dropdown(
            [(t(f"beam.speed.{name}"), name) for name in SPEEDS], value="aloud", label=t("speed.label"),
            elem_id="beam-speed", elem_classes="speed", filterable=False,
        )  # fmt: skip
        with gr.Accordion(t("parameters.more"), open=False, elem_classes="more"):
            values = {p.name: first.processors.get(p.name, p.neutral) for p in FOR_BEAMS}
            knobs = {p.name: knob(p, values[p.name], t, "beam-") for p in FOR_BEAMS}
        gr.HTML(f"<p>{t('beam.warpers_note')}</p>", elem_classes="warpers-note", js_on_load=None)
        LiveText(channel="beam.lesson", style="lesson")
    return BeamControls(
        prompt, mode, beams, length, penalty, early, stop_text, groups, diversity, phrases, seed, dice, speed, knobs,
        examples, run, step, pause, stop,
    )  # fmt: skip


def _head(name: str, t: Translator) -> None:
    head = f"<h2>{t(f'beam.panel.{name}')}</h2><small>{t(f'beam.panel.{name}.hint')}</small>"
    gr.HTML(f'<div class="panel-head">{head}</div>', js_on_load=None, apply_default_css=False)


def _plot(name: str, t: Translator) -> None:
    description = t(f"beam.panel.{name}.hint")
    LivePlot(description=description, channel=f"beam.{name}", size=f"beam-{name}", elem_id=f"beam-chart-{name}")


def _build_results(t: Translator) -> tuple[BeamTreeView, Knob, gr.Button]:
    LiveText(channel="beam.notice", style="notice", live=True)
    with gr.Group(elem_classes="panel beam-panel"):
        with gr.Row(elem_classes="beam-top"):
            _head("tree", t)
            LiveText(channel="beam.badge", style="badge", live=True, elem_id="beam-badge")
        tree = BeamTreeView(channel="beam.tree", texts=tree_texts(t), elem_id="beam-tree")
        LiveText(channel="beam.cost", style="beam-cost", elem_id="beam-cost")
    LiveText(channel="beam.headline", style="headline", elem_id="beam-headline")
    with gr.Row(elem_classes="charts"):
        with gr.Group(elem_classes="panel"):
            _head("running", t)
            LiveText(channel="beam.running", style="beam-table ranked", elem_id="beam-running")
        with gr.Group(elem_classes="panel"):
            _head("pool", t)
            _plot("pool", t)
            LiveText(channel="beam.pool_words", style="beam-words", live=False, elem_id="beam-pool-words")
        with gr.Group(elem_classes="panel"):
            _head("best", t)
            LiveText(channel="beam.best", style="beam-table ranked", elem_id="beam-best")
            LiveText(channel="beam.best_words", style="beam-words", elem_id="beam-best-words")
        with gr.Group(elem_classes="panel"):
            _head("path", t)
            LiveText(channel="beam.path_text", style="beam-words", elem_id="beam-path-text")
            LiveText(channel="beam.path", style="beam-table numbers", elem_id="beam-path")
        with gr.Group(elem_classes="panel"):
            _head("alpha", t)
            alpha = dial("alpha", 1.0, (LOWEST, HIGHEST, 0.05), False, t)
            _plot("alpha", t)
            LiveText(channel="beam.alpha_words", style="beam-words", elem_id="beam-alpha-words")
            LiveText(channel="beam.alpha_rank", style="beam-table ranked", elem_id="beam-alpha-rank")
        with gr.Group(elem_classes="panel"):
            _head("logs", t)
            _plot("logs", t)
            LiveText(channel="beam.logs_words", style="beam-words", elem_id="beam-logs-words")
        with gr.Group(elem_classes="panel"):
            _head("ban", t)
            ban = gr.Button(t("beam.ban.run"), elem_id="beam-ban-run", elem_classes="beam-ban-run", size="sm")
            LiveText(channel="beam.ban", style="beam-table", elem_id="beam-ban")
            LiveText(channel="beam.ban_words", style="beam-words", elem_id="beam-ban-words")
        with gr.Group(elem_classes="panel"):
            _head("code", t)
            LiveText(channel="beam.code", style="code", elem_id="beam-code")
    return tree, alpha, ban


def _wire(
    tab: BeamTab, bus: LiveBus, demo: gr.Blocks, state: gr.State, controls: BeamControls, tree: BeamTreeView,
    alpha: Knob, ban: gr.Button,
) -> None:  # fmt: skip
    inputs = [state, *controls.all]
    streaming: dict[str, Any] = {
        "inputs": inputs, "outputs": [bus], "show_progress": "hidden", "trigger_mode": "multiple",
        "concurrency_limit": None, "api_visibility": "private",
    }  # fmt: skip
    looking: dict[str, Any] = {
        "inputs": [state], "outputs": [bus], "show_progress": "hidden", "trigger_mode": "always_last", "queue": False,
        "api_visibility": "private",
    }  # fmt: skip
    after: dict[str, Any] = {
        "inputs": [state], "outputs": [bus, alpha], "show_progress": "hidden", "concurrency_limit": 4,
        "api_visibility": "private",
    }  # fmt: skip
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}

    conclude, verify = lossless(tab.conclude), lossless(tab.verify)
    verifying = after | {"outputs": [bus]}
    for event, handler in (
        (controls.run.click, tab.run),
        (controls.prompt.submit, tab.run),
        (controls.step.click, tab.step),
        (controls.pause.press, tab.pause),
    ):
        event(lossless(handler), **streaming).then(conclude, **after).then(verify, **verifying)
    controls.stop.click(lossless(tab.stop), **streaming)

    tree.pick(lossless(tab.pick), **looking)
    tree.scrub(lossless(tab.scrub), **looking)
    alpha.input(lossless(tab.change_alpha), **looking | {"inputs": [state, alpha]})
    bus.resync(lossless(tab.resync), **looking)
    ban.click(lossless(tab.ban), **verifying)

    controls.dice.click(lambda: random.randrange(10_000), outputs=[controls.seed], queue=False, **quiet)
    for example in BEAM_EXAMPLES:
        controls.examples[example.key].click(
            lossless(partial(tab.load_example, example)), inputs=[state], outputs=[*controls.settable, bus],
            queue=False, **quiet,
        ).then(lossless(tab.run), **streaming).then(conclude, **after).then(verify, **verifying)  # fmt: skip
    demo.load(lossless(tab.welcome), inputs=[state], outputs=[bus], concurrency_limit=None, **quiet)
