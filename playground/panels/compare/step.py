"""One step of a comparison: the next token of every lane, side by side, on one axis."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from playground.decoding.lanes import Lane
from playground.decoding.trace import Trace
from playground.panels.compare.frames import Look, Places, Row, colour, is_by_text, vocabulary_of
from playground.panels.wording import Channels
from playground.views import lane_alignment
from playground.views.kept import kept
from playground.views.next_token import next_token
from playground.views.notation import percent
from playground.vocabulary import Vocabulary

ROWS = 10  # tokens that a step shows, besides those that were taken
Key = int | bytes  # of a row of the table: the id, or the bytes where ids are each model's own


@dataclass(frozen=True)
class _Column:
    """A lane at its place; `shares`: the most probable tokens after its settings, None where no one text has a
    distribution."""

    row: Row
    place: int
    lane: Lane
    index: int | None
    vocabulary: Vocabulary
    by_text: bool
    shares: dict[Key, float] | None

    @property
    def taken(self) -> Key | None:
        ids = self.lane.token_ids
        return self.key(ids[self.index]) if self.index is not None and self.index < len(ids) else None

    def key(self, token_id: int) -> Key:
        return self.vocabulary.piece(token_id) if self.by_text else token_id

    def id_of(self, key: Key) -> int | None:
        return lane_alignment.id_of(key, self.vocabulary) if isinstance(key, bytes) else key

    def exactly(self, key: Key) -> float | None:
        """The probability of one token, which another lane may have brought; None for one that the model lacks."""
        if self.shares is None:
            return None
        if key in self.shares:
            return self.shares[key]
        token_id = self.id_of(key)
        if token_id is None or self.index is None:
            return None
        assert isinstance(self.lane.trace, Trace)
        one, stages = self.lane.trace.steps[self.index], self.lane.trace.stages_at(self.index)
        if token_id >= one.logits.shape[-1]:
            return None
        if stages:
            return float(stages[-1].outgoing.probabilities[token_id])
        return math.exp(float(one.logits.double().log_softmax(-1)[token_id]))


def step(rows: Sequence[Row], at: Places, look: Look) -> Channels:
    """The next token of every lane at one step, after its settings: the same tokens in the same rows, one axis. Of
    models with other tokens, those that are spelt the same stand in a row."""
    if look.vocabulary is None or not at:
        return {"compare.step": {"label": "", "columns": [], "rows": []}}
    by_text = is_by_text(rows, look)
    columns = [_column(place, row, at.get(row.key), by_text, look) for place, row in enumerate(rows) if row.lane]
    largest: dict[Key, float] = {}
    labels: dict[Key, str] = {}
    for column in columns:
        for key, share in (column.shares or {}).items():
            largest[key] = max(largest.get(key, 0.0), share)
            labels.setdefault(key, _label(column, key))
        if column.taken is not None:
            labels.setdefault(column.taken, _label(column, column.taken))
    chosen = [column.taken for column in columns if column.taken is not None]
    listed = set(sorted(largest, key=lambda key: -largest[key])[:ROWS]) | set(chosen)
    top = max((largest[key] for key in listed if key in largest), default=1.0) or 1.0
    made = [
        {"name": labels[key], "cells": [_cell(column, key, top, look) for column in columns]}
        for key in sorted(listed, key=lambda key: (-largest.get(key, 0.0), labels[key]))
    ]
    heads = [
        {"name": one.row.name, "colour": colour(one.place), "kept": _kept(one.lane, one.index, look)} for one in columns
    ]
    return {"compare.step": {"label": _title(columns, by_text, look), "columns": heads, "rows": made}}


def _column(place: int, row: Row, index: int | None, by_text: bool, look: Look) -> _Column:
    assert row.lane is not None
    bare = _Column(row, place, row.lane, index, vocabulary_of(row, look), by_text, None)
    trace = row.lane.trace
    if not isinstance(trace, Trace) or index is None or index >= len(trace.steps):
        return bare
    one = trace.steps[index]
    view = next_token(one.logits, trace.stages_at(index), bare.vocabulary, ROWS, one.choice.token_id)
    shares = {bare.key(c.token_id): c.final_probability for c in view.candidates}
    return _Column(row, place, row.lane, index, bare.vocabulary, by_text, shares)


def _label(column: _Column, key: Key) -> str:
    token_id = column.id_of(key)
    return "" if token_id is None else column.vocabulary.label(token_id)


def _cell(column: _Column, key: Key, top: float, look: Look) -> dict[str, object]:
    t, probability, is_taken = look.t, column.exactly(key), column.taken == key
    text = t("compare.no_bar") if probability is None else percent(probability) if probability else t("compare.cut")
    if column.shares is None and is_taken and column.index is not None:
        text = t("compare.raw", probability=percent(math.exp(column.lane.logprobs[column.index])))
    return {"share": round((probability or 0.0) / top, 4), "text": text, "taken": is_taken}


def _title(columns: Sequence[_Column], by_text: bool, look: Look) -> str:
    places = [(one, one.index) for one in columns if one.index is not None]
    if not places:
        return ""
    if not by_text:
        return look.t("compare.step.label", number=places[0][1] + 1)
    begins = [lane_alignment.characters(one.lane.token_ids, one.vocabulary)[i : i + 1] for one, i in places]
    return look.t("compare.step.label.text", number=max(sum(begins, (1,))))


def _kept(lane: Lane, index: int | None, look: Look) -> str:
    """What the cuts of a lane leave of the step; "" where they leave all."""
    if not isinstance(lane.trace, Trace) or index is None or index >= len(lane.trace.steps):
        return ""
    found = kept(lane.trace, index)
    if found.tokens == found.vocab_size:
        return ""
    return look.t("compare.kept", tokens=found.tokens, mass=percent(found.mass))
