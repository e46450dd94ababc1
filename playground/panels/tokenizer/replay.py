"""Frames of the replay: a word from its smallest parts to its tokens, one step of the real algorithm at a time."""

from dataclasses import dataclass
from typing import Any

from playground.i18n import Translator
from playground.panels.tokenizer.frames import Cell, label, token_cell
from playground.panels.wording import Channels, Part
from playground.tokenization.bpe import BpeRules
from playground.tokenization.replay import MergeReplay, Passage, lattice_replay, match_replay, merge_replay
from playground.tokenization.segments import Segmentation
from playground.tokenization.text_tokenizer import TextTokenizer
from playground.tokenization.unigram import Arc, Lattice, UnigramRules
from playground.tokenization.wordpiece import Try, WordPieceRules
from playground.views.notation import significant
from playground.vocabulary import printable

MOST_WORDS = 48  # on show to choose from
MOST_SYMBOLS = 240  # of a whole text replayed at once
LONG = 40  # symbols: a longer row shows no ranks and keeps no history


@dataclass
class Replaying:
    """What is replayed: the words of a text, which of them (None: all), and the step on show (None: the last)."""

    tokenizer: TextTokenizer
    passages: list[Passage]
    chosen: int | None
    step: int | None = None


def nearest(passages: list[Passage], index: int) -> int:
    """The passage that holds token `index` (those of the text itself counted)."""
    before = [i for i, passage in enumerate(passages) if passage.first <= index]
    return before[-1] if before else 0


def replay(state: Replaying, segmentation: Segmentation, t: Translator) -> Channels:
    """All channels of the section; a step of None is the last one."""
    rules = state.tokenizer.rules
    chosen = _chosen(state)
    sentence: list[Part]
    rows: dict[str, Any]
    if not chosen:
        steps, step, sentence, rows = 0, 0, [t("tokenizer.replay.empty")], {"blocks": []}
    elif state.chosen is not None and chosen[0].word.added_id is not None:
        cells = [token_cell(chosen[0].ids[0], state.tokenizer)]
        steps, step, sentence = 0, 0, [t("tokenizer.replay.added")]
        rows = {"blocks": [{"rows": [{"cells": cells}]}]}
    elif isinstance(rules, BpeRules):
        merged = merge_replay(chosen, rules)
        steps = len(merged.merges)
        step = steps if state.step is None else min(state.step, steps)
        sentence, rows = _merges(merged, step, rules, state, t)
    elif isinstance(rules, WordPieceRules):
        tries = match_replay(chosen[0], rules)
        steps = len(tries)
        step = steps if state.step is None else min(state.step, steps)
        sentence, rows = _tries(chosen[0], tries, step, state, t)
    elif isinstance(rules, UnigramRules):
        lattice = lattice_replay(chosen[0], rules)
        steps = len(lattice.word)
        step = steps if state.step is None else min(state.step, steps)
        sentence, rows = _lattice(chosen[0], lattice, step, state, t)
    else:
        steps, step, sentence = 0, 0, [t("tokenizer.replay.lookup")]
        rows = {"blocks": [{"rows": [{"cells": [token_cell(i, state.tokenizer) for i in chosen[0].ids]}]}]}
    return {
        "tokenizer.words": words(state, segmentation, t),
        "tokenizer.replay.stepper": {"step": step, "steps": steps},
        "tokenizer.replay.sentence": {"parts": sentence},
        "tokenizer.replay.rows": rows,
    }


def _chosen(state: Replaying) -> list[Passage]:
    if state.chosen is not None:
        return state.passages[state.chosen : state.chosen + 1]
    found, count = [], 0
    for passage in state.passages:
        count += passage.end - passage.start
        if count > MOST_SYMBOLS:
            break
        found.append(passage)
    return found or state.passages[:1]


def words(state: Replaying, segmentation: Segmentation, t: Translator) -> dict[str, Any]:
    """The words to choose from: those around the chosen one."""
    first = max(0, min((state.chosen or 0) - MOST_WORDS // 2, len(state.passages) - MOST_WORDS))
    cells: list[Cell] = []
    if isinstance(state.tokenizer.rules, BpeRules):
        cells.append(
            {"text": t("tokenizer.replay.whole"), "kind": "choice", "pick": -1, "pressed": state.chosen is None}
        )
    for i, passage in enumerate(state.passages[first : first + MOST_WORDS], first):
        cells.append({"text": _spelt(passage, state, segmentation), "pick": i, "pressed": i == state.chosen})
    tail = t("tokenizer.replay.more", count=len(state.passages)) if len(state.passages) > MOST_WORDS else ""
    return {"blocks": [{"rows": [{"cells": cells, "tail": tail}]}]}


def _spelt(passage: Passage, state: Replaying, segmentation: Segmentation) -> str:
    if state.tokenizer.algorithm == "sentencepiece_bpe":
        return printable(b"".join(map(state.tokenizer.piece, passage.ids))) or "∅"
    return printable(segmentation.text[passage.word.start : passage.word.end].encode()) or "∅"


# ---- byte-pair encoding ------------------------------------------------------------------------------------------


def _merges(
    merged: MergeReplay, step: int, rules: BpeRules, state: Replaying, t: Translator
) -> tuple[list[Part], dict[str, Any]]:
    is_long = len(merged.symbols) > LONG
    rows = []
    for at in range(step if is_long else 0, step + 1):
        ranks = merged.ranks(at, rules) if at == step and not is_long else None
        row: dict[str, Any] = {"cells": _symbols(merged, at, ranks, is_long, state, t), "lit": at == step}
        if not is_long:
            row["head"] = t("tokenizer.replay.start") if at == 0 else str(at)
            row["tail"] = t("tokenizer.replay.rank", rank=merged.merges[at - 1].rank) if at else ""
        rows.append(row)
    return _merge_sentence(merged, step, rules, state, t), {
        "blocks": [{"rows": rows}],
        "follows": True,
        "state": "done" if step == len(merged.merges) else "",
    }


def _symbols(
    merged: MergeReplay, step: int, ranks: list[int | None] | None, is_long: bool, state: Replaying, t: Translator
) -> list[Cell]:
    parts = merged.parts(step)
    last = merged.merges[step - 1].start if step else -1
    coming = merged.merges[step] if step < len(merged.merges) else None
    cells: list[Cell] = []
    lowest = min((rank for rank in ranks or [] if rank is not None), default=None)
    for i, (place, token_id) in enumerate(parts):
        if i and place in merged.breaks:
            cells.append({"text": "", "kind": "gap"})
        elif i and ranks is not None:
            rank = ranks[i - 1]
            text = "·" if rank is None else f"{rank:,}"
            kind = "rank-low" if coming and rank == lowest and place == coming.middle else "rank"
            title = t("tokenizer.replay.no_rank") if rank is None else t("tokenizer.replay.rank", rank=rank)
            cells.append({"text": text, "kind": kind, "title": title})
        is_next = coming is not None and place in (coming.start, coming.middle) and (ranks is not None or is_long)
        kind = "merged" if place == last else "pair" if is_next else ""
        cells.append(token_cell(token_id, state.tokenizer, kind=kind))
    return cells


def _merge_sentence(merged: MergeReplay, step: int, rules: BpeRules, state: Replaying, t: Translator) -> list[Part]:
    name = state.tokenizer.algorithm
    parts = merged.parts(step)
    if step == 0:
        key = "tokenizer.replay.bytes" if name == "byte_level_bpe" else "tokenizer.replay.characters"
        known = sum(rank is not None for rank in merged.ranks(0, rules))
        return [t(key, count=len(parts), known=known)]
    merge = merged.merges[step - 1]
    before = dict(merged.parts(step - 1))
    sentence: list[Part] = [
        {"text": label(before[merge.start], state.tokenizer), "kind": "token"}, " + ",
        {"text": label(before[merge.middle], state.tokenizer), "kind": "token"}, " → ",
        {"text": label(merge.token_id, state.tokenizer), "kind": "token"},
        t("tokenizer.replay.merged", rank=merge.rank, number=merge.rank + 1, merges=len(rules.merges)),
    ]  # fmt: skip
    if step == len(merged.merges):
        sentence.append(" " + t("tokenizer.replay.done", count=len(parts)))
    return sentence


# ---- WordPiece ---------------------------------------------------------------------------------------------------


def _tries(
    passage: Passage, tries: list[Try], step: int, state: Replaying, t: Translator
) -> tuple[list[Part], dict[str, Any]]:
    word = passage.word.text
    rows: list[dict[str, Any]] = [
        {"cells": [{"text": printable(c.encode()), "kind": "plain", "at": i, "span": 1} for i, c in enumerate(word)]}
    ]
    for i, one in enumerate(tries[:step]):
        kind = "bad" if one.token_id is None else "merged"
        tail = t("tokenizer.replay.missing") if one.token_id is None else t("tokenizer.replay.id", id=one.token_id)
        cell = {"text": one.piece, "kind": kind, "title": f"{one.piece} · {tail}", "at": one.start}
        rows.append({"cells": [{**cell, "span": one.end - one.start}], "tail": tail, "lit": i == step - 1})
    sentence: list[Part]
    if step == 0:
        sentence = [t("tokenizer.replay.longest")]
    else:
        last = tries[step - 1]
        key = "tokenizer.replay.not_found" if last.token_id is None else "tokenizer.replay.found"
        sentence = [{"text": last.piece, "kind": "token"}, t(key)]
    if step == len(tries):
        sentence += [" " + t("tokenizer.replay.result") + " "]
        sentence += [{"text": label(token_id, state.tokenizer), "kind": "token"} for token_id in passage.ids]
    return sentence, {
        "blocks": [{"rows": rows, "columns": max(1, len(word)), "unit": "minmax(22px, 46px)"}],
        "follows": True,
        "state": "done" if step == len(tries) else "",
    }


# ---- Unigram -----------------------------------------------------------------------------------------------------


def _lattice(
    passage: Passage, lattice: Lattice, step: int, state: Replaying, t: Translator
) -> tuple[list[Part], dict[str, Any]]:
    word = lattice.word
    rows: list[dict[str, Any]] = [
        {"cells": [{"text": _cut(c), "kind": "plain", "at": i, "span": 1} for i, c in enumerate(word)]}
    ]
    is_done = step == len(word)
    path = set(zip(lattice.path, lattice.path[1:], strict=False))
    for end in range(1, step + 1):
        for arc in lattice.arcs[end]:
            is_best = arc is lattice.best[end]
            on_path = is_done and is_best and (arc.start, end) in path
            rows.append(
                {
                    "cells": [_arc(arc, end, word, "merged" if on_path else "pair" if is_best else "", state)],
                    "tail": t("tokenizer.replay.scores", score=_number(arc.score), total=_number(arc.total)),
                    "lit": end == step,
                }
            )
    sentence: list[Part]
    if step == 0:
        sentence = [t("tokenizer.replay.viterbi")]
    elif is_done:
        best = lattice.best[-1]
        sentence = [t("tokenizer.replay.best", total=_number(best.total if best else 0)) + " "]
        sentence += [{"text": label(token_id, state.tokenizer), "kind": "token"} for token_id in passage.ids]
    else:
        best = lattice.best[step]
        assert best is not None
        sentence = [
            t("tokenizer.replay.arrives", place=step, count=len(lattice.arcs[step]), total=_number(best.total)),
            {"text": _cut(word[best.start : step]), "kind": "token"},
        ]
    return sentence, {
        "blocks": [{"rows": rows, "columns": max(1, len(word)), "unit": "minmax(22px, 46px)"}],
        "follows": True,
        "state": "done" if is_done else "",
    }


def _arc(arc: Arc, end: int, word: str, kind: str, state: Replaying) -> Cell:
    text = _cut(word[arc.start : end])
    title = f"{text} · {label(arc.token_id, state.tokenizer)} · {arc.token_id}"
    return {"text": text, "kind": kind, "title": title, "at": arc.start, "span": end - arc.start}


def _cut(piece: str) -> str:
    """A piece of a word in the vocabulary's spelling, its ▁ as the space that it is."""
    return printable(piece.replace("▁", " ").encode())


def _number(value: float) -> str:
    return significant(value).replace("-", "−")
