"""Frames of the Inside tab: the stations of a forward pass, the logit lens and the anatomy of a model."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from playground.i18n import Translator
from playground.views.anatomy import Anatomy
from playground.views.forward_pass import StationRow
from playground.views.logit_lens import Guess, LensCell, LogitLens
from playground.views.notation import percent, significant
from playground.views.strip import spelt
from playground.vocabulary import Vocabulary

if TYPE_CHECKING:  # these import transformers, for which the page does not wait
    from playground.engines.huggingface.family import Member

_BEFORE = ("token_embedding", "position_embedding", "embedding")
MEASURES = ("probability", "rank", "divergence")


def text(ids: Sequence[int], token: int, vocabulary: Vocabulary, t: Translator) -> dict[str, object]:
    """The text as buttons, the token on show marked."""
    tokens = [
        {
            "text": spelt(token_id, vocabulary),
            "title": t("inside.token", number=i, token=vocabulary.label(token_id)),
            "shade": 0,
        }
        for i, token_id in enumerate(ids)
    ]
    return {"tokens": tokens, "from": token, "rays": []}


def stations(rows: Sequence[StationRow], opened: int, blocks: int, t: Translator) -> dict[str, object]:
    """One line a station; of the blocks only the opened one in full, the others by what leaves them."""
    lines: list[dict[str, object]] = []
    seen: set[int] = set()
    for row in rows:
        if row.block is not None and row.block not in seen:
            seen.add(row.block)
            last = next(r for r in rows if r.block == row.block and r.name == "residual_mlp")
            is_open = row.block == opened
            lines.append(
                {
                    "name": t("inside.block", number=row.block + 1, blocks=blocks),
                    "formula": t("inside.block.opened" if is_open else "inside.block.closed"),
                    "shape": _shape(last),
                    "size": t("inside.norm", norm=significant(last.strip.norm)),
                    "kind": "block",
                    "open": is_open,
                    "pick": row.block,
                    "strip": _strip(last),
                }
            )
        if row.block is None or row.block == opened:
            lines.append(_line(row, t))
    return {"rows": lines}


def _line(row: StationRow, t: Translator) -> dict[str, object]:
    return {
        "name": t(f"inside.station.{row.name}"),
        "formula": t(f"inside.formula.{row.name}"),
        "title": t("inside.strip", largest=significant(row.strip.largest), shared=row.strip.shared),
        "shape": _shape(row),
        "size": t("inside.norm", norm=significant(row.strip.norm)),
        "kind": _kind(row),
        "strip": _strip(row),
    }


def _kind(row: StationRow) -> str:
    if row.block is None:
        return "before" if row.name in _BEFORE else "after"
    if row.name.startswith("residual"):
        return "residual"
    return "mlp" if row.name in ("norm_mlp", "mlp_hidden", "mlp_gated", "mlp") else "attention"


def _shape(row: StationRow) -> str:
    return " × ".join(f"{size:,}" for size in row.shape)


def _strip(row: StationRow) -> dict[str, object]:
    return {"rows": row.strip.rows, "columns": row.strip.columns, "data": row.strip.data}


def head_panel(view: Anatomy, top: Sequence[Guess], base: str, whole: str, t: Translator) -> dict[str, object]:
    """What the LM head adds to the model without it."""
    key = "inside.head.tied" if view.is_tied else "inside.head.untied"
    words = t(
        "inside.head.words", base=base, whole=whole, width=view.width, vocab_size=view.vocab_size,
        head=view.head_count, base_total=view.base_total, total=view.total,
    )  # fmt: skip
    listed = ", ".join(f"{guess.label} {percent(guess.probability)}" for guess in top)
    return {"parts": [words, t(key, head=view.head_count), t("inside.head.says", listed=listed)]}


# ---- the logit lens ----------------------------------------------------------------------------------------------


def lens(view: LogitLens, measure: str, chosen: tuple[int, int], t: Translator) -> dict[str, object]:
    """A row a layer, the model itself on top, shaded by the measure; chosen is (layer, position)."""
    layers = len(view.cells)
    rows = []
    for layer in reversed(range(layers)):
        cells = []
        for i, cell in enumerate(view.cells[layer]):
            title = t(
                "inside.lens.cell", layer=_layer_name(layer, layers, t), position=view.start + i,
                token=view.tokens[i], top=cell.top.label, probability=percent(cell.top.probability),
                final=view.cells[-1][i].top.label, final_probability=percent(cell.final_probability),
                rank=cell.final_rank, divergence=_nats(cell.divergence),
            )  # fmt: skip
            is_final = cell.final_rank == 1
            cells.append([cell.top.label, title, "final" if is_final else "other", _shade(cell, measure)])
        rows.append({"head": [_layer_name(layer, layers, t), "", ""], "cells": cells})
    columns = [
        [label, t("inside.lens.position", position=view.start + i), "token"] for i, label in enumerate(view.tokens)
    ]
    selected = [layers - 1 - chosen[0], chosen[1] - view.start]
    return {"corner": t("inside.lens.corner"), "columns": columns, "rows": rows, "selected": selected}


def _shade(cell: LensCell, measure: str) -> float:
    """0 to 1, bright where the layer is sure, or close to the final choice."""
    if measure == "probability":
        return round(math.sqrt(cell.top.probability), 3)
    if measure == "rank":
        return round(max(0.0, 1 - math.log(cell.final_rank) / math.log(1000)), 3)
    return round(math.exp(-cell.divergence / 2), 3)


def _nats(divergence: float) -> str:
    return "0" if divergence < 1e-9 else significant(divergence)


def _layer_name(layer: int, layers: int, t: Translator) -> str:
    if layer == 0:
        return t("inside.lens.embedding")
    return t("inside.lens.model", layer=layer) if layer == layers - 1 else t("inside.lens.layer", layer=layer)


def lens_list(view: LogitLens, chosen: tuple[int, int], guesses: Sequence[Guess], t: Translator) -> dict[str, object]:
    """The list of one cell: what that layer would say, and the sentence about the position."""
    layer, position = chosen
    i, layers = position - view.start, len(view.cells)
    cell, final = view.cells[layer][i], view.cells[-1][i].top
    head = [t("inside.lens.token"), t("inside.lens.probability")]
    rows = [[guess.label, percent(guess.probability)] for guess in guesses]
    words = t(
        "inside.lens.words", layer=_layer_name(layer, layers, t), token=view.tokens[i], top=cell.top.label,
        probability=percent(cell.top.probability), final=final.label, rank=cell.final_rank,
        final_probability=percent(cell.final_probability), divergence=_nats(cell.divergence),
        settled=_layer_name(view.settled[i], layers, t),
    )  # fmt: skip
    return {
        "inside.lens_words": {"parts": [words]},
        "inside.lens_list": {"table": {"head": head, "rows": rows}},
    }


# ---- anatomy -----------------------------------------------------------------------------------------------------


def family_table(members: Sequence["Member"], t: Translator) -> dict[str, object]:
    # what it comes to first: on a phone the rest is to the right
    names = ("name", "parameters", "layers", "heads", "width", "head_size", "context", "vocabulary")
    head = [t(f"inside.family.{name}") for name in names]
    rows = [
        [
            m.name, f"{m.parameters:,}", str(m.layers), str(m.heads), f"{m.width:,}", str(m.head_size),
            f"{m.context_length:,}", f"{m.vocab_size:,}",
        ]
        for m in members
    ]  # fmt: skip
    return {"table": {"head": head, "rows": rows}}
