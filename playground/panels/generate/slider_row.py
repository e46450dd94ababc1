"""What the page is told to redraw the charts of a step by itself while a slider is dragged."""

from playground.views.next_token import NextToken
from playground.views.slider_row import SliderRow, Sliders


def slider_row_payload(row: SliderRow, view: NextToken, logits: list[float], sliders: Sliders) -> dict[str, object]:
    """For assets/live_preview.js; `logits` of the view's candidates as they come into the first of the four.

    A candidate is [its logit below the highest, or None where it is removed already; its raw probability].
    """
    return {
        "settings": dict(sliders.values),
        "order": row.order,
        "size": row.size,
        "single": [round(logit, 4) for logit in row.single],
        "groups": [[count, round(logit, 3)] for count, logit in row.groups],
        "candidates": [
            [_below(logit, row), float(f"{candidate.probability:.5g}")]
            for candidate, logit in zip(view.candidates, logits, strict=True)
        ],
        "raw": row.is_raw,
    }


def _below(logit: float, row: SliderRow) -> float | None:
    """None for a token that is removed already."""
    return round(logit - row.highest, 4) if logit > -float("inf") else None
