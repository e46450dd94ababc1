"""A comparison as files: a table of all tokens of the lanes, one of all texts of the clouds, and everything as JSON."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import zip_longest
from typing import Any

from playground.decoding.clouds import Sample
from playground.decoding.lanes import Lane
from playground.decoding.trace import Trace
from playground.panels.compare.clouds import CloudRow
from playground.panels.compare.frames import Row
from playground.views.likelihood_trap import Votes
from playground.views.measures import Measures, measures, perplexity, text_of
from playground.vocabulary import Vocabulary

COMPARISON, VERSION = "decoding-playground/comparison", 1
FORMULAS = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet takes a cell that begins so for something to work out
LANE_COLUMNS = ("lane", "place", "token_id", "token", "logprob", "rank", "entropy")
CLOUD_COLUMNS = (
    "lane", "sample", "seed", "finish_reason", "error", "tokens", "mean_logprob", "perplexity", "self_bleu",
    "edit_distance", "distinct_2", "copies", "thumbs_up", "thumbs_down", "text", "token_ids",
)  # fmt: skip
Thumbs = Mapping[tuple[int, tuple[int, ...]], Votes]


def lanes_csv(rows: Sequence[Row], vocabulary: Vocabulary) -> str:
    """A line a token: natural logarithms of the raw model; rank and entropy are empty for searches, which have none."""
    lines = []
    for row in rows:
        if row.lane is not None:
            own = row.vocabulary or vocabulary
            readings = zip_longest(row.lane.token_ids, row.lane.logprobs, *_read(row.lane))
            for place, (token_id, logprob, rank, entropy) in enumerate(readings):
                lines.append((row.name, place + 1, token_id, own.label(token_id), logprob, rank, entropy))
    return _table(LANE_COLUMNS, lines)


def clouds_csv(rows: Sequence[CloudRow], votes: Thumbs, vocabulary: Vocabulary) -> str:
    """A line a text, in the order of the page."""
    lines = []
    for row in rows:
        dots = {dot.number: dot for dot in row.view.dots} if row.view else {}
        for number, one in enumerate(row.samples):
            dot, thumbs = dots.get(number), votes.get((row.key, one.token_ids), Votes())
            mean = dot.mean_logprob if dot else None
            numbers = [getattr(dot, name, None) for name in ("self_bleu", "edit_distance", "distinct_2", "copies")]
            lines.append(
                (
                    row.name, number + 1, one.seed, one.finish_reason, type(one.error).__name__ if one.error else None,
                    len(one.token_ids), mean, perplexity(mean), *numbers, thumbs.up, thumbs.down,
                    (row.vocabulary or vocabulary).text(one.token_ids), " ".join(map(str, one.token_ids)),
                )
            )  # fmt: skip
    return _table(CLOUD_COLUMNS, lines)


def everything(
    made: Mapping[str, Any], rows: Sequence[Row], clouds: Sequence[tuple[CloudRow, Mapping[str, Any]]], votes: Thumbs,
    vocabulary: Vocabulary,
) -> str:  # fmt: skip
    """All of it as JSON: `made` says of what (model, prompt …), each lane its setup or text, ids, numbers and measures,
    each cloud its setup (second of the pair), samples and measures. What is not a finite number is null."""
    found = {
        "version": VERSION, **made,
        "lanes": [_lane(row, vocabulary) for row in rows],
        "clouds": [
            {"name": row.name, "setup": setup, "measures": asdict(row.view.measures) if row.view else None,
             "samples": [_sample(row.key, one, votes, row.vocabulary or vocabulary) for one in row.samples]}
            for row, setup in clouds
        ],
    }  # fmt: skip
    return json.dumps(_finite(found), ensure_ascii=False, allow_nan=False, indent=1)


def _lane(row: Row, vocabulary: Vocabulary) -> dict[str, Any]:
    found: dict[str, Any] = {"name": row.name, "setup": row.setup, "own_text": row.text}
    found |= {"model": row.model} if row.model else {}
    if row.lane is None:
        return found
    vocabulary = row.vocabulary or vocabulary
    lane, (ranks, entropies) = row.lane, _read(row.lane)
    known: Measures | None = measures([text_of(lane, vocabulary)]) if lane.token_ids else None
    return found | {
        "token_ids": lane.token_ids, "text": vocabulary.text(lane.token_ids), "logprobs": lane.logprobs,
        "ranks": ranks, "entropies": entropies, "finish_reason": lane.finish_reason,
        "error": type(lane.error).__name__ if lane.error else None, "measures": asdict(known) if known else None,
        "badge": row.badge and row.badge["text"],
    }  # fmt: skip


def _sample(key: int, one: Sample, votes: Thumbs, vocabulary: Vocabulary) -> dict[str, Any]:
    thumbs = votes.get((key, one.token_ids), Votes())
    return {
        "seed": one.seed, "token_ids": one.token_ids, "text": vocabulary.text(one.token_ids),
        "logprobs": one.logprobs, "entropies": one.entropies, "finish_reason": one.finish_reason,
        "error": type(one.error).__name__ if one.error else None, "thumbs": [thumbs.up, thumbs.down],
    }  # fmt: skip


def _read(lane: Lane) -> tuple[list[int], list[float]]:
    """Ranks and entropies; none of a search."""
    steps = lane.trace.steps if isinstance(lane.trace, Trace) else ()
    return [step.reading.rank for step in steps], [step.reading.entropy for step in steps]


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _table(head: Sequence[str], lines: Sequence[Sequence[Any]]) -> str:
    """CSV with a line for the head. Text that a spreadsheet would work out stands after an apostrophe."""
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\n")
    writer.writerow(head)
    for line in lines:
        writer.writerow(["'" + cell if isinstance(cell, str) and cell.startswith(FORMULAS) else cell for cell in line])
    return made.getvalue()
