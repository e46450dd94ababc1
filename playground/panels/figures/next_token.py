"""Bars of the next token: the model outlined, what the settings make of it filled, the removed greyed but there."""

import unicodedata
from typing import Any

from playground.i18n import Translator
from playground.panels.figures.theme import colour, cut_colour, rounded, shortened
from playground.views.next_token import Candidate, NextToken, Rest
from playground.views.notation import percent

_LONGEST = 0.62  # of the row, for the longest bar: the numbers beside it need the rest
_NARROWEST, _WIDEST = 6, 14  # characters of the names


def next_token_bars(view: NextToken, t: Translator) -> dict[str, object]:
    """Rows for LiveBars: candidates by rank (the chosen one always), then the rest. What is picked is the token id."""
    rows = view.candidates
    scale = _LONGEST / max(1e-9, *(c.probability for c in rows), *(c.final_probability for c in rows))
    top = rows[0]
    return {
        "rows": [*(_row(c, scale, view, t) for c in rows), _rest(view.rest, t)],
        "width": max(_NARROWEST, *(_columns(shortened(c.label, _WIDEST)) for c in rows)),
        "label": t(
            "chart.next_token.label", token=top.label, probability=percent(top.probability),
            kept=view.tokens_kept, vocab_size=view.vocab_size,
        ),
    }  # fmt: skip


def _row(candidate: Candidate, scale: float, view: NextToken, t: Translator) -> dict[str, Any]:
    is_chosen = candidate.token_id == view.chosen_id
    fill, edge = rounded((candidate.final_probability * scale, candidate.probability * scale))
    row: dict[str, Any] = {
        "name": shortened(candidate.label, _WIDEST), "fill": fill, "edge": edge, "text": _numbers(candidate, t),
        "title": _title(candidate, t), "pick": candidate.token_id,
        "ink": colour("chosen" if is_chosen else "accent"), "line": _outline(candidate),
    }  # fmt: skip
    return row | ({"lit": True} if is_chosen else {}) | ({"cut": True} if candidate.removed_by else {})


def _rest(rest: Rest, t: Translator) -> dict[str, Any]:
    """No bar: a length would not compare with those above, of single tokens."""
    share, final = percent(rest.probability), percent(rest.final_probability)
    words = share if share == final else f"{share} → {final}"
    if rest.untold:
        return {
            "name": t("chart.next_token.rest_name"),
            "text": t("chart.next_token.rest_untold", tokens=rest.tokens, probability=words, untold=rest.untold),
            "title": t(
                "chart.next_token.rest_untold_hover",
                tokens=rest.tokens,
                probability=share,
                final=final,
                untold=rest.untold,
                most=percent(rest.most),
            ),
        }
    return {
        "name": t("chart.next_token.rest_name"),
        "text": t("chart.next_token.rest", tokens=rest.tokens, probability=words),
        "title": t("chart.next_token.rest_hover", tokens=rest.tokens, probability=share, final=final),
    }


def _columns(text: str) -> int:
    """How wide it is in a monospace font: a Chinese character takes two columns."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _outline(candidate: Candidate) -> str:
    return cut_colour(candidate.removed_by) if candidate.removed_by else colour("ink")


def _numbers(candidate: Candidate, t: Translator) -> str:
    raw = percent(candidate.probability)
    if candidate.removed_by:
        return t("chart.next_token.removed", raw=raw, by=t(f"parameter.{candidate.removed_by}.short"))
    final = percent(candidate.final_probability)
    return raw if raw == final else f"{raw} → {final}"


def _title(candidate: Candidate, t: Translator) -> str:
    return t(
        "chart.next_token.hover",
        token=candidate.label,
        token_id=candidate.token_id,
        rank=candidate.rank,
        logit=f"{candidate.logit:.3f}",
        probability=percent(candidate.probability),
        final=percent(candidate.final_probability),
    )
