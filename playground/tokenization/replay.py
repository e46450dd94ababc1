"""What there is to replay in a text: for each word the algorithm's own steps, whose last equals the encoding."""

import heapq
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from playground.tokenization.bpe import BpeRules, Merge, merges_of, parts_after
from playground.tokenization.pretokens import Word
from playground.tokenization.text_tokenizer import TextTokenizer
from playground.tokenization.unigram import Lattice, UnigramRules
from playground.tokenization.wordpiece import Try, WordPieceRules


@dataclass(frozen=True)
class Passage:
    """A word of the text as a person sees one: what the algorithm gets at once, or, where that is the whole text
    (Llama 2 has no pre-tokenizer), the tokens from one space to the next.

    Attributes:
        word: what the algorithm gets.
        ids: the tokens of this passage.
        first: the index of the first of them among all tokens of the text, those around it left out.
        start, end: where it stands in the word: symbols for BPE, characters for the others.
    """

    word: Word
    ids: tuple[int, ...]
    first: int
    start: int
    end: int


def passages(text: str, tokenizer: TextTokenizer) -> list[Passage] | None:
    """The words of a text with their tokens; None where the algorithm is not one of ours."""
    words = tokenizer.words(text)
    rules: Any = tokenizer.rules
    if words is None or rules is None:
        return None
    found: list[Passage] = []
    known: dict[str, tuple[list[tuple[int, int]], int]] = {}
    count = 0
    for word in words:
        if word.added_id is not None:
            found.append(Passage(word, (word.added_id,), count, 0, 0))
            count += 1
            continue
        if word.text not in known:
            known[word.text] = _tokens(word.text, rules)
        parts, length = known[word.text]
        for at, end in _cuts(parts, tokenizer):
            starts = (parts[at][0], parts[end][0] if end < len(parts) else length)
            start, stop = starts if isinstance(rules, BpeRules) else (0, length)
            ids = tuple(token_id for _, token_id in parts[at:end])
            found.append(Passage(word, ids, count, start, stop))
            count += len(ids)
    return found


def _tokens(word: str, rules: Any) -> tuple[list[tuple[int, int]], int]:
    """(place, id) of a word's tokens, and how long the word is, in the algorithm's own measure."""
    if isinstance(rules, BpeRules):
        symbols = rules.symbols(word)
        return parts_after(symbols, merges_of(symbols, rules)), len(symbols)
    return [(-1, token_id) for token_id in rules.encode(word)], len(word)


def _cuts(parts: Sequence[tuple[int, int]], tokenizer: TextTokenizer) -> list[tuple[int, int]]:
    """The tokens of one word in runs: a token that begins with ▁ begins a run, where the word holds several."""
    if not parts:
        return []
    if tokenizer.algorithm != "sentencepiece_bpe":
        return [(0, len(parts))]
    begins = [
        i
        for i, (_, token_id) in enumerate(parts)
        if i == 0 or (tokenizer.spelling[token_id].startswith("▁") and tokenizer.spelling[parts[i - 1][1]] != "▁")
    ]
    return list(zip(begins, [*begins[1:], len(parts)], strict=True))


@dataclass(frozen=True)
class MergeReplay:
    """BPE over some passages: their symbols, and the merges in the order of their ranks.

    Attributes:
        symbols: one id for each symbol; the merges count their places.
        breaks: the places at which a new word begins: nothing is merged across.
    """

    symbols: tuple[int, ...]
    merges: tuple[Merge, ...]
    breaks: frozenset[int]

    def parts(self, step: int) -> list[tuple[int, int]]:
        """(place, id) of the tokens after `step` merges."""
        return parts_after(self.symbols, self.merges[:step])

    def ranks(self, step: int, rules: BpeRules) -> list[int | None]:
        """For each neighbouring pair after `step` merges its rank, None where the list of merges lacks it."""
        parts = self.parts(step)
        found: list[int | None] = []
        for (_, left), (place, right) in itertools.pairwise(parts):
            known = None if place in self.breaks else rules.merges.get((left, right))
            found.append(known[0] if known else None)
        return found


def merge_replay(chosen: Sequence[Passage], rules: BpeRules) -> MergeReplay:
    """One passage, or several at once: then the merges of all of them, by rank."""
    symbols: list[int] = []
    sequences: list[list[Merge]] = []
    breaks: set[int] = set()
    cache: dict[str, tuple[tuple[int, ...], list[Merge]]] = {}
    for passage in chosen:
        shift = len(symbols) - passage.start
        breaks.add(len(symbols))
        if passage.word.added_id is not None:
            symbols.append(passage.word.added_id)
            continue
        if passage.word.text not in cache:
            whole = rules.symbols(passage.word.text)
            cache[passage.word.text] = (whole, merges_of(whole, rules))
        whole, merges = cache[passage.word.text]
        symbols += whole[passage.start : passage.end]
        sequences.append(
            [
                Merge(m.start + shift, m.middle + shift, m.end + shift, m.rank, m.token_id)
                for m in merges
                if passage.start <= m.start and m.end <= passage.end
            ]
        )
    ordered = heapq.merge(*sequences, key=lambda merge: merge.rank)  # each word keeps its own order
    return MergeReplay(tuple(symbols), tuple(ordered), frozenset(breaks))


def match_replay(passage: Passage, rules: WordPieceRules) -> list[Try]:
    return list(rules.tries(passage.word.text))


def lattice_replay(passage: Passage, rules: UnigramRules) -> Lattice:
    return rules.lattice(passage.word.text)
