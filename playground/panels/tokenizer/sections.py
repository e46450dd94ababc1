"""Frames of the other sections: tokenizers side by side, the round trip, the batch."""

import re
from collections.abc import Sequence
from typing import Any

from playground.errors import InvalidArgumentError
from playground.i18n import Translator, say
from playground.panels.tokenizer.frames import Cell, label, token_cell
from playground.panels.wording import Channels, Part
from playground.tokenization.alignment import Cell as AlignedCell
from playground.tokenization.alignment import align, differences
from playground.tokenization.batch import Batch, Side, pad
from playground.tokenization.bpe import BpeRules
from playground.tokenization.round_trip import Retokenization, RoundTrip
from playground.tokenization.segments import Segmentation, segment
from playground.tokenization.text_tokenizer import TextTokenizer
from playground.views.notation import Unit, significant
from playground.vocabulary import printable

COLUMNS, ALIGNED = 72, 600  # of a line, and how many characters are drawn side by side
MOST_IDS = 256
MOST_ROWS, MOST_PLACES = 8, 48  # of a batch on show
EXAMPLE_TOKENS = 12


# ---- side by side ------------------------------------------------------------------------------------------------


def side_by_side(
    text: str, tokenizers: Sequence[TextTokenizer], names: Sequence[str], failed: Sequence[str], t: Translator
) -> Channels:
    """`failed` are messages about those that could not be loaded: the others go on."""
    cuts = [segment(text, tokenizer, with_special=False) for tokenizer in tokenizers]
    apart = differences(cuts) if cuts else []
    rows: list[list[Any]] = []
    for tokenizer, name, cut, own in zip(tokenizers, names, cuts, apart, strict=True):
        count = len(cut.tokens)
        each = significant(len(cut.text) / count) if count else "–"
        rows.append(
            [name, t(f"tokenizer.algorithm.{tokenizer.algorithm}"), f"{tokenizer.vocab_size:,}", f"{count:,}", each,
             f"{own:,}"]
        )  # fmt: skip
    head = [t(f"tokenizer.side.{column}") for column in ("name", "algorithm", "vocabulary", "tokens", "each", "own")]
    lines = align(cuts, COLUMNS, ALIGNED) if cuts and cuts[0].text else []
    blocks = [
        {
            "columns": line.columns,
            "unit": "1ch",
            "rows": [
                {"head": name, "cells": [_aligned(cell, len(cuts) > 1, t) for cell in row]}
                for name, row in zip(names, line.rows, strict=True)
            ],
        }
        for line in lines
    ]
    words = " ".join(failed)
    note = t("tokenizer.side.cut", characters=ALIGNED) if cuts and len(cuts[0].text) > ALIGNED else ""
    return {
        "tokenizer.side.notice": {"parts": [words] if words else [], "kind": "bad" if words else ""},
        "tokenizer.side.table": {"blocks": [{"table": {"head": head, "rows": rows}}]},
        "tokenizer.side.rows": {"blocks": blocks},
        "tokenizer.side.note": {"parts": [note] if note else []},
    }


def _aligned(cell: AlignedCell, is_compared: bool, t: Translator) -> Cell:
    kind = "plain" if not cell.tokens else "" if cell.is_shared or not is_compared else "differs"
    made: Cell = {"text": cell.text, "kind": kind, "at": cell.at, "span": max(1, cell.width)}
    if cell.tokens > 1:
        made |= {"title": t("tokenizer.side.several", text=cell.text, count=cell.tokens), "kind": "several"}
    return made


# ---- round trip --------------------------------------------------------------------------------------------------


def there_and_back(found: RoundTrip, t: Translator) -> list[Part]:
    if found.is_exact:
        return [t("tokenizer.round.exact", characters=len(found.text), bytes=len(found.text.encode()))]
    at = found.first_difference
    assert at is not None
    here, there = found.text[at : at + 12], found.back[at : at + 12]
    return [
        t("tokenizer.round.differs", place=at),
        {"text": printable(here.encode()) or "∅", "kind": "token"}, " → ",
        {"text": printable(there.encode(errors="replace")) or "∅", "kind": "token"},
    ]  # fmt: skip


def example_ids(segmentation: Segmentation, chosen: int, tokenizer: TextTokenizer) -> tuple[int, ...]:
    """The first tokens of the text with one of them, the chosen or the longest, taken apart again: its last merge
    undone. Where there are no merges to undo, the tokens as they are."""
    tokens = [token for token in segmentation.tokens if token.kind in ("text", "bytes")]
    ids = [token.token_id for token in tokens[:EXAMPLE_TOKENS]]
    rules = tokenizer.rules
    if not isinstance(rules, BpeRules):
        return tuple(ids)
    parts = {result: pair for pair, (_, result) in reversed(list(rules.merges.items()))}
    mergeable = [i for i, token_id in enumerate(ids) if token_id in parts]
    if not mergeable:
        return tuple(ids)
    wanted = segmentation.tokens[chosen].token_id if chosen < len(segmentation.tokens) else None
    longest = max(mergeable, key=lambda i: len(tokenizer.piece(ids[i])))
    place = next((i for i in mergeable if chosen and ids[i] == wanted), longest)
    return (*ids[:place], *parts[ids[place]], *ids[place + 1 :])


def read_ids(text: str, tokenizer: TextTokenizer) -> tuple[int, ...]:
    """Ids as a person types them. Raises InvalidArgumentError."""
    words = re.findall(r"[^\s,;\[\]()]+", text)
    most = max(tokenizer.vocab_size, len(tokenizer.vocabulary.pieces)) - 1
    for word in words:
        if not re.fullmatch(r"\d{1,9}", word) or int(word) > most:
            raise InvalidArgumentError(name="ids", rule=say("rule.ids", most=most), value=word)
    if len(words) > MOST_IDS:
        raise InvalidArgumentError(
            name="ids", rule=say("rule.count", most=MOST_IDS), value=say("rule.given", count=len(words))
        )
    return tuple(map(int, words))


def retokenized(found: Retokenization, tokenizer: TextTokenizer, t: Translator) -> Channels:
    """Both readings of one text, what differs set apart, and what it means."""
    if not found.ids:
        sentence: list[Part] = [t("tokenizer.round.no_ids")]
    elif found.is_stable:
        sentence = [t("tokenizer.round.stable", count=len(found.ids))]
    else:
        key = "tokenizer.round.alarm" if found.is_text else "tokenizer.round.broken"
        sentence = [t(key, place=found.first_difference + 1)]
    rows = [
        {"head": t("tokenizer.round.chosen"), "cells": _both(found.ids, found.read_as, tokenizer)},
        {"head": t("tokenizer.round.read_as"), "cells": _both(found.read_as, found.ids, tokenizer)},
    ]
    return {
        "tokenizer.round.alarm": {"parts": sentence, "kind": "good" if found.is_stable else "bad"},
        "tokenizer.round.rows": {"blocks": [{"rows": rows if found.ids else []}]},
    }


def _both(ids: Sequence[int], others: Sequence[int], tokenizer: TextTokenizer) -> list[Cell]:
    """The ids of one reading; those outside the common beginning and end are marked."""
    pairs = list(zip(ids, others, strict=False))
    head = next((i for i, (a, b) in enumerate(pairs) if a != b), len(pairs))
    ends = list(zip(reversed(ids[head:]), reversed(others[head:]), strict=False))
    tail = next((i for i, (a, b) in enumerate(ends) if a != b), len(ends))
    return [
        {**token_cell(token_id, tokenizer), "text": f"{label(token_id, tokenizer)}\n{token_id}",
         "kind": "differs" if head <= i < len(ids) - tail else "two-lines"}
        for i, token_id in enumerate(ids)
    ]  # fmt: skip


def likelihoods(
    found: Retokenization, chosen: float, read_as: float, model: str, unit: Unit, t: Translator
) -> dict[str, Any]:
    """Log-likelihoods in nats, under the loaded model."""
    rows = [
        [t("tokenizer.round.chosen"), f"{len(found.ids):,}", _signed(chosen, unit)],
        [t("tokenizer.round.read_as"), f"{len(found.read_as):,}", _signed(read_as, unit)],
        [
            t("tokenizer.round.change"),
            _sign(len(found.read_as) - len(found.ids)) + f"{abs(len(found.read_as) - len(found.ids)):,}",
            _signed(read_as - chosen, unit),
        ],
    ]
    head = [
        t("tokenizer.round.model", model=model), t("tokenizer.side.tokens"),
        t("tokenizer.round.likelihood", unit=unit.name),
    ]  # fmt: skip
    return {"blocks": [{"table": {"head": head, "rows": rows}}]}


def _sign(number: float) -> str:
    return "−" if number < 0 else "+" if number > 0 else ""


def _signed(nats: float, unit: Unit) -> str:
    return _sign(nats) + unit.amount(abs(nats))


# ---- batch -------------------------------------------------------------------------------------------------------


def batch(texts: str, side: Side, tokenizer: TextTokenizer, stand_in: int | None, t: Translator) -> Channels:
    """The lines of a field as one batch; `stand_in` pads where the tokenizer has no pad token."""
    rows = [segment(line, tokenizer).ids for line in texts.splitlines() if line.strip()][:MOST_ROWS]
    pad_id = tokenizer.pad_id if tokenizer.pad_id is not None else stand_in or 0
    made = pad([row[:MOST_PLACES] for row in rows], pad_id, side)
    key = "tokenizer.batch.pad" if tokenizer.pad_id is not None else "tokenizer.batch.no_pad"
    longest = max(map(len, rows), default=0)
    shape = t("tokenizer.batch.shape", rows=len(rows), length=longest)
    cut = " " + t("tokenizer.batch.cut", places=MOST_PLACES) if longest > MOST_PLACES else ""
    token: Part = {"text": label(pad_id, tokenizer), "kind": "token"}
    sentence: list[Part] = [shape + " ", token, t(key, id=pad_id), " " + t(f"tokenizer.batch.{side}"), cut]
    return {
        "tokenizer.batch.sentence": {"parts": sentence},
        "tokenizer.batch.ids": _table("input_ids", made, tokenizer, t),
        "tokenizer.batch.mask": _table("attention_mask", made, tokenizer, t),
    }


def _table(name: str, made: Batch, tokenizer: TextTokenizer, t: Translator) -> dict[str, Any]:
    length = len(made.input_ids[0]) if made.input_ids else 0
    rows: list[list[Any]] = []
    for number, (ids, mask) in enumerate(zip(made.input_ids, made.attention_mask, strict=True)):
        cells: list[Any] = [str(number)]
        for token_id, shown in zip(ids, mask, strict=True):
            kind = "two-lines" if shown else "pad"
            if name == "input_ids":
                cells.append({"text": f"{token_id}\n{label(token_id, tokenizer)}", "kind": kind})
            else:
                cells.append({"text": str(shown), "kind": kind})
        rows.append(cells)
    return {"blocks": [{"table": {"head": [name, *map(str, range(length))], "rows": rows}}]}
