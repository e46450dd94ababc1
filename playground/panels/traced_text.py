"""A traced text as a piece of HTML that needs no page: for notebooks. What tokens say is escaped, never markup."""

from collections.abc import Sequence
from html import escape

from playground.i18n import Translator
from playground.views.next_token import Candidate

_FULL_SHADE = 0.56  # of a token that was certain; light enough for ink, dark or light, to be read on it
_TOKEN = "background:rgba(0,114,178,{alpha:.2f});border-radius:3px;padding:1px 0;unicode-bidi:isolate"
_TEXT = "white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.8;font-family:ui-monospace,Menlo,Consolas,monospace"
_NOTE = "opacity:.75;font-size:.85em"


def traced_text(
    prompt: str, tokens: Sequence[tuple[str, Candidate, float]], made_by: str, badge: str, t: Translator
) -> str:
    """The prompt pale, then every token shaded by its probability, with its numbers on pointing at it; below, how it
    came about, and what the comparison with transformers found, if there was one.

    `tokens`: each as it stands in a line, its numbers, the entropy in nats of the distribution that it is from.
    """
    spans = [f'<span style="opacity:.65;unicode-bidi:isolate">{escape(prompt)}</span>']
    for number, (text, token, entropy) in enumerate(tokens, start=1):
        title = t(
            "notebook.token", number=number, token=token.label, token_id=token.token_id, rank=token.rank,
            probability=f"{token.probability:.4g}", final=f"{token.final_probability:.4g}", entropy=f"{entropy:.4g}",
        )  # fmt: skip
        style = _TOKEN.format(alpha=_FULL_SHADE * token.probability)
        spans.append(f'<span style="{style}" title="{escape(title)}">{escape(text)}</span>')
    notes = [t("notebook.caption", tokens=len(tokens), made_by=made_by), *([badge] if badge else [])]
    lines = "".join(f'<div style="{_NOTE}">{escape(note)}</div>' for note in notes)
    return f'<div><div style="{_TEXT}">{"".join(spans)}</div>{lines}</div>'
