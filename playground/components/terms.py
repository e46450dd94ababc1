"""Terms: the words of the field that the page explains where they stand."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import gradio as gr


@dataclass(frozen=True)
class Term:
    """One word.

    Attributes:
        name: its key.
        words: how it is written.
        says: what it means, in one sentence.
        number: where its number stands: "after" it ("rank 2"), "before" it ("1.96 nats"), or "" where it has none.
        within: a CSS selector of where on the page it has this meaning; "" for everywhere.
    """

    name: str
    words: tuple[str, ...]
    says: str
    number: str = ""
    within: str = ""


class Terms(gr.HTML):
    """Underlines each term the first time that it stands in a sentence of the page, and says what it means, with its
    number, to whoever points at it, taps it or has the focus on it (assets/live_terms.js)."""

    def __init__(self, terms: Sequence[Term], **arguments: Any) -> None:
        super().__init__(
            html_template="",
            js_on_load="window.livePage.glossary({props});",
            visible="hidden",
            terms=json.dumps([asdict(term) for term in terms]),
            **arguments,
        )
