"""OrderList: the stages that are on, in their order; a person moves them and switches them."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import gradio as gr


class OrderList(gr.HTML):
    """The value is the order of all stages, as a JSON list of names; every change triggers `input`.

    Shown are those whose Knob (`knob-<name>`) is on, or was on before: their switch is the knob's own. `channel` says
    when a knob may have moved. `presets` are orders under a name, the usual one first. While another is chosen, its
    one of `notes` ("own" for none of them) stands in the page's element of class order-note, with a way back.
    """

    def __init__(
        self,
        value: Sequence[str],
        *,
        labels: Mapping[str, str],
        presets: Mapping[str, tuple[str, Sequence[str]]],
        words: Mapping[str, str],
        notes: Mapping[str, str],
        channel: str,
        **arguments: Any,
    ) -> None:
        buttons = "".join(
            f'<button type="button" data-preset="{escape(key)}" aria-pressed="false">{escape(label)}</button>'
            for key, (label, _) in presets.items()
        )
        super().__init__(
            json.dumps(list(value)),
            html_template=(
                '<div class="order-list"><div class="order-presets" role="group" '
                f'aria-label="{escape(words["presets"])}">{buttons}</div>'
                f'<ol class="order-stages" aria-label="{escape(words["stages"])}"></ol></div>'
            ),
            js_on_load="window.livePage.orderList({element, props, trigger, watch}); // triggers 'input'",
            apply_default_css=False,
            labels=json.dumps(dict(labels)),
            presets=json.dumps({key: list(order) for key, (_, order) in presets.items()}),
            words=json.dumps(dict(words)),
            notes=json.dumps(dict(notes)),
            channel=channel,
            **arguments,
        )

    def preprocess(self, payload: Any) -> Any:
        return payload

    def postprocess(self, value: Any) -> Any:
        return value if value is None or isinstance(value, str) else json.dumps(list(value))
