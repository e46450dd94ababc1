"""The Tokenizer tab: a person types and sees what the model reads; below, how it comes about."""

from functools import partial
from typing import Any

import gradio as gr

from playground.api.outright import outright
from playground.components.door import Door
from playground.components.gaze import Gaze, looked
from playground.components.live_bus import LiveBus
from playground.components.live_plot import LivePlot
from playground.components.live_text import LiveText
from playground.components.stepper import Stepper
from playground.components.token_rows import TokenRows
from playground.components.token_spans import TokenSpans
from playground.engines.huggingface.tokenizers_at_hand import LOADED, SHIPPED, tiktoken_encodings
from playground.i18n import Translator
from playground.panels.tokenizer.training import MOST_MERGES
from playground.runs.links import BESIDE
from playground.tabs import links
from playground.tabs.built import Arriving, Built, Linked
from playground.tabs.delivery import lossless, panel_head
from playground.tabs.per_visitor import PerVisitor, Whose, language_of
from playground.tabs.tokenizer.handlers import EXAMPLES, SECTIONS, TokenizerTab
from playground.tabs.tokenizer.linked import SIDE_BY_SIDE, LinkedTokenizer


def build(tabs: PerVisitor[LinkedTokenizer], t: Translator, bus: LiveBus, demo: gr.Blocks) -> Built:
    """Lay out the tab inside a `gr.Tab`, in one language, and wire it."""
    tab = tabs.tab(Whose(t.language))
    state = gr.State(tabs.tab().new_session())
    with gr.Row(elem_id="tokenizer", equal_height=False):
        with gr.Column(elem_id="tokenizer-controls", min_width=280), gr.Group(elem_classes="panel"):
            text = gr.Textbox(
                tab.first_text, label=t("tokenizer.text.label"), placeholder=t("tokenizer.text.placeholder"), lines=7,
                max_lines=12, elem_id="tokenizer-text",
            )  # fmt: skip
            with gr.Row(elem_classes="chips"):
                chips = {
                    key: gr.Button(t(f"tokenizer.example.{key}.name"), size="sm", elem_classes="chip")
                    for key in EXAMPLES
                }
            name = gr.Dropdown(
                choices(tab.slot.display_name, t), value=LOADED, label=t("tokenizer.choice.label"),
                info=t("tokenizer.choice.public" if tab.shelf.is_public else "tokenizer.choice.info"),
                allow_custom_value=not tab.shelf.is_public, elem_id="tokenizer-name",
            )  # fmt: skip
            finder = gr.Button(t("tokenizer.find"), elem_id="tokenizer-find")
            LiveText(channel="tokenizer.lesson", style="lesson")
        with gr.Column(elem_id="tokenizer-results"):
            LiveText(channel="tokenizer.link", style="link-words", live=True, elem_id="tokenizer-link")
            LiveText(channel="tokenizer.notice", style="notice", live=True, elem_id="tokenizer-notice")
            spans = _build_spans(t)
            LiveText(channel="tokenizer.headline", style="headline", settles=True, elem_id="tokenizer-headline")
            with gr.Group(elem_classes="panel findings"):
                TokenRows(channel="tokenizer.findings", label=t("tokenizer.findings"), elem_id="tokenizer-findings")
            section = gr.Radio(
                [(t(f"tokenizer.section.{key}"), key) for key in SECTIONS], value="replay", show_label=False,
                label=t("tokenizer.section.label"), elem_id="tokenizer-section", elem_classes="segmented sections",
            )  # fmt: skip
            _build_replay(t)
            corpus, size, learn, use = _build_training(t)
            at_hand, others = _build_side(t, takes_any=not tab.shelf.is_public)
            ids, splitter = _build_round(t, tab)
            texts, side = _build_batch(t)
    inputs = [state, section, corpus, size, at_hand, others, ids, texts, side]
    looking: dict[str, Any] = {
        "outputs": [bus], "show_progress": "hidden", "trigger_mode": "always_last", "queue": False,
        "api_visibility": "private",
    }  # fmt: skip
    showing: dict[str, Any] = {
        "inputs": inputs, "outputs": [bus], "show_progress": "hidden", "trigger_mode": "always_last",
        "concurrency_limit": None, "api_visibility": "private",
    }  # fmt: skip
    show = lossless(tabs.show)
    # "change", for Gradio's "input" does not see a text that was pasted with the mouse, dropped or filled in
    text.change(lossless(tabs.type), [state, text, name], **looking)
    # another tokenizer may have to be fetched first
    name.input(lossless(tabs.choose), [state, text, name], **{**looking, "queue": True, "concurrency_limit": None})
    finder.click(lossless(tabs.find), [state, text, name], **looking)
    for key, chip in chips.items():
        chip.click(
            lossless(partial(tabs.example, key)), [state, name], **{**looking, "outputs": [text, bus]}
        )  # fmt: skip
    for gazed, handler, also in (
        ("tokenizer.token", tabs.pick, [section]), ("tokenizer.word", tabs.pick_word, []),
        ("tokenizer.replay", tabs.step_replay, []), ("tokenizer.train", tabs.step_training, []),
    ):  # fmt: skip
        gaze = Gaze(gazed)
        gaze.input(lossless(looked(gazed, handler)), [state, gaze, *also], **looking)
    spans.settle(show, **showing)
    for event in (section.change, at_hand.change, others.submit, others.blur, ids.change, texts.change, side.change):
        event(show, **showing)
    for event in (corpus.change, size.change, learn.click):
        event(lossless(tabs.learn), **showing)
    filling: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    use.click(lambda text: text, [text], [corpus], **filling)
    splitter.click(outright(tabs.split_a_token, language_of), [state], [ids], **filling)
    demo.load(
        lossless(tabs.welcome), [state, text, name], [bus], show_progress="hidden", concurrency_limit=None,
        api_visibility="private",
    )  # fmt: skip
    door = Door("tokenizer", links.homes(), BESIDE)

    def open_after(chosen: Any) -> None:
        fields = [text, name, section, at_hand]
        chosen.then(
            lossless(tabs.open_link), [state, door, *fields], [*fields, bus], queue=False, show_progress="hidden",
            api_visibility="private",
        ).then(lossless(tabs.run_link), [state, *fields], **{**looking, "trigger_mode": "multiple"})  # fmt: skip

    arriving = Arriving(lossless(tabs.arrive), [state, text, name], [bus])
    return Built(None, state, [], arriving, Linked(door, open_after), texts=[name])


def choices(model: str, t: Translator) -> list[tuple[str, str]]:
    """The tokenizers that are offered, that of the model first."""
    return [
        (t("tokenizer.choice.loaded", name=model), LOADED), *((t(f"tokenizer.shipped.{key}"), key) for key in SHIPPED),
        *((f"tiktoken · {one}", f"tiktoken:{one}") for one in tiktoken_encodings()),
    ]  # fmt: skip


def _build_spans(t: Translator) -> TokenSpans:
    with gr.Group(elem_classes="panel spans-panel"):
        return TokenSpans(
            channel="tokenizer.tokens",
            gaze="tokenizer.token",
            label=t("tokenizer.spans.label"),
            ids_label=t("tokenizer.spans.ids"),
            texts={
                # the page fills the blanks in
                "hint": t("tokenizer.spans.hint"),
                "token": t("tokenizer.spans.token", label="{label}", id="{id}", bytes="{bytes}"),
                "detail": t(
                    "tokenizer.spans.detail", number="{number}", count="{count}", id="{id}", bytes="{bytes}"
                ),
                "place": t("tokenizer.spans.place", start="{start}", end="{end}"),
                "part": t("tokenizer.spans.part", start="{start}"), "nowhere": t("tokenizer.spans.nowhere"),
                "special": t("tokenizer.spans.special"), "unknown": t("tokenizer.spans.unknown"),
            },
            elem_id="tokenizer-spans",
        )  # fmt: skip


def _build_replay(t: Translator) -> None:
    with gr.Group(elem_classes="panel section section-replay"):
        panel_head("tokenizer_replay", t)
        TokenRows(
            channel="tokenizer.words", gaze="tokenizer.word", label=t("tokenizer.replay.words"), style="words",
            elem_id="tokenizer-words",
        )  # fmt: skip
        _stepper("tokenizer.replay.stepper", "tokenizer.replay", "replay-stepper", t)
        LiveText(channel="tokenizer.replay.sentence", style="sentence", live=True, elem_id="replay-sentence")
        TokenRows(
            channel="tokenizer.replay.rows", label=t("tokenizer.replay.rows"), style="history", elem_id="replay-rows"
        )


def _stepper(channel: str, gaze: str, elem_id: str, t: Translator) -> None:
    names = ("first", "back", "play", "forward", "last", "pause", "slider")
    Stepper(
        channel=channel,
        gaze=gaze,
        names=tuple(t(f"tokenizer.step.{name}") for name in names),
        count=t("tokenizer.step.count", step="{step}", steps="{steps}"),
        elem_id=elem_id,
    )


def _build_training(t: Translator) -> tuple[Any, Any, Any, Any]:
    with gr.Group(elem_classes="panel section section-train"):
        panel_head("tokenizer_train", t)
        with gr.Row(elem_classes="two"):
            with gr.Column(elem_classes="narrow", min_width=200):
                corpus = gr.Textbox(
                    t("tokenizer.train.example"), label=t("tokenizer.train.label"), lines=4, max_lines=8,
                    elem_id="train-corpus",
                )  # fmt: skip
                size = gr.Number(
                    0, label=t("tokenizer.train.size"), precision=0, minimum=0, maximum=100_000, elem_id="train-size"
                )
                with gr.Row(elem_classes="buttons"):
                    learn = gr.Button(t("tokenizer.train.learn"), variant="primary", elem_id="train-learn")
                    use = gr.Button(t("tokenizer.train.use"), elem_id="train-use")
                note = t("tokenizer.train.ties", merges=MOST_MERGES)
                gr.HTML(f'<p class="small-note">{note}</p>', js_on_load=None)
            with gr.Column(elem_classes="wide", min_width=300):
                _stepper("tokenizer.train.stepper", "tokenizer.train", "train-stepper", t)
                LiveText(channel="tokenizer.train.sentence", style="sentence", live=True, elem_id="train-sentence")
                with gr.Row(elem_classes="two tables"):
                    with gr.Column(min_width=240):
                        TokenRows(
                            channel="tokenizer.train.words", label=t("tokenizer.train.words"), elem_id="train-words"
                        )
                        gr.HTML(f"<h3>{t('tokenizer.train.symbols')}</h3>", js_on_load=None)
                        TokenRows(
                            channel="tokenizer.train.symbols", label=t("tokenizer.train.symbols"),
                            elem_id="train-symbols",
                        )  # fmt: skip
                    TokenRows(channel="tokenizer.train.pairs", label=t("tokenizer.train.pairs"), elem_id="train-pairs")
        with gr.Row(elem_classes="two lower"):
            with gr.Column(min_width=260):
                gr.HTML(f"<h3>{t('tokenizer.train.curve')}</h3>", js_on_load=None)
                LivePlot(
                    description=t("chart.vocabulary_curve.description"), channel="tokenizer.train.curve",
                    size="curve", elem_id="chart-vocabulary_curve",
                )  # fmt: skip
            with gr.Column(min_width=260):
                gr.HTML(f"<h3>{t('tokenizer.train.text')}</h3>", js_on_load=None)
                TokenRows(channel="tokenizer.train.text", label=t("tokenizer.train.text"), elem_id="train-text")
    return corpus, size, learn, use


def _build_side(t: Translator, takes_any: bool) -> tuple[Any, Any]:
    with gr.Group(elem_classes="panel section section-side"):
        panel_head("tokenizer_side", t)
        with gr.Row(elem_classes="two"):
            choices = [(t("tokenizer.side.loaded"), LOADED), *((t(f"tokenizer.shipped.{key}"), key) for key in SHIPPED)]
            choices += [(f"tiktoken · {one}", f"tiktoken:{one}") for one in tiktoken_encodings()]
            at_hand = gr.CheckboxGroup(
                choices, value=list(SIDE_BY_SIDE), label=t("tokenizer.side.at_hand"), elem_id="side-at-hand",
                min_width=300,
            )  # fmt: skip
            others = gr.Textbox(
                "", label=t("tokenizer.side.others"), placeholder=t("tokenizer.side.placeholder"), lines=1,
                elem_id="side-others", min_width=260, visible=takes_any,
            )  # fmt: skip
        LiveText(channel="tokenizer.side.notice", style="notice", live=True, elem_id="side-notice")
        TokenRows(channel="tokenizer.side.table", label=t("tokenizer.side.table"), elem_id="side-table")
        TokenRows(channel="tokenizer.side.rows", label=t("tokenizer.side.rows"), style="aligned", elem_id="side-rows")
        LiveText(channel="tokenizer.side.note", style="small-note")
    return at_hand, others


def _build_round(t: Translator, tab: TokenizerTab) -> tuple[Any, Any]:
    with gr.Group(elem_classes="panel section section-round"):
        panel_head("tokenizer_round", t)
        LiveText(channel="tokenizer.round.trip", style="verdict", live=True, elem_id="round-trip")
        with gr.Row(elem_classes="ids-row"):
            ids = gr.Textbox(
                tab.split_a_token(tab.new_session()), label=t("tokenizer.round.ids"), lines=1, max_lines=4,
                elem_id="round-ids", min_width=300,
            )  # fmt: skip
            splitter = gr.Button(t("tokenizer.round.split"), elem_id="round-split", min_width=160)
        LiveText(channel="tokenizer.round.alarm", style="verdict", live=True, elem_id="round-alarm")
        TokenRows(channel="tokenizer.round.rows", label=t("tokenizer.round.rows"), elem_id="round-rows")
        TokenRows(
            channel="tokenizer.round.likelihood", label=t("tokenizer.round.table"), style="narrow-table",
            elem_id="round-likelihood",
        )  # fmt: skip
    return ids, splitter


def _build_batch(t: Translator) -> tuple[Any, Any]:
    with gr.Group(elem_classes="panel section section-batch"):
        panel_head("tokenizer_batch", t)
        with gr.Row(elem_classes="two"):
            texts = gr.Textbox(
                t("tokenizer.batch.example"), label=t("tokenizer.batch.texts"), lines=3, max_lines=8,
                elem_id="batch-texts", min_width=320,
            )  # fmt: skip
            side = gr.Radio(
                [(t("tokenizer.batch.side_left"), "left"), (t("tokenizer.batch.side_right"), "right")], value="left",
                label=t("tokenizer.batch.side"), elem_id="batch-side", elem_classes="segmented", min_width=200,
            )  # fmt: skip
        LiveText(channel="tokenizer.batch.sentence", style="sentence", elem_id="batch-sentence")
        TokenRows(channel="tokenizer.batch.ids", label="input_ids", style="matrix", elem_id="batch-ids")
        TokenRows(channel="tokenizer.batch.mask", label="attention_mask", style="matrix", elem_id="batch-mask")
    return texts, side
