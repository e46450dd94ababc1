"""The frames of the Compare tab: lanes, where they part, and one step of all of them side by side."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from playground.decoding.beam_trace import BeamTrace
from playground.decoding.lanes import Comparison, Lane, is_batched
from playground.decoding.trace import Trace
from playground.errors import PlaygroundError
from playground.i18n import Translator
from playground.panels.beam import words as beam_words
from playground.panels.figures import theme
from playground.panels.figures.lane_surprisal import surprisal_figure
from playground.panels.wording import MARK, verification_badge, with_tokens
from playground.runs import late
from playground.views.kept import kept
from playground.views.lane_parting import Taken, lane_parting
from playground.views.measures import Measures, measures, text_of
from playground.views.next_token import next_token
from playground.views.notation import percent, significant
from playground.views.scored_text import among_first
from playground.views.strip import spelt
from playground.views.surprisals import surprisals
from playground.vocabulary import Vocabulary

if TYPE_CHECKING:  # imports transformers, for which the page does not wait
    from playground.runs.verification.lanes import LaneVerification
    from playground.runs.verification.texts import TextVerification

COLOURS = ("accent", "chosen", "hot", "green", "plum", "brown")  # of the rows, by place
ROWS = 10  # tokens that a step shows, besides those that were taken
Channels = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One row of the page: what it is called, and what it has written; None before it has."""

    key: int
    name: str
    chips: Sequence[str]
    setup: Mapping[str, Any] | None  # None for a text that a person brought
    lane: Lane | None
    badge: Mapping[str, str] | None
    text: str | None = None
    written: Mapping[str, str] = field(default_factory=dict)  # the setup's lists as a person types them


@dataclass(frozen=True)
class Look:
    """What a picture depends on besides the comparison."""

    t: Translator
    vocabulary: Vocabulary | None  # None while no model is there


def colour(place: int) -> str:
    return COLOURS[place % len(COLOURS)]


def in_order(rows: Sequence[Row]) -> Comparison:
    """The lanes of the rows that have one, in the order of the page."""
    return Comparison(tuple(row.lane for row in rows if row.lane is not None))


def lanes(rows: Sequence[Row], token: tuple[int, int] | None, parts: int | None, most: int, look: Look) -> Channels:
    """Everything of the rows but their texts."""
    made = []
    for place, row in enumerate(rows):
        found = _measured(row.lane, look) if row.lane and look.vocabulary else None
        error = row.lane.error if row.lane else None
        made.append(
            {
                "key": row.key, "name": row.name, "colour": colour(place), "chips": list(row.chips),
                "setup": row.setup, "text": row.text, "written": dict(row.written), "note": _note(row, look.t),
                "numbers": _numbers(found, look.t) if found and found.tokens else [],
                "badge": row.badge or {"text": "", "kind": ""},
                "error": error.message(look.t) if isinstance(error, PlaygroundError) else "",
            }
        )  # fmt: skip
    return {"compare.lanes": {"lanes": made, "parts_at": parts, "most": most, "token": token}}


def _note(row: Row, t: Translator) -> str:
    """Of a text that was brought: how many of its tokens were among the first, and what that does not say. Of a lane
    that is no row of the common batch: that."""
    if row.text is None:
        return t("compare.beside") if row.lane and not is_batched(row.lane.request) else ""
    if not row.text or row.lane is None:
        return t("compare.text.empty") if not row.text else ""
    ten, hundred, thousand = _among_first(row.lane) or (0, 0, 0)
    return t("compare.text.ranks", ten=ten, hundred=hundred, thousand=thousand, tokens=len(row.lane.token_ids))


def _among_first(lane: Lane) -> list[int] | None:
    """How many tokens were among the first 10, 100 and 1000; of a search that is not known."""
    if not isinstance(lane.trace, Trace):
        return None
    ranks = [one.reading.rank for one in lane.trace.steps]
    return [among_first(ranks, n) for n in RANKS]


def _measured(lane: Lane, look: Look) -> Measures:
    assert look.vocabulary is not None
    return measures([text_of(lane, look.vocabulary)])


def _numbers(found: Measures, t: Translator) -> list[list[str]]:
    def said(value: float | None) -> str:
        return "–" if value is None else significant(value)

    repeats = "–" if found.seq_rep_4 is None else f"{100 * found.seq_rep_4:.0f} %"
    distinct = "–" if found.distinct_2 is None else f"{found.distinct_2:.2f}"
    return [
        [said(found.perplexity), t("compare.short.perplexity")], [distinct, t("compare.short.distinct")],
        [repeats, t("compare.short.repeats")],
    ]  # fmt: skip


def texts(rows: Sequence[Row], lead: str, shown: Mapping[int, tuple[int, ...]], look: Look) -> Channels:
    """The texts of all rows, each from the first token on that is not on the page yet (`shown`, by key)."""
    found: Channels = {}
    for place, row in enumerate(rows):
        before = shown.get(row.key)
        ids = row.lane.token_ids if row.lane else ()
        if before is not None and before == ids:
            continue
        old = before or ()
        start = next((i for i, (a, b) in enumerate(zip(old, ids, strict=False)) if a != b), min(len(old), len(ids)))
        tokens = []
        if row.lane and look.vocabulary:
            trace = row.lane.trace
            ranks = [one.reading.rank for one in trace.steps[start:]] if isinstance(trace, Trace) else []
            logprobs = row.lane.logprobs[start:]
            for token_id, logprob, rank in zip_longest(ids[start:], logprobs, ranks):
                probability = math.exp(logprob)
                said = {
                    "token": look.vocabulary.label(token_id), "probability": percent(probability),
                    "surprisal": significant(-logprob),
                }  # fmt: skip
                known = rank is not None
                title = look.t("compare.token_ranked", rank=rank, **said) if known else look.t("compare.token", **said)
                tokens.append(
                    {"text": spelt(token_id, look.vocabulary), "title": title, "shade": round(probability, 4)}
                )
        found[f"compare.lanes.{place}"] = {"start": start, "tokens": tokens, "lead": lead}
    return found


def parting(rows: Sequence[Row], look: Look) -> tuple[Channels, int | None]:
    """Where the lanes part, in one sentence, and the index of that token."""
    read = [row for row in rows if row.lane is not None]
    first = next((row for row in read if row.text is None), read[0] if read else None)
    # a text whose first token begins in the prompt stands after fewer tokens: its places are others
    compared = [row for row in read if row.lane and first and first.lane and _after(row.lane) == _after(first.lane)]
    comparison, t = in_order(compared), look.t
    if look.vocabulary is None or len(compared) < 2 or not comparison.steps:
        return {"compare.parting": {"parts": []}}, None
    found = lane_parting(comparison, look.vocabulary)
    if found is None:
        key = "compare.same_all" if comparison.is_over else "compare.same_so_far"
        return {"compare.parting": {"parts": [t(key, tokens=comparison.steps)]}}, None
    said, labels = [], []
    for row, taken in zip(compared, found.taken, strict=True):
        said.append(_took(row.name, taken, t))
        labels += [taken.label] if taken.token_id is not None else []
    key = "compare.part_same_dice" if found.same_dice else "compare.part"
    sentence = t(key, number=found.index + 1, taken=t.listed(said))
    parts = with_tokens(sentence, labels[0] if labels else "", labels=labels[1:]) if labels else [sentence]
    return {"compare.parting": {"parts": parts}}, found.index


def _after(lane: Lane) -> tuple[int, ...]:
    return lane.request.prompt_ids


def _took(name: str, taken: Taken, t: Translator) -> str:
    if taken.token_id is None or taken.probability is None:
        return t("compare.had_ended", name=name)
    key = {"multinomial": "compare.draws", "beams": "compare.keeps", "hand": "compare.has"}.get(
        taken.by or "", "compare.takes"
    )
    return t(key, name=name, token=MARK, probability=percent(taken.probability))


def step(rows: Sequence[Row], index: int | None, look: Look) -> Channels:
    """The next token of every lane at one step, after its settings: the same tokens in the same rows, one axis."""
    compared = [(place, row, row.lane) for place, row in enumerate(rows) if row.lane is not None]
    if look.vocabulary is None or index is None or not compared:
        return {"compare.step": {"label": "", "columns": [], "rows": []}}
    t, vocabulary = look.t, look.vocabulary
    shares: list[
        dict[int, float] | None
    ] = []  # of a lane: probability by id; None where no one text has a distribution
    taken: list[int | None] = []
    for _, _, lane in compared:
        ids = lane.token_ids
        taken.append(ids[index] if index < len(ids) else None)
        trace = lane.trace
        shares.append(
            _final(trace, index, vocabulary) if isinstance(trace, Trace) and index < len(trace.steps) else None
        )
    known = [one for one in shares if one]
    largest: dict[int, float] = {}
    for distribution in known:
        for token_id, share in distribution.items():
            largest[token_id] = max(largest.get(token_id, 0.0), share)
    chosen = list(dict.fromkeys(i for i in taken if i is not None))
    ranked = sorted(largest, key=lambda i: -largest[i])
    listed = set(ranked[:ROWS]) | set(chosen)
    top = max((largest[i] for i in listed if i in largest), default=1.0) or 1.0
    made = []
    for token_id in sorted(listed, key=lambda i: -largest.get(i, 0.0)):
        cells = []
        for (_, _, lane), mine, one in zip(compared, taken, shares, strict=True):
            probability = None if one is None else _exactly(lane, index, token_id, one)
            is_taken = mine == token_id
            text = (
                t("compare.no_bar")
                if probability is None
                else percent(probability)
                if probability
                else t("compare.cut")
            )
            if one is None and is_taken:
                raw = math.exp(lane.logprobs[index])
                text = t("compare.raw", probability=percent(raw))
            cells.append({"share": round((probability or 0.0) / top, 4), "text": text, "taken": is_taken})
        made.append({"name": vocabulary.label(token_id), "cells": cells})
    columns = [
        {"name": row.name, "colour": colour(place), "kept": _kept(lane, index, t)} for place, row, lane in compared
    ]
    return {"compare.step": {"label": t("compare.step.label", number=index + 1), "columns": columns, "rows": made}}


def _kept(lane: Lane, index: int, t: Translator) -> str:
    """What the cuts of a lane leave of the step; "" where they leave all."""
    if not isinstance(lane.trace, Trace) or index >= len(lane.trace.steps):
        return ""
    found = kept(lane.trace, index)
    if found.tokens == found.vocab_size:
        return ""
    return t("compare.kept", tokens=found.tokens, mass=percent(found.mass))


def _final(trace: Trace, index: int, vocabulary: Vocabulary) -> dict[int, float]:
    """The most probable tokens of a step, and the one that was taken: their probabilities after the settings."""
    one = trace.steps[index]
    view = next_token(one.logits, trace.stages_at(index), vocabulary, ROWS, one.choice.token_id)
    return {c.token_id: c.final_probability for c in view.candidates}


def _exactly(lane: Lane, index: int, token_id: int, known: Mapping[int, float]) -> float:
    """The probability of one token; of one that another lane brought it is looked up."""
    if token_id in known:
        return known[token_id]
    assert isinstance(lane.trace, Trace)
    one, stages = lane.trace.steps[index], lane.trace.stages_at(index)
    if stages:
        return float(stages[-1].outgoing.probabilities[token_id])
    return math.exp(float(one.logits.double().log_softmax(-1)[token_id]))


def table(rows: Sequence[Row], look: Look) -> Channels:
    """Every measure of every lane."""
    t = look.t
    compared = [(place, row, row.lane) for place, row in enumerate(rows) if row.lane is not None and row.lane.token_ids]
    if look.vocabulary is None or not compared:
        return {"compare.measures": {"parts": []}}
    head = [t("compare.measure.lane"), *(t(f"compare.measure.{name}") for name in SHOWN)]
    body = []
    for _, row, lane in compared:
        found = _measured(lane, look)
        ranks: Sequence[int | None] = _among_first(lane) or [None] * len(RANKS)
        body.append([row.name, *(cell(getattr(found, name)) for name in MEASURES), *map(cell, ranks)])
    dots = [colour(place) for place, _, _ in compared]
    return {"compare.measures": {"table": {"head": head, "rows": body, "dots": dots}}}


def surprisal(rows: Sequence[Row], at: int | None, look: Look) -> Channels:
    """How surprising each token of each lane was."""
    if look.vocabulary is None:
        return {"compare.surprisal": theme.nothing()}
    lines = [
        (place, row.name, surprisals(row.lane, look.vocabulary))
        for place, row in enumerate(rows)
        if row.lane is not None and row.lane.token_ids
    ]
    named = [(place, name, colour(place), line) for place, name, line in lines]
    return {"compare.surprisal": surprisal_figure(named, at, look.t) if named else theme.nothing(look.t("chart.empty"))}


def text_badge(found: "TextVerification", t: Translator) -> dict[str, str]:
    """What the comparison of a text's numbers with one pass of transformers' found."""
    difference = "0.0" if found.largest_difference == 0 else f"{found.largest_difference:.1e}"
    numbers = {"equal": found.equal, "tokens": found.tokens, "difference": difference}
    if found.passed:
        return {"text": t("compare.text.good", **numbers), "kind": "good"}
    return {"text": t("compare.text.bad", **numbers), "kind": "bad"}


def badge(found: "LaneVerification", lane: Lane, vocabulary: Vocabulary, t: Translator) -> dict[str, str]:
    """What the comparisons of a lane found: with its setup alone, and of that with transformers."""
    inner = found.inner
    if isinstance(lane.trace, BeamTrace):  # it ran alone already
        assert isinstance(inner, late.beam_verification.BeamVerification)
        return _badge(beam_words.verification_badge(inner, lane.trace, t))
    assert isinstance(inner, late.verification.Verification)
    difference = "0.0" if found.largest_difference == 0 else f"{found.largest_difference:.1e}"
    numbers = {"equal": found.equal, "tokens": found.tokens, "difference": difference}
    alone = _badge(verification_badge(inner, vocabulary, t))
    if not found.passed:
        said = t("compare.badge.bad", **numbers) if inner.passed else alone["text"]
        return {"text": said, "kind": "bad"}
    parted = found.parted
    if parted is None:
        said = t("compare.badge.good", **numbers)
    else:
        said = t("compare.badge.within", number=parted.index + 1, margin=f"{parted.margin:.1e}", **numbers)
    return {"text": t("compare.badge.alone", lane=said, alone=alone["text"].removeprefix("✓ ")), "kind": "good"}


def _badge(made: Mapping[str, Any]) -> dict[str, str]:
    return {"text": "".join(made["parts"]), "kind": made["kind"]}


MEASURES = (
    "tokens", "mean_logprob", "perplexity", "mean_entropy", "distinct_1", "distinct_2", "distinct_3", "seq_rep_4",
    "longest_repeat", "zlib_ratio",
)  # fmt: skip
RANKS = (10, 100, 1000)
SHOWN = (*MEASURES, *(f"among_{n}" for n in RANKS))


def cell(value: float | int | None) -> str:
    if value is None:
        return "–"
    return str(value) if isinstance(value, int) else significant(value).replace("-", "−")
