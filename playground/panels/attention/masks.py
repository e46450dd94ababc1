"""Frames of the masks and the padding lab: what each panel shows of a padded batch."""

from collections.abc import Sequence

from playground.i18n import Translator
from playground.views.masks import Batch, Cells, Masks, Reason, masks
from playground.views.notation import percent, significant
from playground.views.padding_lab import Outcome, PaddingLab, Way
from playground.vocabulary import Vocabulary

Cell = list[object]
_MARK = "\u0000"  # no text holds it: where a token goes
_LETTERS: dict[Reason, str] = {"future": "F", "padding": "P", "window": "W"}


def batch(texts: Batch, chosen: int, vocabulary: Vocabulary, t: Translator) -> dict[str, object]:
    """The rectangle of tokens, a row a text, the chosen one marked."""
    rows = []
    for i, ids in enumerate(texts.texts):
        labels = iter(vocabulary.labels(ids))
        cells: list[Cell] = []
        for column in range(texts.length):
            if texts.is_padding(i, column):
                cells.append([t("attention.pad"), t("attention.batch.pad", column=column), "padding"])
            else:
                label = next(labels)
                cells.append([label, t("attention.batch.token", token=label, column=column), "token"])
        rows.append(
            {"head": [t("attention.text", number=i + 1), t("attention.batch.choose"), "choice"], "cells": cells}
        )
    columns = [[str(column), "", ""] for column in range(texts.length)]
    return {"columns": columns, "rows": rows, "selected": [chosen, -1]}


def mask_panels(
    texts: Batch, chosen: int, window: int | None, vocabulary: Vocabulary, t: Translator
) -> dict[str, object]:
    """The masks of the chosen text, each by itself and all together."""
    view = masks(texts, chosen, window)
    labels = _labels(texts, chosen, vocabulary, t)
    nothing: Cells = tuple(tuple(() for _ in row) for row in view.causal)
    parts = {
        "causal": view.causal, "padding": view.padding, "window": view.window or nothing, "together": view.together,
    }  # fmt: skip
    panels: dict[str, object] = {
        f"attention.{name}": _mask(cells, labels, texts, chosen, t) for name, cells in parts.items()
    }
    return panels | {"attention.mask_words": {"parts": [_mask_words(view, texts, chosen, t)]}}


def _labels(texts: Batch, chosen: int, vocabulary: Vocabulary, t: Translator) -> list[str]:
    labels = iter(vocabulary.labels(texts.texts[chosen]))
    return [t("attention.pad") if texts.is_padding(chosen, column) else next(labels) for column in range(texts.length)]


def _mask(cells: Cells, labels: Sequence[str], texts: Batch, chosen: int, t: Translator) -> dict[str, object]:
    def head(column: int) -> Cell:
        kind = "padding" if texts.is_padding(chosen, column) else "token"
        return [labels[column], "", kind]

    rows = []
    for query, row in enumerate(cells):
        made: list[Cell] = []
        for key, why in enumerate(row):
            letters = "".join(_LETTERS[reason] for reason in why)
            title = _why(labels, query, key, why, t)
            if texts.is_padding(chosen, query):
                title += t("attention.mask.filler_row")
            made.append([letters, title, "-".join(why) or "seen"])
        rows.append({"head": head(query), "cells": made})
    return {"columns": [head(column) for column in range(len(labels))], "rows": rows}


def _why(labels: Sequence[str], query: int, key: int, why: Sequence[Reason], t: Translator) -> str:
    if not why:
        return t("attention.mask.seen", query=labels[query], target=labels[key], row=query, column=key)
    reasons = t("attention.mask.and").join(t(f"attention.mask.{reason}") for reason in why)
    return t("attention.mask.blocked", query=labels[query], target=labels[key], row=query, column=key, reasons=reasons)


def _mask_words(view: Masks, texts: Batch, chosen: int, t: Translator) -> str:
    cells = [why for row in view.together for why in row]
    return t(
        "attention.mask.words",
        number=chosen + 1,
        tokens=len(texts.texts[chosen]),
        pads=texts.length - len(texts.texts[chosen]),
        cells=len(cells),
        seen=sum(not why for why in cells),
        future=sum("future" in why for why in cells),
        padding=sum("padding" in why for why in cells),
    )


def lab(view: PaddingLab, t: Translator) -> dict[str, object]:
    """The table: the truth first, every way of padding beneath it."""
    # what it comes to first: on a phone the rest is to the right
    columns: list[Cell] = [
        [t("attention.lab.greedy"), "", ""],
        [t("attention.lab.divergence"), t("attention.lab.kl"), ""],
    ]
    columns += [[label, "", "token"] for label in view.labels]
    return {
        "corner": t("attention.lab.corner"),
        "columns": columns,
        "rows": [_lab_row(outcome, view, t) for outcome in view.outcomes],
    }


def way_name(way: Way | None, t: Translator) -> str:
    if way is None:
        return t("attention.lab.alone")
    if way.reads_last_token:
        return t("attention.lab.last_token")
    parts = [t("attention.lab.left" if way.side == "left" else "attention.lab.right")]
    parts.append(t("attention.lab.mask" if way.with_mask else "attention.lab.no_mask"))
    parts.append(t("attention.lab.positions" if way.with_positions else "attention.lab.no_positions"))
    return " · ".join(parts)


def _lab_row(outcome: Outcome, view: PaddingLab, t: Translator) -> dict[str, object]:
    truth = view.outcomes[0]
    name = way_name(outcome.way, t)
    is_changed = outcome.greedy_id != truth.greedy_id
    kind = "truth" if outcome.way is None else "changed" if is_changed else "kept"
    mark = "" if outcome.way is None else "✗ " if is_changed else "✓ "
    harm = "truth" if outcome.way is None else "kept" if outcome.divergence < 1e-6 else "changed"
    cells: list[Cell] = [
        [mark + outcome.greedy_label, t(f"attention.lab.{kind}"), kind],
        ["" if outcome.way is None else _nats(outcome.divergence), t("attention.lab.kl"), harm],
    ]
    for label, own, true in zip(view.labels, outcome.probabilities, truth.probabilities, strict=True):
        title = t("attention.lab.cell", way=name, token=label, own=percent(own), true=percent(true))
        cells.append([_percent(own), title, "probability", round(own**0.5, 3)])
    return {"head": [name, "", "way"], "cells": cells}


def _percent(probability: float) -> str:
    return "<0.1 %" if probability < 0.001 else f"{significant(100 * probability, 2)} %"


def _nats(divergence: float) -> str:
    return "0" if divergence < 1e-6 else significant(divergence)


def lab_words(view: PaddingLab, text: str, t: Translator) -> dict[str, object]:
    """The sentence over the table: the worst that `generate` would have met."""
    worst = max(view.outcomes, key=lambda outcome: outcome.divergence)
    if worst.divergence < 1e-6:
        return {"parts": [t("attention.lab.no_padding", text=text)]}
    sentence = t(
        "attention.lab.words", text=text, truth=_MARK, worst=_MARK, way=way_name(worst.way, t),
        divergence=significant(worst.divergence), changed=view.changed, ways=len(view.outcomes) - 1,
    )  # fmt: skip
    first, between, rest = sentence.split(_MARK)
    tokens = [{"text": outcome.greedy_label, "kind": "token"} for outcome in (view.outcomes[0], worst)]
    return {"parts": [first, tokens[0], between, tokens[1], rest]}
