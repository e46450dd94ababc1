"""Learning BPE merges from word counts, as `tokenizers.trainers.BpeTrainer` does, one merge at a time.

The tie rule: of the pairs that are most frequent, the one whose ids are smallest is merged. The ids of the single
characters follow their code points, each new symbol gets the next one; so an early letter or an early merge wins.
Overlapping pairs count each: "aaa" holds the pair (a, a) twice.
"""

import heapq
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

Pair = tuple[int, int]


@dataclass(frozen=True)
class Learnt:
    """One merge: the parts, what they became, how often the pair stood in the corpus, and the corpus' length after."""

    left: str
    right: str
    count: int
    tokens: int

    @property
    def symbol(self) -> str:
        return self.left + self.right


@dataclass
class Corpus:
    """Words as symbols, the training's only state.

    Attributes:
        symbols: the vocabulary by id: the characters by code point, then what was learnt.
        words: each distinct word as ids; `counts` how often it occurs.
    """

    symbols: list[str]
    words: list[list[int]]
    counts: list[int]
    pair_counts: Counter[Pair] = field(default_factory=Counter)

    @classmethod
    def of(cls, words: Mapping[str, int]) -> "Corpus":
        alphabet = sorted({character for word in words for character in word})
        ids = {character: i for i, character in enumerate(alphabet)}
        corpus = cls(alphabet, [[ids[c] for c in word] for word in words], list(words.values()))
        for word, count in zip(corpus.words, corpus.counts, strict=True):
            for pair in itertools.pairwise(word):
                corpus.pair_counts[pair] += count
        return corpus

    @property
    def tokens(self) -> int:
        """How many tokens the whole corpus takes."""
        return sum(len(word) * count for word, count in zip(self.words, self.counts, strict=True))

    def symbol_counts(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for word, count in zip(self.words, self.counts, strict=True):
            for symbol in word:
                found[self.symbols[symbol]] += count
        return found

    def frequent_pairs(self, most: int) -> list[tuple[str, str, int]]:
        """The pairs that stand in the corpus now, in the order in which the rule would choose them."""
        standing = {pair for word in self.words for pair in itertools.pairwise(word)}
        ranked = heapq.nsmallest(most, standing, key=lambda pair: (-self.pair_counts[pair], pair))
        return [(self.symbols[a], self.symbols[b], self.pair_counts[a, b]) for a, b in ranked]


def train(
    words: Mapping[str, int], vocab_size: int | None = None, min_frequency: int = 2
) -> Iterator[tuple[Learnt, Corpus]]:
    """Yield each merge with the corpus after it (one and the same object, changed in place).

    Args:
        words: how often each word occurs.
        vocab_size: stop at so many symbols; None: no limit.
        min_frequency: stop when the most frequent pair occurs less often.
    """
    yield from learn(Corpus.of(words), vocab_size, min_frequency)


def learn(corpus: Corpus, vocab_size: int | None = None, min_frequency: int = 2) -> Iterator[tuple[Learnt, Corpus]]:
    """`train` from a corpus at its beginning, which it changes."""
    where: dict[Pair, set[int]] = {}
    for place, word in enumerate(corpus.words):
        for pair in itertools.pairwise(word):
            where.setdefault(pair, set()).add(place)
    # a pair that comes up anew waits a second time, with the places that are new: as in the library
    queue: list[tuple[int, Pair, int, set[int]]] = []
    number = 0

    def wait(pair: Pair, places: set[int]) -> None:
        nonlocal number
        number += 1
        heapq.heappush(queue, (-corpus.pair_counts[pair], pair, number, places))

    for pair, places in where.items():
        wait(pair, places)
    ids = {symbol: i for i, symbol in enumerate(corpus.symbols)}
    tokens = corpus.tokens
    while queue and (vocab_size is None or len(corpus.symbols) < vocab_size):
        expected, pair, _, places = heapq.heappop(queue)
        count = corpus.pair_counts[pair]
        if count != -expected:
            wait(pair, places)
            continue
        if count < max(1, min_frequency):
            return
        left, right = (corpus.symbols[part] for part in pair)
        merged = ids.setdefault(left + right, len(corpus.symbols))
        if merged == len(corpus.symbols):
            corpus.symbols.append(left + right)
        fresh: dict[Pair, set[int]] = {}
        for place in places:
            before = len(corpus.words[place])
            for changed, change in _merge(corpus.words[place], pair, merged):
                corpus.pair_counts[changed] += change * corpus.counts[place]
                if change > 0:
                    fresh.setdefault(changed, set()).add(place)
            tokens -= (before - len(corpus.words[place])) * corpus.counts[place]
        for found, at in fresh.items():
            if corpus.pair_counts[found] > 0:
                wait(found, at)
        yield Learnt(left, right, count, tokens), corpus


def _merge(word: list[int], pair: Pair, merged: int) -> list[tuple[Pair, int]]:
    """Merge a pair wherever it stands in a word, from the left; the pairs beside it that went and came."""
    changes: list[tuple[Pair, int]] = []
    i = 0
    while i + 1 < len(word):
        if (word[i], word[i + 1]) == pair:
            if i > 0:
                changes += [((word[i - 1], pair[0]), -1), ((word[i - 1], merged), 1)]
            word[i : i + 2] = [merged]
            if i + 1 < len(word):
                changes += [((pair[1], word[i + 1]), -1), ((merged, word[i + 1]), 1)]
        i += 1
    return changes


def apply_merges(word: str, merges: list[Learnt]) -> list[str]:
    """A word cut by what was learnt: of the pairs in it always the one learnt first."""
    ranks = {(one.left, one.right): rank for rank, one in reversed(list(enumerate(merges)))}
    parts = list(word)
    while True:
        ranked = [(ranks[pair], i) for i, pair in enumerate(itertools.pairwise(parts)) if pair in ranks]
        if not ranked:
            return parts
        i = min(ranked)[1]
        parts[i : i + 2] = [parts[i] + parts[i + 1]]


_TABLE_LINE = re.compile(r"(\S+?):?[ \t]+(\d{1,7})")


def word_counts(text: str) -> tuple[dict[str, int], bool]:
    """The words of a corpus with their counts, and whether the text was such a table already (a word and a number in
    every line, `older 3`); any other text is cut at white space and counted."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    rows = [_TABLE_LINE.fullmatch(line) for line in lines]
    if lines and all(rows):
        counts: Counter[str] = Counter()
        for row in rows:
            assert row is not None
            counts[row[1]] += int(row[2])
        return {word: count for word, count in counts.items() if count}, True
    return dict(Counter(text.split())), False
