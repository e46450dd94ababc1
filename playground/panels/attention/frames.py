"""Frames of the attention weights and the KV cache: what each panel shows of a text and one of its heads."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from playground.i18n import Translator
from playground.panels.figures.attention_heads import distance_figure
from playground.panels.figures.kv_cache import work_figure
from playground.views import attention_heads as view
from playground.views.kv_cache import CacheSize, work
from playground.views.notation import percent, significant
from playground.views.strip import spelt
from playground.vocabulary import Vocabulary

if TYPE_CHECKING:  # these import transformers, for which the page does not wait
    from playground.engines.huggingface.cache_shape import CacheShape

AVERAGE = -1  # as a head: the mean over all heads of the layer
CACHE_TOKENS = 10  # of the picture of what is kept
NAMED_HEADS = 6  # of more heads the columns have no room for "head 1"


@dataclass(frozen=True)
class Shown:
    """A text with its weights (layers, heads, n, n), and what of them is on show.

    Attributes:
        numbers: which of the model's layers each is, from 0: hybrids have others between them.
        layer: the place among `numbers` of the one on show.
    """

    ids: tuple[int, ...]
    weights: Tensor
    numbers: tuple[int, ...]
    layer: int
    head: int
    query: int
    run: int

    def name(self, layer: int, head: int, t: Translator) -> str:
        """How a head is called; `layer` is a place among `numbers`."""
        return head_name(self.numbers[layer], head, t)

    @property
    def matrix(self) -> Tensor:
        """(n, n): of the chosen head, or the mean of its layer."""
        layer = self.weights[self.layer]
        return layer.mean(dim=0) if self.head == AVERAGE else layer[self.head]


def head_name(layer: int, head: int, t: Translator) -> str:
    if head == AVERAGE:
        return t("attention.layer_average", layer=layer + 1)
    return t("attention.head_name", layer=layer + 1, head=head + 1)


def grid(shown: Shown, t: Translator, final_length: int | None = None) -> str:
    """The value of the HeadGrid; for a growing text the maps have room for its final length."""
    layers, heads, n, _ = shown.weights.shape
    length = max(n, final_length or n)
    pool = view.pool_size(length, layers * heads)
    side = -(-length // pool)
    maps = view.small_maps(shown.weights, pool)
    room = maps.new_zeros(layers, heads, side, side)
    room[..., : maps.shape[2], : maps.shape[3]] = maps
    found = view.measures(shown.weights)
    titles = [
        t(
            "attention.head_title", name=shown.name(layer, head, t), entropy=significant(found.entropies[layer][head]),
            sink=percent(found.sinks[layer][head]), distance=significant(found.distances[layer][head]),
        )
        for layer in range(layers)
        for head in range(heads)
    ]  # fmt: skip
    return _json(
        {
            "rows": layers, "columns": heads, "side": side, "maps": view.encoded(room), "titles": titles, "lines": n,
            "row_names": [t("attention.layer_short", layer=layer + 1) for layer in shown.numbers],
            "column_names": head_names(heads, t),
            "corner": t("attention.head_corner") if heads > NAMED_HEADS else "",
            "selected": [shown.layer, shown.head], "number": f"{shown.run}:{n}", "run": shown.run,
        }
    )  # fmt: skip


def grid_note(n: int, maps: int, t: Translator) -> dict[str, object]:
    """How the small maps are to be read: what one of their cells stands for."""
    pool = view.pool_size(n, maps)
    text = t("attention.grid.exact") if pool == 1 else t("attention.grid.pooled", pool=pool)
    return {"parts": [text]}


def large(shown: Shown, vocabulary: Vocabulary, t: Translator) -> str:
    """The value of the large HeatMap."""
    name = shown.name(shown.layer, shown.head, t)
    return _json(
        {
            "size": len(shown.ids), "map": view.encoded(shown.matrix), "labels": vocabulary.labels(shown.ids),
            "marked": shown.query, "hover": t("attention.large.hover"), "blocked": t("attention.large.blocked"),
            "words": t("attention.large.words", name=name), "label": t("attention.large.label", name=name),
            "head": f"{shown.layer}:{shown.head}", "run": shown.run,
            "number": f"{shown.run}:{len(shown.ids)}:{shown.layer}:{shown.head}",
        }
    )  # fmt: skip


def looked(shown: Shown, vocabulary: Vocabulary, t: Translator) -> dict[str, object]:
    """What speaks of one head and one query: the text with its lines, the sentence, the marks."""
    row, n = shown.matrix[shown.query], len(shown.ids)
    weights = row[: shown.query + 1].tolist() + [0.0] * (n - shown.query - 1)
    top = view.rays(shown.matrix, shown.query)
    name = shown.name(shown.layer, shown.head, t)
    query = vocabulary.label(shown.ids[shown.query])
    tokens = [
        {
            "text": spelt(token_id, vocabulary),
            "title": t("attention.token", number=i, token=vocabulary.label(token_id), weight=percent(weights[i]))
            if i <= shown.query
            else t("attention.token_future", number=i, token=vocabulary.label(token_id)),
            "shade": round(weights[i] ** 0.5, 3),
        }
        for i, token_id in enumerate(shown.ids)
    ]
    listed = ", ".join(
        t("attention.looks_at", token=vocabulary.label(shown.ids[ray.key]), weight=percent(ray.weight))
        for ray in top[:4]
    )
    parts, total = view.shares(row), float(row.sum())
    entropy = float(-(parts.xlogy(parts)).sum())
    sums_to_one = abs(total - 1) < view.SUM_TOLERANCE
    return {
        "attention.selected": {"selected": [shown.layer, shown.head]},
        "attention.marked": {"marked": shown.query},
        "attention.text": {
            "tokens": tokens, "from": shown.query, "rays": [{"to": r.key, "weight": round(r.weight, 4)} for r in top],
        },
        "attention.sentence": {
            "parts": [
                t("attention.sentence.before", name=name),
                {"text": query, "kind": "token"},
                t(
                    "attention.sentence.after" if sums_to_one else "attention.sentence.after_sink",
                    number=shown.query, listed=listed, entropy=significant(entropy),
                    sum="1" if sums_to_one else significant(total),
                ),
            ]
        },
    }  # fmt: skip


def charts(shown: Shown, t: Translator) -> dict[str, object]:
    """What speaks of all heads, and of how far back the chosen one looks."""
    found = view.measures(shown.weights)
    chosen = (shown.layer, shown.head)
    return {
        "attention.entropy": _head_table(found.entropies, "entropy", chosen, shown, t),
        "attention.sink": _head_table(found.sinks, "sink", chosen, shown, t),
        "attention.distance": distance_figure(
            view.distance_profile(shown.matrix), view.distance_profile(shown.weights[shown.layer].mean(0)), t
        ),
    }


def _head_table(
    table: Sequence[Sequence[float]], name: str, chosen: tuple[int, int], shown: Shown, t: Translator
) -> dict[str, object]:
    """One number a head, as cells; `name` says which: "entropy" or "sink"."""
    top = 1.0 if name == "sink" else max(1e-9, *(value for row in table for value in row))
    heads = len(table[0])
    is_many = heads > NAMED_HEADS
    rows = []
    for layer, values in enumerate(table):
        cells = []
        for head, value in enumerate(values):
            number = percent(value) if name == "sink" else significant(value)
            title = t(f"attention.{name}.cell", name=shown.name(layer, head, t), value=number)
            short = f"{100 * value:.0f}{'' if is_many else ' %'}" if name == "sink" else f"{value:.1f}"
            cells.append([short, title, "measure", round(value / top, 3)])
        rows.append({"head": [t("attention.layer_short", layer=shown.numbers[layer] + 1), "", ""], "cells": cells})
    columns = [[over, t("attention.head_short", head=head + 1), ""] for head, over in enumerate(head_names(heads, t))]
    corner = t("attention.head_corner_percent" if name == "sink" else "attention.head_corner") if is_many else ""
    return {"columns": columns, "rows": rows, "selected": list(chosen), "corner": corner}


def head_names(heads: int, t: Translator) -> list[str]:
    """Over the columns: of many, the number alone, as there is no room for more; the corner says of what."""
    return [str(head + 1) if heads > NAMED_HEADS else t("attention.head_short", head=head + 1) for head in range(heads)]


def grown(shown: Shown, rows: Tensor, pool: int, vocabulary: Vocabulary, t: Translator) -> dict[str, object]:
    """One more line of every map: rows (layers, heads, n) of the newest token, whose number is n - 1."""
    n = rows.shape[-1]
    line = (n - 1) // pool
    band = view.small_maps(shown.weights[:, :, line * pool : n, :], pool)[:, :, 0]
    newest = rows[shown.layer].mean(0) if shown.head == AVERAGE else rows[shown.layer, shown.head]
    token = {
        "line": line, "small": view.encoded(band), "large": view.encoded(newest),
        "label": vocabulary.label(shown.ids[-1]), "head": f"{shown.layer}:{shown.head}",
    }  # fmt: skip
    return {
        "attention.grow": {"start": n - 1, "tokens": [token], "run": shown.run},
        **looked(shown, vocabulary, t),
    }


def nothing_grows(run: int) -> dict[str, object]:
    """The beginning or the end of a growth: the lines sent before are no longer needed."""
    return {"attention.grow": {"start": 0, "tokens": [], "run": run}}


# ---- the KV cache ------------------------------------------------------------------------------------------------


def cache(
    size: CacheSize, shape: "CacheShape", measured: tuple[int, float, float], ids: Sequence[int],
    vocabulary: Vocabulary, t: Translator,
) -> dict[str, object]:  # fmt: skip
    real, cached_seconds, whole_seconds = measured
    parts: list[object] = [
        _formula(size, shape, t),
        " ",
        {"text": t("attention.cache.equal" if real == size.total else "attention.cache.differs", real=real),
         "kind": "good" if real == size.total else "bad"},
    ]  # fmt: skip
    if size.has_windows:
        parts.append(t("attention.cache.windows"))
    if size.state_bytes:
        parts.append(t("attention.cache.state"))
    if size.layers < shape.all_layers:
        numbers = ", ".join(str(kept.layer + 1) for kept in shape.layers)
        parts.append(t("attention.cache.some_layers", layers=size.layers, all=shape.all_layers, numbers=numbers))
    kv_heads = {kept.kv_heads for kept in shape.layers}
    if shape.is_latent:
        parts.append(t("attention.cache.latent", heads=shape.heads))
    elif len(kv_heads) == 1 and max(kv_heads) < shape.heads:
        parts.append(t("attention.cache.shared", heads=shape.heads, kv_heads=max(kv_heads)))
    times = {
        "per_token": size.per_token, "tokens": size.tokens, "cached": significant(1000 * cached_seconds),
        "whole": significant(1000 * whole_seconds), "times": significant(whole_seconds / cached_seconds, 2),
    }  # fmt: skip
    return {
        "attention.cache_formula": {"parts": parts},
        "attention.cache_cost": {"parts": [t("attention.cache.cost", **times)]},
        "attention.work": work_figure(work(max(1, len(ids) // 2), 100), t),
        "attention.kept": _kept(ids[:CACHE_TOKENS], vocabulary, t),
    }


def _formula(size: CacheSize, shape: "CacheShape", t: Translator) -> str:
    """The bytes as a product: of what all layers have alike, else of what they have together."""
    alike = {(kept.kv_heads, kept.key_size, kept.value_size) for kept in shape.layers}
    values = {"layers": size.layers, "tokens": size.tokens, "bytes": size.value_bytes, "total": size.total}
    state = "_state" if size.state_bytes else ""
    if state:
        values["state"] = size.state_bytes
    if len(alike) != 1:
        numbers = sum(kept.kv_heads * (kept.key_size + kept.value_size) for kept in shape.layers)
        return t(f"attention.cache.formula_sum{state}", numbers=numbers, **values)
    ((heads, key_size, value_size),) = alike
    if key_size != value_size:
        return t(
            f"attention.cache.formula_apart{state}", heads=heads, key_size=key_size, value_size=value_size, **values
        )
    return t(f"attention.cache.formula{state}", heads=heads, size=key_size, **values)


def _kept(ids: Sequence[int], vocabulary: Vocabulary, t: Translator) -> dict[str, object]:
    """A row a step: what is computed new, and what the cache has already."""
    prompt = max(1, len(ids) // 2)
    rows = []
    for step, length in enumerate(range(prompt, len(ids) + 1)):
        new = prompt if step == 0 else 1
        cells = []
        for i, token_id in enumerate(ids):
            kind = "none" if i >= length else "new" if i >= length - new else "kept"
            mark = {"none": "", "new": t("attention.cache.new"), "kept": t("attention.cache.kept")}[kind]
            title = t(f"attention.cache.{kind}_words", token=vocabulary.label(token_id), step=step + 1)
            cells.append([mark, title, kind])
        rows.append({"head": [t("attention.cache.step", step=step + 1), "", ""], "cells": cells})
    return {"columns": [[label, "", "token"] for label in vocabulary.labels(ids)], "rows": rows}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
