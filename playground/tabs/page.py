"""The page: header, tabs and endpoints put together, and how it is served."""

from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import gradio as gr

from playground.api import endpoints
from playground.components.live_bus import LiveBus, frame
from playground.components.live_plot import PLOTLY_JS
from playground.components.live_text import LiveText
from playground.components.terms import Terms
from playground.engines.huggingface.tokenizers_at_hand import TokenizerShelf
from playground.engines.loading import ModelSlot
from playground.engines.shelf import Shelf, shipped
from playground.i18n import Translator, languages, translator
from playground.panels.figures import theme
from playground.runs import late
from playground.settings import Settings
from playground.tabs import page_files, picker
from playground.tabs.arrival import Below, build_below
from playground.tabs.attention import layout as attention
from playground.tabs.attention.linked import LinkedAttention
from playground.tabs.beam import controls as beam_controls
from playground.tabs.beam import layout as beam
from playground.tabs.beam.handlers import BeamTab
from playground.tabs.brought import TALES, VERSE, Brought, brought_by
from playground.tabs.built import Built
from playground.tabs.compare import layout as compare
from playground.tabs.compare.linked import LinkedCompare
from playground.tabs.generate import layout as generate
from playground.tabs.generate.handlers import GenerateTab
from playground.tabs.header_tools import header_tools
from playground.tabs.inside import layout as inside
from playground.tabs.inside.linked import LinkedInside
from playground.tabs.lockstep import layout as lockstep
from playground.tabs.lockstep.linked import LinkedLockstep
from playground.tabs.page_languages import Page
from playground.tabs.per_visitor import PerVisitor, Whose
from playground.tabs.picker import Picker
from playground.tabs.reader import PARAMETER
from playground.tabs.recorded import Recorded, recorded
from playground.tabs.terms import all_terms
from playground.tabs.tokenizer import layout as tokenizer
from playground.tabs.tokenizer.linked import LinkedTokenizer


def build(models: Shelf | ModelSlot, is_public: bool = False) -> gr.Blocks:
    """The whole page around a shelf of models, or one alone; where `is_public`, visitors load nothing but what it
    offers."""
    shelf = models if isinstance(models, Shelf) else Shelf.of(models)
    both = shelf.beside(shipped(), late.load)  # of a page of one model: the others of Two models
    tales, verse = recorded()

    def name(whose: Whose) -> str:
        return whose.model or shelf.first(whose.language)

    def slot(whose: Whose) -> ModelSlot:
        return shelf.slot(name(whose))

    def brought(whose: Whose) -> Brought:
        return brought_by(shelf.entry(name(whose))).beside(shelf)

    def recordings(whose: Whose) -> Recorded:
        found = brought_by(shelf.entry(name(whose)))
        return tales if found is TALES else verse if found is VERSE else tales.unrecorded

    def tokenizers(slot: ModelSlot) -> TokenizerShelf:
        return TokenizerShelf(slot, lambda name: late.hub_tokenizers.read(name), is_public)

    def using(whose: Whose) -> AbstractContextManager[object]:
        return slot(whose).using()

    def generate_tab(whose: Whose) -> GenerateTab:
        first = recordings(whose)
        return GenerateTab(slot(whose), first.run, first.vocabulary, whose.t, brought(whose))

    def beam_tab(whose: Whose) -> BeamTab:
        first = recordings(whose)
        return BeamTab(slot(whose), first.search, first.vocabulary, whose.t, brought(whose))

    def attention_tab(whose: Whose) -> LinkedAttention:
        return LinkedAttention(slot(whose), recordings(whose).vocabulary, whose.t, brought(whose))

    tabs = Tabs(
        PerVisitor(generate_tab, using),
        PerVisitor(beam_tab, using),
        PerVisitor(lambda whose: LinkedCompare(slot(whose), whose.t, brought(whose), shelf), using),
        PerVisitor(lambda whose: LinkedTokenizer(slot(whose), whose.t, tokenizers(slot(whose))), using),
        PerVisitor(attention_tab, using),
        PerVisitor(lambda whose: LinkedInside(slot(whose), whose.t, brought(whose)), using),
        PerVisitor(lambda whose: LinkedLockstep(slot(whose), whose.t, brought(whose), both), using),
    )
    at_hand = tokenizers(shelf.slot())

    def lay_out(demo: gr.Blocks, language: str) -> None:
        whose = Whose(language)
        dropdown, scale, below, laid = _lay_out(demo, tabs, whose, shelf, name(whose), is_public)
        picker.wire(Picker(shelf, slot, brought, laid, is_public), laid, dropdown, scale, below, demo)
        endpoints.build(shelf, at_hand)

    return Page(lay_out, fill_width=True, analytics_enabled=False, delete_cache=(3600, 3600))


class Tabs(NamedTuple):
    """The tabs of the page."""

    generate: PerVisitor[GenerateTab]
    beam: PerVisitor[BeamTab]
    compare: PerVisitor[LinkedCompare]
    tokenizer: PerVisitor[LinkedTokenizer]
    attention: PerVisitor[LinkedAttention]
    inside: PerVisitor[LinkedInside]
    lockstep: PerVisitor[LinkedLockstep]


def _lay_out(
    demo: gr.Blocks, tabs: Tabs, whose: Whose, shelf: Shelf, model: str, is_public: bool
) -> tuple[gr.Dropdown, gr.Slider, Below, picker.Page]:  # fmt: skip
    t = whose.t
    bus = LiveBus(frame(tabs.generate.tab(whose).first_frame()), elem_id="bus")
    beam_bus = LiveBus(frame(tabs.beam.tab(whose).first_frame()), elem_id="beam-bus")
    compare_bus = LiveBus(frame(tabs.compare.tab(whose).first_frame()), elem_id="compare-bus")
    tokenizer_bus = LiveBus(frame(tabs.tokenizer.tab(whose).first_frame()), elem_id="tokenizer-bus")
    links = "".join(
        f'<a class="skip-link" href="#{name}" data-to="{name}">{words}</a>'
        for name, words in (("run", t("page.skip_run")), ("results", t("page.skip_results")))
    )
    Terms(all_terms(t), elem_id="terms")
    skip = f'<nav aria-label="{t("page.skip")}">{links}</nav>'
    gr.HTML(skip, js_on_load=None, apply_default_css=False, elem_id="skip")
    with gr.Row(elem_id="header"):
        gr.HTML(f"<h1>{t('page.title')}</h1>", js_on_load=None, apply_default_css=False, elem_id="brand")
        with gr.Column(elem_id="which", min_width=0):
            with gr.Row(elem_id="shelf-row"):
                dropdown = picker.build(shelf, model, t)
                opener = None if is_public else gr.Button(t("shelf.other"), elem_id="shelf-other", min_width=0)
            LiveText(channel="model", style="model", live=True, elem_id="model")
        gr.HTML(
            _language_switch(t),
            js_on_load="window.livePage.languages({element});",
            apply_default_css=False,
            elem_id="languages",
        )
        gr.HTML(
            header_tools(t),
            js_on_load="window.livePage.theme({element});",
            apply_default_css=False,
            elem_id="theme",
        )
    scale = picker.build_scale(shelf, model, t)
    below = build_below(opener, t)
    built: dict[str, Built] = {}
    with gr.Tabs(elem_id="tabs", overflow_behavior="wrap"):
        with gr.Tab(t("tab.generate"), id="generate"):
            built["generate"] = generate.build(tabs.generate, t, bus, demo)
        with gr.Tab(t("beam.tab"), id="beam"):
            built["beam"] = beam.build(tabs.beam, t, beam_bus, demo)
        with gr.Tab(t("compare.tab"), id="compare") as opened:
            controls = [built[name].controls.all for name in ("generate", "beam")]
            built["compare"] = compare.build(tabs.compare, t, compare_bus, opened, *controls)
        with gr.Tab(t("tab.tokenizer"), id="tokenizer"):
            built["tokenizer"] = tokenizer.build(tabs.tokenizer, t, tokenizer_bus, demo)
        with gr.Tab(t("tab.attention"), id="attention") as opened:
            built["attention"] = attention.build(tabs.attention, t, opened)
        with gr.Tab(t("tab.inside"), id="inside") as opened:
            built["inside"] = inside.build(tabs.inside, t, opened)
        with gr.Tab(t("tab.lockstep"), id="lockstep") as opened:
            built["lockstep"] = lockstep.build(tabs.lockstep, t, whose, opened)
    laid = picker.Page(built, {name: tab for name, tab in tabs._asdict().items() if name in built})
    return dropdown, scale, below, laid


def _language_switch(t: Translator) -> str:
    """A link to the same page in each other language, named in that one; nothing where there is one language only."""
    links = [
        f'<a href="?{PARAMETER}={code}" lang="{code}" hreflang="{code}" data-language="{code}">'
        f"{translator(code)('page.language')}</a>"
        for code in languages()
        if code != t.language
    ]
    return f'<nav aria-label="{t("page.languages")}">{" ".join(links)}</nav>' if links else "<span hidden></span>"


def _theme() -> gr.themes.Base:
    """Gradio's own parts in the palette of the charts."""
    named = {
        "body_background_fill": "page", "block_background_fill": "panel", "input_background_fill": "panel",
        "background_fill_primary": "panel", "background_fill_secondary": "raised", "body_text_color": "ink",
        "block_label_text_color": "ink", "block_title_text_color": "ink", "body_text_color_subdued": "muted",
        "block_info_text_color": "muted", "border_color_primary": "line", "input_border_color": "line",
        "input_border_color_focus": "accent", "block_border_color": "line",
        "button_secondary_background_fill": "raised", "button_secondary_background_fill_hover": "line",
        "button_secondary_text_color": "ink", "button_primary_background_fill": "accent",
        "button_primary_background_fill_hover": "accent", "button_primary_text_color": "panel",
    }  # fmt: skip
    both = {f"{name}{end}": f"var(--plot-{colour})" for name, colour in named.items() for end in ("", "_dark")}
    fonts, mono = ([name.strip().strip("'") for name in family.split(",")] for family in (theme.FONT, theme.MONOSPACE))
    return gr.themes.Base(font=fonts, font_mono=mono, radius_size="md", text_size="md", spacing_size="sm").set(**both)


def _app_arguments() -> dict[str, Any]:
    """Our files and where they stand in the page."""
    return page_files.app_arguments(
        page_files.script(),
        page_files.style_sheet(beam_controls.style()),
        page_files.plotly(PLOTLY_JS),
        lambda t: f"{t('page.title')}: {t('page.tagline')}",
    )


def launch(demo: gr.Blocks, options: Settings, **changes: Any) -> None:
    """Serve the page and block, unless `changes` (arguments of gr.Blocks.launch) say otherwise."""
    demo.queue(max_size=200, default_concurrency_limit=40)
    arguments: dict[str, Any] = {
        "server_name": options.host,
        "server_port": options.port,
        "share": options.share,
        "theme": _theme(),
        "app_kwargs": _app_arguments(),
        "footer_links": ["api"],
        "run_history": False,
        "enable_monitoring": False,
        "max_file_size": "1mb",
        "show_error": False,
        "max_threads": 200,  # a run at reading pace holds one while it waits
        "ssr_mode": False,
        "mcp_server": options.mcp,
        "pwa": False,
        "_frontend": False,  # else Gradio gives up where a busy machine takes more than 3 s over its first answer
    }
    demo.launch(**(arguments | changes))
