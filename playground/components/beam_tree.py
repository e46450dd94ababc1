"""BeamTreeView: the tree of a beam search on a canvas that stays mounted and grows in place."""

from collections.abc import Mapping
from html import escape
from typing import Any

import gradio as gr

_BUTTONS = {"first": "«", "back": "‹", "play": "▶", "next": "›", "last": "»"}
_ZOOM = {"farther": "−", "closer": "+", "fit": "⤢", "follow": "⇥"}
SHOWN = ("all", "kept", "surviving")


class BeamTreeView(gr.HTML):
    """Layers come through `channel`: {"start", "tokens": [layer], "ends", "is_final", "alpha", "prompt"?, "label"};
    see assets/live_beam_tree.js.

    Hover, zoom, scrub and play happen in the page. A click on a node sets the Gaze `node` to [step, index], or to null
    to let go. Scrubbing sets the Gaze `step` to the number of steps, or to null for all.
    `texts` are the words of the page side, by name; see the keys `beam.tree.*` of the catalogue.
    """

    def __init__(self, *, channel: str, node: str, step: str, texts: Mapping[str, str], **arguments: Any) -> None:
        def buttons(named: Mapping[str, str]) -> str:
            return "".join(
                f'<button type="button" data-act="{name}" title="{escape(texts[name])}" '
                f'aria-label="{escape(texts[name])}">{sign}</button>'
                for name, sign in named.items()
            )

        options = "".join(f'<option value="{name}">{escape(texts["show." + name])}</option>' for name in SHOWN)
        super().__init__(
            html_template=(
                '<div class="beam-tree" role="group">'
                f'<canvas tabindex="0" role="application" aria-label="{escape(texts["help"])}"></canvas>'
                '<div class="beam-tip" hidden></div><div class="beam-spoken" aria-live="polite"></div></div>'
                f'<div class="beam-bar"><span class="beam-buttons">{buttons(_BUTTONS)}</span>'
                f'<span class="beam-where"></span><label class="beam-scrub"><input type="range" min="0" max="1" '
                f'value="0" step="1" aria-label="{escape(texts["scrub"])}"></label>'
                f'<select aria-label="{escape(texts["show"])}">{options}</select>'
                f'<span class="beam-buttons">{buttons(_ZOOM)}</span></div>'
            ),
            js_on_load="window.livePage.beamTree({element, props});",
            apply_default_css=False,
            channel=channel,
            node=node,
            step=step,
            texts=dict(texts),
            **arguments,
        )
