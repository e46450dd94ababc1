"""The Beam search tab: a tree that grows while the model decodes, and the answer to why a beam won."""

import random
from collections.abc import Callable
from functools import partial
from typing import Any

import gradio as gr

from playground.api.outright import outright
from playground.catalog import FOR_BEAMS, LENGTH_PENALTIES
from playground.components.beam_tree import SHOWN, BeamTreeView
from playground.components.door import Door
from playground.components.gaze import Gaze, looked
from playground.components.knob import Knob
from playground.components.live_bus import LiveBus
from playground.components.live_button import LiveButton
from playground.components.live_plot import LivePlot
from playground.components.live_text import LiveText
from playground.components.saver import Saver
from playground.components.turns import Turns
from playground.i18n import Translator
from playground.runs.links import BESIDE
from playground.runs.strategies.options import Texts
from playground.tabs import delivery, links, state_line
from playground.tabs.beam.controls import MAX_STEPS, BeamControls, control, dial, options, searches, start_of
from playground.tabs.beam.examples import BEAM_EXAMPLES
from playground.tabs.beam.handlers import BeamTab
from playground.tabs.beam.session import BeamSession
from playground.tabs.brought import Brought
from playground.tabs.built import Arriving, Built, Linked, chips
from playground.tabs.delivery import lossless
from playground.tabs.generate.controls import SPEEDS, knob, turns_of
from playground.tabs.per_visitor import PerVisitor, Whose, language_of
from playground.tabs.state_line import stated
from playground.tabs.ways import ways
from playground.views.beam_length_penalty import HIGHEST, LOWEST

FATES = ("kept", "finished", "outscored", "late", "unfulfilled", "pruned")
FOLDED = {
    "alpha": "penalty",
    "logs": "logs",
    "ban": "ban",
    "code": "script",
}  # panels, by the names that links give them
_PLACES = ("place", "logprob", "cum", "score", "spoken", "step", "help", "scrub", "show", "pause")
POOL_KEYS = ("dot", "solid", "dash")
_ACTS = ("first", "back", "play", "next", "last", "closer", "farther", "fit", "follow")


def build(tabs: PerVisitor[BeamTab], t: Translator, bus: LiveBus, demo: gr.Blocks) -> Built:
    """Lay out the tab inside a `gr.Tab`, in one language, and wire it; its parts, for whoever else reads them."""
    state = gr.State(tabs.tab().new_session(), delete_callback=BeamSession.close)
    with gr.Row(elem_id="beam", elem_classes="two-columns", equal_height=False):
        with gr.Column(elem_id="beam-controls", elem_classes="controls", min_width=280):
            controls = _build_controls(tabs.tab(Whose(t.language)).brought, t)
        with gr.Column(elem_id="beam-results", elem_classes="results"):
            alpha, ban = _build_results(t)
    linked = _wire(tabs, t, bus, demo, state, controls, alpha, ban)
    arriving = Arriving(lossless(stated(tabs, tabs.arrive, len(controls.all))), [state, *controls.all], [bus])
    return Built(controls, state, list(controls.examples.values()), arriving, linked)


def tree_texts(t: Translator) -> dict[str, str]:
    """The words of the tree's page side. Their blanks are filled in there."""
    names = [*_PLACES, *_ACTS, *(f"show.{name}" for name in SHOWN), *(f"fate.{name}" for name in FATES)]
    blanks = ("token", "step", "steps", "rank", "logprob", "probability", "cum", "score", "power", "fate")
    kept = {name: f"{{{name}}}" for name in blanks}
    return {name: t(f"beam.tree.{name}", **kept) for name in names}


def _build_controls(brought: Brought, t: Translator) -> BeamControls:
    first = brought.searches[0]
    with gr.Group(elem_classes="panel"):
        turns = turns_of(t, "beam.turns", "beam-prompt", "beam-turns")
        prompt = gr.Textbox(
            first.prompt, label=t("prompt.label"), placeholder=t("prompt.placeholder"), lines=2, max_lines=6,
            elem_id="beam-prompt", elem_classes="prompt",
        )  # fmt: skip
        with gr.Row(elem_classes="buttons"):
            run = LiveButton(
                t("button.run") + " ▶", channel="beam.run", elem_id="beam-run", elem_classes="primary", min_width=90
            )
            step = gr.Button(t("button.step"), elem_id="beam-step", min_width=60)
            pause = LiveButton(t("button.pause"), channel="beam.pause", elem_id="beam-pause", min_width=60)
            stop = LiveButton(t("button.stop"), channel="beam.stop", elem_id="beam-stop", min_width=60)
        prompt_end = LiveText(channel="beam.prompt_end", style="prompt-end", elem_id="beam-prompt-end")
        with gr.Row(elem_classes="chips"):
            examples = chips([t(f"beam.example.{e.key}.name") for e in brought.searches])
        LiveText(channel="beam.lesson", style="lesson")
        mode = gr.Radio(
            [(t(kind.label), kind.name) for kind in searches()], value=first.strategy,
            label=t("mode.label"), show_label=False, elem_id="beam-strategy", elem_classes="segmented wrapped",
        )  # fmt: skip
        gr.HTML(
            "".join(f'<p class="only-{kind.name}">{t(kind.help)}</p>' for kind in searches() if kind.help),
            elem_classes="strategy-help", js_on_load=None, apply_default_css=False,
        )  # fmt: skip
        starts = {option.name: start_of(option, t) for option in options()} | first.options
        own = {o.name: control(o, starts[o.name], t) for o in options() if not o.place}
        texts = ("beam.length.label", "beam.length.help")
        length = dial("beam-length", texts, first.length, (1, MAX_STEPS, 1), True, t)
        short = [option for option in options() if isinstance(option, Texts) and option.is_single]
        own |= {o.name: control(o, starts[o.name], t) for o in options() if o.place and o not in short}
        with gr.Row(elem_classes="fields"):
            own |= {o.name: control(o, starts[o.name], t) for o in short}
            seed = gr.Number(0, label=t("seed.label"), precision=0, elem_id="beam-seed", min_width=70)
            dice = gr.Button(t("seed.dice"), elem_id="beam-dice", elem_classes="dice", min_width=36)
        speed = gr.Dropdown(
            [(t(f"beam.speed.{name}"), name) for name in SPEEDS], value="aloud", label=t("speed.label"),
            elem_id="beam-speed", elem_classes="speed", filterable=False,
        )  # fmt: skip
        with gr.Accordion(t("parameters.more"), open=False, elem_classes="more"):
            values = {p.name: first.processors.get(p.name, p.neutral) for p in FOR_BEAMS}
            knobs = {p.name: knob(p, values[p.name], t, "beam-") for p in FOR_BEAMS}
        gr.HTML(f"<p>{t('beam.warpers_note')}</p>", elem_classes="warpers-note", js_on_load=None)
    return BeamControls(
        prompt, mode, length, seed, dice, speed, own, knobs, examples, run, step, pause, stop, prompt_end,
        turns,
    )  # fmt: skip


def _head(name: str, t: Translator) -> None:
    runs = ("json",) if name == "tree" else ()
    is_picture = name not in ("code", "ban")
    words = (t(f"beam.panel.{name}"), t(f"beam.panel.{name}.hint"))
    delivery.head(*words, t, *runs, is_picture=is_picture, fold=FOLDED.get(name, ""))


def _plot(name: str, t: Translator) -> None:
    description = t(f"beam.panel.{name}.hint")
    LivePlot(description=description, channel=f"beam.{name}", size=f"beam-{name}", elem_id=f"beam-chart-{name}")


def _build_results(t: Translator) -> tuple[Knob, gr.Button]:
    LiveText(channel="beam.link", style="link-words", live=True, elem_id="beam-link")
    LiveText(channel="beam.notice", style="notice", live=True)
    LiveText(channel="beam.lesson", style="lesson-first", elem_classes="only-narrow")
    with gr.Group(elem_classes="panel beam-panel"):
        with gr.Row(elem_classes="beam-top"):
            _head("tree", t)
            LiveText(channel="beam.badge", style="badge", live=True, elem_id="beam-badge")
        BeamTreeView(
            channel="beam.tree", node="beam.node", step="beam.step", texts=tree_texts(t), elem_id="beam-tree"
        )  # fmt: skip
        LiveText(channel="beam.lead", style="dialogue-lead", elem_id="beam-lead")
        LiveText(channel="beam.made", style="state-line", elem_id="beam-made")
        LiveText(channel="beam.cost", style="beam-cost", elem_id="beam-cost")
    LiveText(channel="beam.headline", style="headline", settles=True, elem_id="beam-headline")
    with gr.Row(elem_classes="charts"):
        with gr.Group(elem_classes="panel"):
            _head("running", t)
            LiveText(channel="beam.running", style="beam-table ranked", elem_id="beam-running")
        with gr.Group(elem_classes="panel"):
            _head("pool", t)
            keys = "".join(f'<span><i class="key-{key}"></i>{t(f"beam.pool.key_{key}")}</span>' for key in POOL_KEYS)
            gr.HTML(f'<p class="beam-key">{keys}</p>', js_on_load=None, apply_default_css=False)
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
        with gr.Group(elem_classes=delivery.FOLDS):
            _head("alpha", t)
            texts = ("beam.alpha.label", "beam.alpha.help")
            alpha = dial("beam-alpha", texts, 1.0, (LOWEST, HIGHEST, 0.05), False, t, limits=LENGTH_PENALTIES)
            _plot("alpha", t)
            LiveText(channel="beam.alpha_words", style="beam-words", elem_id="beam-alpha-words")
            LiveText(channel="beam.alpha_rank", style="beam-table ranked", elem_id="beam-alpha-rank")
        with gr.Group(elem_classes=delivery.FOLDS):
            _head("logs", t)
            _plot("logs", t)
            LiveText(channel="beam.logs_words", style="beam-words", elem_id="beam-logs-words")
        with gr.Group(elem_classes=[*delivery.FOLDS, "beam-ban-panel"]):
            _head("ban", t)
            LiveText(channel="beam.ban_before", style="beam-words", elem_id="beam-ban-before")
            ban = gr.Button(t("beam.ban.run"), elem_id="beam-ban-run", elem_classes="beam-ban-run", size="sm")
            LiveText(channel="beam.ban", style="beam-table", elem_id="beam-ban")
            LiveText(channel="beam.ban_words", style="beam-words", elem_id="beam-ban-words")
        with gr.Group(elem_classes=delivery.FOLDS):
            _head("code", t)
            LiveText(channel="beam.code", style="code", elem_id="beam-code")
    return alpha, ban


def _wire(
    tab: PerVisitor[BeamTab], t: Translator, bus: LiveBus, demo: gr.Blocks, state: gr.State, controls: BeamControls,
    alpha: Knob, ban: gr.Button,
) -> Linked:  # fmt: skip
    inputs = [state, *controls.all]
    streaming, looking, verifying = ways(bus, inputs)
    looking, after = looking | {"inputs": [state]}, verifying | {"outputs": [bus, alpha]}
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}

    def told(handler: Callable[..., Any]) -> Callable[..., Any]:
        return lossless(stated(tab, handler, len(controls.all)))

    conclude, verify = lossless(tab.conclude), lossless(tab.verify)
    for event, handler in (
        (controls.run.press, tab.run),
        (controls.prompt.submit, tab.run),
        (controls.turns.submit, tab.run),
        (controls.step.click, tab.step),
        (controls.pause.press, tab.pause),
    ):
        event(told(handler), **streaming).then(conclude, **after).then(verify, **verifying)
    controls.stop.press(told(tab.stop), **streaming)
    settings = [one for one in controls.all if one is not controls.speed]
    changed = [one.input if isinstance(one, Knob | Turns) else one.change for one in settings]
    gr.on(changed, told(state_line.nothing), **looking | {"inputs": inputs})

    for name, look in (("beam.node", tab.pick), ("beam.step", tab.scrub)):
        gaze = Gaze(name)
        gaze.input(lossless(looked(name, stated(tab, look, 0))), **looking | {"inputs": [state, gaze]})
    alpha.input(lossless(tab.change_alpha), **looking | {"inputs": [state, alpha]})
    bus.resync(lossless(tab.resync), **looking)
    controls.prompt_end.act(lossless(tab.leave_end_off), **looking | {"inputs": [state]})
    ban.click(lossless(tab.ban), **verifying)

    controls.dice.click(lambda: random.randrange(10_000), outputs=[controls.seed], queue=False, **quiet)
    settable = controls.settable(list(BEAM_EXAMPLES[0].options))
    for place, chip in controls.examples.items():
        chip.click(
            lossless(partial(tab.nth_example, place)), inputs=[state], outputs=[*settable, bus],
            queue=False, **quiet,
        ).then(told(tab.run), **streaming).then(conclude, **after).then(verify, **verifying)  # fmt: skip
    saver = Saver("beam", delivery.saver_texts(t))
    saver.ask(outright(tab.export, language_of), **looking | {"outputs": [saver], "trigger_mode": "multiple"})
    door = Door("beam", links.homes(), BESIDE)
    demo.load(lossless(stated(tab, tab.welcome, 0)), inputs=[state], outputs=[bus], concurrency_limit=None, **quiet)

    def open_after(chosen: Any) -> None:
        chosen.then(
            lossless(tab.open_link), inputs=[state, door, *controls.all], outputs=[*controls.all, bus], queue=False,
            **quiet,
        ).then(told(tab.run_link), **streaming).then(conclude, **after).then(verify, **verifying)  # fmt: skip

    return Linked(door, open_after)
