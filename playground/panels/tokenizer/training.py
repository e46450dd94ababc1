"""Frames of the training: pair counts, the merge, the words and symbols as they change, the curve."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from playground.errors import InvalidArgumentError
from playground.i18n import Translator, say
from playground.panels.figures.vocabulary_curve import vocabulary_curve_figure
from playground.panels.tokenizer.frames import Cell
from playground.panels.wording import Channels, Part
from playground.tokenization.bpe_training import Corpus, Learnt, apply_merges, learn, word_counts
from playground.vocabulary import printable

MOST_MERGES = 1000
MOST_CHARACTERS = 20_000
WORDS_SHOWN, PAIRS_SHOWN, SYMBOLS_SHOWN, TEXT_WORDS = 10, 8, 16, 40


@dataclass
class Training:
    """What was learnt, from which words, and the step on show."""

    words: Mapping[str, int]
    is_table: bool
    learnt: list[Learnt]
    step: int = 0


def learn_from(text: str, size: float | None) -> Training:
    """Train until the vocabulary has `size` symbols; 0 or nothing: until no pair occurs twice.

    Raises InvalidArgumentError where there is no word to learn from.
    """
    words, is_table = word_counts(text[:MOST_CHARACTERS])
    if not words:
        raise InvalidArgumentError(name="words", rule=say("rule.corpus"), value="")
    merges = learn(Corpus.of(words), int(size) if size else None, 2)
    return Training(words, is_table, [learnt for learnt, _ in islice(merges, MOST_MERGES)])


def corpus_at(words: Mapping[str, int], step: int) -> Corpus:
    """The corpus after `step` merges."""
    corpus = Corpus.of(words)
    for _ in islice(learn(corpus), step):
        pass
    return corpus


def training(state: Training, text: str, t: Translator) -> Channels:
    """All channels of the section; `text` is cut by what was learnt so far."""
    step = min(state.step, len(state.learnt))
    now = corpus_at(state.words, step)
    before = corpus_at(state.words, step - 1).symbol_counts() if step else Counter()
    symbols = now.symbol_counts()
    lengths = [sum(len(word) * count for word, count in state.words.items()), *(one.tokens for one in state.learnt)]
    return {
        "tokenizer.train.stepper": {"step": step, "steps": len(state.learnt)},
        "tokenizer.train.sentence": {"parts": _sentence(state, step, before, symbols, t)},
        "tokenizer.train.words": _words(state, now, step, t),
        "tokenizer.train.pairs": _pairs(now, step < len(state.learnt), t),
        "tokenizer.train.symbols": _symbols(before, symbols, step, t),
        "tokenizer.train.text": _text(state, step, text, t),
        "tokenizer.train.curve": vocabulary_curve_figure(
            len({character for word in state.words for character in word}), lengths, step, t
        ),
    }


def _spelt(symbol: str) -> str:
    return printable(symbol.encode(errors="replace"))


def _sentence(
    state: Training, step: int, before: Mapping[str, int], symbols: Mapping[str, int], t: Translator
) -> list[Part]:
    if step == 0:
        kind = "tokenizer.train.table" if state.is_table else "tokenizer.train.counted"
        return [t(kind, words=len(state.words)) + " " + t("tokenizer.train.begin", symbols=len(symbols))]
    merge = state.learnt[step - 1]
    sentence: list[Part] = [
        {"text": _spelt(merge.left), "kind": "token"}, " + ", {"text": _spelt(merge.right), "kind": "token"}, " → ",
        {"text": _spelt(merge.symbol), "kind": "token"}, t("tokenizer.train.merged", count=merge.count),
    ]  # fmt: skip
    for part in dict.fromkeys((merge.left, merge.right)):
        sentence += [
            " ", {"text": _spelt(part), "kind": "token"},
            t("tokenizer.train.change", before=before.get(part, 0), after=symbols.get(part, 0)),
        ]  # fmt: skip
    if step == len(state.learnt):
        sentence.append(" " + t("tokenizer.train.end", size=len(set().union(*state.words)) + len(state.learnt)))
    return sentence


def _words(state: Training, now: Corpus, step: int, t: Translator) -> dict[str, Any]:
    newest = state.learnt[step - 1].symbol if step else None
    order = sorted(range(len(now.words)), key=lambda i: -now.counts[i])[:WORDS_SHOWN]
    rows = [
        {
            "head": f"{now.counts[i]:,} ×",
            "cells": [
                {"text": _spelt(now.symbols[s]), "kind": "merged" if now.symbols[s] == newest else ""}
                for s in now.words[i]
            ],
        }
        for i in order
    ]
    if len(now.words) > WORDS_SHOWN:
        more = t("tokenizer.train.more_words", count=len(now.words) - WORDS_SHOWN)
        rows.append({"head": "", "cells": [{"text": more, "kind": "plain"}]})
    return {"blocks": [{"rows": rows}]}


def _pairs(now: Corpus, goes_on: bool, t: Translator) -> dict[str, Any]:
    pairs = now.frequent_pairs(PAIRS_SHOWN)
    rows: list[list[Any]] = [
        [{"text": f"{_spelt(left)} + {_spelt(right)}", "kind": "pair" if not i and goes_on else ""}, f"{count:,}"]
        for i, (left, right, count) in enumerate(pairs)
    ]
    head = [t("tokenizer.train.pair"), t("tokenizer.train.count")]
    return {"blocks": [{"table": {"head": head, "rows": rows, "lit": [0] if goes_on and rows else []}}]}


def _symbols(before: Mapping[str, int], now: Mapping[str, int], step: int, t: Translator) -> dict[str, Any]:
    """The symbols and their counts, those that changed first in view."""
    changed = {symbol for symbol in now if step and now[symbol] != before.get(symbol, 0)}
    gone = {symbol for symbol in before if symbol not in now}
    order = sorted({*now, *gone}, key=lambda s: (s not in changed and s not in gone, -now.get(s, 0), s))
    cells: list[Cell] = []
    for symbol in order[: SYMBOLS_SHOWN * 2]:
        counts = {"before": before.get(symbol, 0), "now": now.get(symbol, 0)}
        kind = "merged" if symbol not in before and step else "changed" if symbol in changed | gone else ""
        title = t("tokenizer.train.symbol", symbol=_spelt(symbol), **counts)
        cells.append({"text": f"{_spelt(symbol)} {counts['now']:,}", "kind": kind, "title": title})
    return {"blocks": [{"rows": [{"cells": cells}]}]}


def _text(state: Training, step: int, text: str, t: Translator) -> dict[str, Any]:
    learnt, alphabet = state.learnt[:step], set().union(*state.words)
    words = text.split()
    cells: list[Cell] = []
    for word in words[:TEXT_WORDS]:
        if cells:
            cells.append({"text": "", "kind": "gap"})
        cells += [
            {"text": _spelt(part), "kind": "" if set(part) <= alphabet else "unknown"}
            for part in apply_merges(word, learnt)
        ]
    count = sum(1 for cell in cells if cell.get("kind") != "gap")
    tail = t("tokenizer.train.text_tail", count=count, words=min(len(words), TEXT_WORDS))
    return {"blocks": [{"rows": [{"cells": cells}, {"cells": [{"text": tail, "kind": "plain"}]}]}]}
