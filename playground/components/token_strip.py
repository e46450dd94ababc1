"""TokenStrip: a text as a row of buttons, one a token, shaded by a measure of the reader's choice."""

from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

import gradio as gr


class Shading(NamedTuple):
    """One way to shade the tokens: its name and what the pale and the strong end of the scale mean."""

    name: str
    pale: str
    strong: str


class TokenStrip(gr.HTML):
    """Tokens come through `channel`: {"start", "tokens": [{"text", "title", "shades"}], "lead"?}, and which of them is
    on show through `<channel>.look`: {"index", "pinned"}.

    `start` tokens stay and the new ones follow, so a growing text costs only its growth; `lead` is the text before
    it, or its pieces, [{"text", "kind"}] (see views/dialogue.py), with `template` as their legend. `shades` holds a
    number from 0 to 1 for each Shading. Shading number `on_demand`, a yes (1) or no (0), is offered only while tokens
    have it, and chosen when it comes. A click (or an arrow key) sets the Gaze `gaze` to the token's index; a click on
    the token that was chosen before sets it to null. `tools` is HTML at the end of the head.
    """

    def __init__(
        self, *, channel: str, gaze: str, shadings: Sequence[Shading], title: str, hint: str,
        tools: str = "", template: str = "", on_demand: int | None = None, **arguments: Any,
    ) -> None:  # fmt: skip
        options = "".join(
            f"<option{' hidden' if i == on_demand else ''}>{escape(s.name)}</option>" for i, s in enumerate(shadings)
        )
        legends = "".join(
            f'<span class="token-legend"{"" if i == 0 else " hidden"}>{_scale(s, i == on_demand)}</span>'
            for i, s in enumerate(shadings)
        )
        chooser = escape(arguments.pop("chooser"))
        super().__init__(
            html_template=(
                f'<div class="panel-head"><h2>{escape(title)}</h2><small>{escape(hint)}</small>'
                f'<span class="spacer"></span><select aria-label="{chooser}">{options}</select>'
                f"{legends}{tools}</div>"
                f'<p class="lead-legend" hidden><i aria-hidden="true"></i>{escape(template)}</p>'
                '<div class="token-text"><span class="token-lead"></span><span class="token-strip"></span></div>'
            ),
            js_on_load="window.livePage.tokenStrip({element, props});",
            apply_default_css=False,
            channel=channel,
            gaze=gaze,
            on_demand=-1 if on_demand is None else on_demand,
            **arguments,
        )


def _scale(shading: Shading, is_yes_or_no: bool) -> str:
    pale, strong = escape(shading.pale), escape(shading.strong)
    if is_yes_or_no:
        full, hollow = (f'<span class="swatch{kind}" aria-hidden="true"></span>' for kind in (" is-yes", ""))
        return f"{full}{strong}{hollow}{pale}"
    return f'{pale}<i class="ramp" aria-hidden="true"></i>{strong}'
