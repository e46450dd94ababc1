"""The trainer against tokenizers.trainers.BpeTrainer: the same merges, in the same order."""

import itertools
import json
import random
from collections import Counter
from collections.abc import Mapping

import pytest
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.trainers import BpeTrainer

from playground.tokenization.bpe_training import Corpus, apply_merges, train, word_counts

REPORT = {"older": 3, "finest": 9, "lowest": 4}


def library_merges(words: Mapping[str, int], vocab_size: int = 30_000, min_frequency: int = 2) -> list[tuple[str, str]]:
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = WhitespaceSplit()
    trainer = BpeTrainer(vocab_size=vocab_size, min_frequency=min_frequency, special_tokens=[], show_progress=False)
    tokenizer.train_from_iterator([" ".join([word] * count) for word, count in words.items()], trainer)
    return [tuple(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]


def our_merges(
    words: Mapping[str, int], vocab_size: int | None = None, min_frequency: int = 2
) -> list[tuple[str, str]]:
    return [(learnt.left, learnt.right) for learnt, _ in train(words, vocab_size, min_frequency)]


def test_the_example_of_the_report() -> None:
    assert our_merges(REPORT) == library_merges(REPORT)
    corpus = Corpus.of(REPORT)
    counts = corpus.symbol_counts()
    assert counts["e"] == 16 and counts["s"] == 13 and counts["t"] == 13
    assert corpus.frequent_pairs(2) == [("e", "s", 13), ("s", "t", 13)]  # a tie: e comes before s
    steps = [(learnt, dict(now.symbol_counts()), now.tokens) for learnt, now in train(REPORT)]
    first, counts_then, _ = steps[0]
    assert (first.left, first.right, first.count) == ("e", "s", 13)
    assert counts_then["es"] == 13 and counts_then["e"] == 3 and "s" not in counts_then
    second, counts_then, _ = steps[1]
    assert (second.symbol, second.count) == ("est", 13)
    assert counts_then["est"] == 13 and "es" not in counts_then and "t" not in counts_then
    assert all(learnt.tokens == tokens for learnt, _, tokens in steps)


def random_corpus(seed: int) -> dict[str, int]:
    dice = random.Random(seed)
    letters = "abcdeé狐"[: dice.randrange(2, 8)]
    words = {"".join(dice.choices(letters, k=dice.randrange(1, 8))) for _ in range(dice.randrange(2, 14))}
    return {word: dice.randrange(1, 12) for word in sorted(words)}


@pytest.mark.parametrize("seed", range(80))
def test_the_same_merges_as_the_library_on_small_corpora(seed: int) -> None:
    words = random_corpus(seed)
    size, frequency = (None, 2) if seed % 2 else (10 + seed % 9, 1 + seed % 3)
    assert our_merges(words, size, frequency) == library_merges(words, size or 30_000, frequency)


def test_the_same_merges_on_a_text() -> None:
    text = "the old king said to his daughter that the wolf at the old door was older than the oldest king " * 3
    words = Counter((text + "banana bandana cabana aaaa").split())
    assert our_merges(words) == library_merges(words)


@pytest.mark.parametrize("seed", range(20))
def test_counts_are_those_of_the_words(seed: int) -> None:
    """Recounted from scratch at every step; where a pair overlaps itself ("aaa") the books may differ."""
    for learnt, corpus in train(random_corpus(seed + 1000)):
        symbols: Counter[str] = Counter()
        pairs: Counter[tuple[str, str]] = Counter()
        for word, count in zip(corpus.words, corpus.counts, strict=True):
            spelt = [corpus.symbols[i] for i in word]
            for symbol in spelt:
                symbols[symbol] += count
            for pair in itertools.pairwise(spelt):
                pairs[pair] += count
        assert corpus.symbol_counts() == symbols
        assert learnt.tokens == corpus.tokens == sum(symbols.values())
        for left, right, count in corpus.frequent_pairs(50):
            if left != right:
                assert count == pairs[left, right]


def test_what_was_learnt_cuts_as_the_library_does() -> None:
    words = random_corpus(7) | REPORT
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = WhitespaceSplit()
    text = [" ".join([word] * count) for word, count in words.items()]
    tokenizer.train_from_iterator(text, BpeTrainer(min_frequency=2, special_tokens=[], show_progress=False))
    learnt = [one for one, _ in train(words)]
    for word in [*words, "lowestfinest", "oldest", "older" * 5]:
        assert apply_merges(word, learnt) == tokenizer.encode(word).tokens


def test_a_table_or_a_text() -> None:
    assert word_counts("older 3\n finest: 9 \n\nlowest\t4") == (REPORT, True)
    assert word_counts("older 3\nfinest") == ({"older": 1, "3": 1, "finest": 1}, False)
    assert word_counts("a b a") == ({"a": 2, "b": 1}, False)
    assert word_counts("a 0") == ({}, True)
    assert word_counts("  \n") == ({}, False)
