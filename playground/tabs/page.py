"""The page: header, tabs and endpoints put together, and how it is served."""

import json
from typing import Any, cast

import gradio as gr

from playground import beam_recording, recording, settings
from playground.backends.loading import ModelSlot
from playground.components.live_bus import LiveBus, frame
from playground.components.live_plot import PLOTLY_JS
from playground.components.live_text import LiveText
from playground.figures import theme
from playground.i18n import translator
from playground.settings import ASSETS, Settings
from playground.tabs import attention, beam, endpoints, generate, inside
from playground.tabs.attention_handlers import AttentionTab
from playground.tabs.beam_handlers import BeamTab
from playground.tabs.generate_handlers import GenerateTab
from playground.tabs.inside_handlers import InsideTab
from playground.vocabulary import from_tokenizer_json

_THEME_SWITCH = """
element.querySelector("button").addEventListener("click", () => {
  const dark = !document.body.classList.contains("dark");
  try { localStorage.setItem("playground-theme", dark ? "dark" : "light"); } catch { /* a page without storage */ }
  document.body.classList.toggle("dark", dark);
});
"""

_REMEMBERED_THEME = """
{
  const kept = () => { try { return localStorage.getItem("playground-theme"); } catch { return null; } };
  const apply = () => {
    const theme = kept();
    if (theme && document.body.classList.contains("dark") !== (theme === "dark")) {
      document.body.classList.toggle("dark", theme === "dark");
    }
  };
  const start = () => { // Gradio sets a theme of its own while it mounts
    apply();
    new MutationObserver(apply).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  };
  if (!new URLSearchParams(location.search).has("__theme")) {
    if (document.body) start(); else addEventListener("DOMContentLoaded", start);
  }
}
"""


def build(slot: ModelSlot) -> gr.Blocks:
    """The whole page around one model."""
    t = translator()
    tokenizer = json.loads((settings.DEFAULT_MODEL / "tokenizer.json").read_text(encoding="utf-8"))
    first_run = recording.load(settings.FIRST_RUN)
    vocabulary = from_tokenizer_json(tokenizer, first_run.steps[0].logits.shape[-1])
    tab = GenerateTab(slot, first_run, vocabulary, t)
    beams = BeamTab(slot, beam_recording.load(settings.FIRST_BEAM, vocabulary.pieces), vocabulary, t)
    with gr.Blocks(
        title=t("page.title"), fill_width=True, analytics_enabled=False, delete_cache=(3600, 3600)
    ) as demo:  # fmt: skip
        bus = LiveBus(frame(tab.first_frame()), elem_id="bus")
        beam_bus = LiveBus(frame(beams.first_frame()), elem_id="beam-bus")
        with gr.Row(elem_id="header"):
            gr.HTML(f"<h1>{t('page.title')}</h1>", js_on_load=None, apply_default_css=False, elem_id="brand")
            LiveText(channel="model", style="model", live=True, elem_id="model")
            gr.HTML(
                f'<button type="button" id="theme-switch" aria-label="{t("page.theme")}" title="{t("page.theme")}">'
                "◐</button>",
                js_on_load=_THEME_SWITCH,
                apply_default_css=False,
                elem_id="theme",
            )
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab(t("tab.generate"), id="generate"):
                generate.build(tab, bus, demo)
            with gr.Tab(t("beam.tab"), id="beam"):
                beam.build(beams, beam_bus, demo)
            with gr.Tab(t("tab.attention"), id="attention") as opened:
                attention.build(AttentionTab(slot, vocabulary, t), opened)
            with gr.Tab(t("tab.inside"), id="inside") as opened:
                inside.build(InsideTab(slot, t), opened)
        endpoints.build(slot)
    return cast(gr.Blocks, demo)


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


def _head() -> str:
    # the path is relative, so that it holds behind a proxy's prefix too; no CDN
    plotly = f'<script defer src="gradio_api/file={PLOTLY_JS.as_posix()}"></script>'
    scripts = [path.read_text(encoding="utf-8") for path in (ASSETS / "live.js", *sorted(ASSETS.glob("live_*.js")))]
    description = f"{translator()('page.title')}: {translator()('page.tagline')}"
    return f'<meta name="description" content="{description}">{plotly}' + "".join(
        f"<script>{script}</script>" for script in (*scripts, _REMEMBERED_THEME)
    )


def _style_sheet() -> str:
    """The palette, then style.css, then a file a tab."""
    files = (ASSETS / "style.css", *sorted(ASSETS.glob("style_*.css")))
    return theme.style_sheet() + "".join(path.read_text(encoding="utf-8") for path in files)


def launch(demo: gr.Blocks, options: Settings, **changes: Any) -> None:
    """Serve the page and block, unless `changes` (arguments of gr.Blocks.launch) say otherwise."""
    demo.queue(max_size=200, default_concurrency_limit=40)
    arguments: dict[str, Any] = {
        "server_name": options.host,
        "server_port": options.port,
        "share": options.share,
        "theme": _theme(),
        "css": _style_sheet(),
        "head": _head(),
        "allowed_paths": [str(PLOTLY_JS)],
        "footer_links": ["api"],
        "run_history": False,
        "enable_monitoring": False,
        "max_file_size": "1mb",
        "show_error": False,
        "max_threads": 200,  # a run at reading pace holds one while it waits
        "ssr_mode": False,
        "pwa": False,
    }
    demo.launch(**(arguments | changes))
