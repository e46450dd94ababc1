"""Frames of the panel that says what rounding does to a text."""

from playground.i18n import Translator
from playground.panels.figures.rounding import rounding_figure
from playground.views.notation import percent, significant
from playground.views.rounding import RoundedStep, Rounding

LISTED = 8  # steps, those that move most
WORDS, NOTE, CHART, TABLE = (f"inside.rounding{part}" for part in ("_words", "_note", "", "_table"))


def frames(view: Rounding, dtype: str, copy_bytes: int, t: Translator) -> dict[str, object]:
    """The sentence, a bar a step, and the steps that move most."""
    step, place = view.largest_change, view.parts
    words = t(
        "inside.rounding.words", steps=len(view.steps), dtype=dtype, mean=significant(view.mean_divergence),
        token=step.label, before=percent(step.probability), after=percent(step.rounded_probability),
    )  # fmt: skip
    if place is None:
        parts = t("inside.rounding.same")
    else:
        at = view.steps[place]
        parts = t("inside.rounding.parts", number=place + 2, ours=at.top, theirs=at.rounded_top)
    what = t(f"inside.rounding.what.{dtype}", size=megabytes(copy_bytes))
    return {
        WORDS: {"parts": [words]},
        NOTE: {"parts": [f"{parts} {what}"]},
        CHART: rounding_figure(view, dtype, t),
        TABLE: _table(view, t),
    }


def asked(dtype: str, copy_bytes: int, t: Translator) -> dict[str, object]:
    """Instead of all that: a copy that nobody has asked for yet is not small."""
    return {WORDS: {"parts": [t("inside.rounding.ask", dtype=dtype, size=megabytes(copy_bytes))]}}


def megabytes(size: int) -> str:
    """Example: 13,934,592 -> "14 MB"."""
    return f"{significant(size / 1e6, 2 if size < 1e8 else 3)} MB"


def _table(view: Rounding, t: Translator) -> dict[str, object]:
    names = ("token", "before", "after", "divergence", "first")
    order = sorted(range(len(view.steps)), key=lambda i: -view.steps[i].divergence)[:LISTED]
    rows = [
        [
            f"{i + 2}  {step.label}", percent(step.probability), percent(step.rounded_probability),
            significant(step.divergence), _first(step),
        ]
        for i in order
        for step in [view.steps[i]]
    ]  # fmt: skip
    return {"table": {"head": [t(f"inside.rounding.{name}") for name in names], "rows": rows}}


def _first(step: RoundedStep) -> str:
    return step.top if step.top == step.rounded_top else f"{step.top} → {step.rounded_top}"
