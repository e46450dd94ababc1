"""Our algorithms against the library: the same ids on hostile texts, and the replay ends where the encoding ends."""

from collections.abc import Callable
from itertools import chain, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import Unigram

from playground.tokenization.bpe import BpeRules, after, merges_of
from playground.tokenization.model import Algorithm
from playground.tokenization.replay import merge_replay, passages
from playground.tokenization.segments import gaps, segment
from playground.tokenization.text_tokenizer import TextTokenizer
from playground.tokenization.unigram import UnigramRules
from playground.tokenization.wordpiece import WordPieceRules

Named = Callable[[str], TextTokenizer]

# name -> (how many groups of AT_ONCE strings, its algorithm): more than 5,000 strings for every algorithm
TOKENIZERS: dict[str, tuple[int, Algorithm]] = {
    "byte_level": (60, "byte_level_bpe"),
    "byte_level_ignore_merges": (60, "byte_level_bpe"),
    "byte_level_prefix_space": (30, "byte_level_bpe"),
    "storyteller": (105, "byte_level_bpe"),
    "gpt2": (60, "byte_level_bpe"),
    "sentencepiece_whole": (60, "sentencepiece_bpe"),
    "sentencepiece_split": (60, "sentencepiece_bpe"),
    "sentencepiece_apart": (40, "sentencepiece_bpe"),
    "affixed": (40, "sentencepiece_bpe"),
    "sentencepiece-bpe": (60, "sentencepiece_bpe"),
    "wordpiece_small": (90, "wordpiece"),
    "wordpiece_short": (80, "wordpiece"),
    "wordpiece": (90, "wordpiece"),
    "unigram_small": (90, "unigram"),
    "unigram_bytes": (80, "unigram"),
    "unigram": (90, "unigram"),
}
AT_ONCE = 20
POOL = (
    "the", " wolf", "wolfhound", " believing", "whisper", "aaaa", "aaaaa", "banana", "é", "e\u0301", "狐狸",
    "лиса", "😀", "\U0001f469\u200d\U0001f469\u200d\U0001f467", "\n", "\r\n", "\t", "  ", " ", "\u3000", "\xa0",
    "\u200d", "\u202e", "\x00", "\x07", "�", "İ", "ß", "ﬁ", "שלום", "'s", "1234", "-", "!", "...", "[UNK]",
    "[CLS]", "<unk>", "<s>", "</s>", "<|endoftext|>", " :)", ":)", "##ing", "▁", "Ġ", "</w>", "<0xE4>",
    "\U0010ffff", "unbelievableunbelievable",
)  # fmt: skip
hostile_texts = st.one_of(
    st.lists(st.sampled_from(POOL), max_size=8).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.lists(st.one_of(st.sampled_from(POOL), st.characters(exclude_categories=["Cs"])), max_size=8).map("".join),
)
groups_of_texts = st.lists(hostile_texts, min_size=AT_ONCE, max_size=AT_ONCE)


def test_every_algorithm_is_compared_on_five_thousand_strings() -> None:
    for algorithm in ("byte_level_bpe", "sentencepiece_bpe", "wordpiece", "unigram"):
        without_gpt2 = sum(n for name, (n, kind) in TOKENIZERS.items() if kind == algorithm and name != "gpt2")
        assert without_gpt2 * AT_ONCE >= 5000


def ours(text: str, tokenizer: TextTokenizer) -> list[int]:
    """Word by word: the library's words, our algorithm."""
    words, rules = tokenizer.words(text), tokenizer.rules
    assert words is not None and rules is not None
    encoded = ([word.added_id] if word.added_id is not None else rules.encode(word.text) for word in words)
    return list(chain.from_iterable(encoded))


def replayed(text: str, tokenizer: TextTokenizer) -> list[int]:
    """What the last step of the replay shows."""
    found, rules = passages(text, tokenizer), tokenizer.rules
    assert found is not None
    assert [p.first for p in found] == [sum(len(p.ids) for p in found[:i]) for i in range(len(found))]
    if isinstance(rules, BpeRules):
        one_by_one = [merge_replay([passage], rules) for passage in found]
        singly = [i for replay in one_by_one for _, i in replay.parts(len(replay.merges))]
        together = merge_replay(found, rules)
        assert [i for _, i in together.parts(len(together.merges))] == singly
        return singly
    ids: list[int] = []
    for passage in found:
        if passage.word.added_id is not None:
            ids.append(passage.word.added_id)
        elif isinstance(rules, WordPieceRules):
            tries = list(rules.tries(passage.word.text))
            hits = [one.token_id for one in tries if one.token_id is not None]
            is_whole = bool(tries) and tries[-1].token_id is not None and tries[-1].end == len(passage.word.text)
            ids += hits if is_whole else [rules.vocab[rules.unknown]]
        else:
            assert isinstance(rules, UnigramRules)
            ids += rules.encode(passage.word.text)
    return ids


@pytest.mark.parametrize("name", TOKENIZERS)
def test_the_same_ids_as_the_library(name: str, tokenizer_named: Named) -> None:
    tokenizer = tokenizer_named(name)
    count, algorithm = TOKENIZERS[name]
    assert tokenizer.algorithm == algorithm
    compared = 0

    @settings(max_examples=count)
    @given(groups_of_texts)
    def compare(texts: list[str]) -> None:
        nonlocal compared
        for text in texts:
            theirs = list(tokenizer.encode(text, False)[0])
            assert ours(text, tokenizer) == theirs
            assert replayed(text, tokenizer) == theirs
            compared += 1

    compare()
    assert compared >= count * AT_ONCE


@pytest.mark.parametrize("name", TOKENIZERS)
def test_spans_cover_the_text_in_order(name: str, tokenizer_named: Named) -> None:
    tokenizer = tokenizer_named(name)

    @settings(max_examples=10)
    @given(groups_of_texts)
    def look(texts: list[str]) -> None:
        for text in texts:
            found = segment(text, tokenizer)
            assert found.ids == tuple(tokenizer.encode(text)[0])
            own = [token for token in found.tokens if token.end > token.start]
            assert all(0 <= token.start < token.end <= len(text) for token in own)
            assert all(a.start <= b.start for a, b in pairwise(own))
            covered = {i for token in own for i in range(token.start, token.end)}
            between = "".join(gaps(found).values())
            assert len(between) == len(text) - len(covered)

    look()


@pytest.mark.parametrize("name", ["byte_level", "byte_level_ignore_merges", "storyteller", "gpt2"])
def test_the_bytes_of_the_tokens_are_the_text(name: str, tokenizer_named: Named) -> None:
    tokenizer = tokenizer_named(name)

    @settings(max_examples=10)
    @given(groups_of_texts)
    def look(texts: list[str]) -> None:
        for text in texts:
            found = segment(text, tokenizer, with_special=False)
            if any(tokenizer.spelling[i] == " :)" for i in found.ids):
                continue  # that token takes the spaces after it along
            pieces = b"".join(tokenizer.piece(token_id) for token_id in found.ids)
            assert pieces == text.encode()
            for token in found.tokens:
                assert tokenizer.piece(token.token_id) in text[token.start : token.end].encode()

    look()


def test_gpt2_reads_chartreuse_as_the_report_says(tokenizer_named: Named) -> None:
    tokenizer = tokenizer_named("gpt2")
    assert segment(" chartreuse", tokenizer).ids == (8262, 260, 1904)
    assert segment("chartreuse", tokenizer).ids == (40926, 260, 1904)
    assert ours(" chartreuse", tokenizer) == [8262, 260, 1904]
    assert tokenizer.vocab_size == 50257


def test_merges_go_by_rank_and_from_the_left() -> None:
    vocab = {"a": 0, "b": 1, "c": 2, "ab": 3, "bc": 4, "abc": 5, "aa": 6}
    rules = BpeRules(vocab, {(1, 2): (0, 4), (0, 1): (1, 3), (0, 4): (2, 5), (0, 0): (3, 6)})
    steps = merges_of(rules.symbols("abcab"), rules)
    assert [(m.start, m.middle, m.end, m.rank, m.token_id) for m in steps] == [
        (1, 2, 3, 0, 4), (3, 4, 5, 1, 3), (0, 1, 3, 2, 5),
    ]  # fmt: skip
    assert after(rules.symbols("abcab"), steps[:1]) == [0, 4, 0, 1]
    assert rules.encode("aaa") == (6, 0)


@given(st.lists(st.integers(-3, -1), min_size=9, max_size=9), st.text("abc", max_size=9))
def test_ways_that_are_equally_probable(scores: list[int], word: str) -> None:
    """Whole numbers as log-probabilities: ties abound, and the library's choice is ours."""
    pieces = ["<unk>", "a", "b", "ab", "bc", "abc", "ba", "aa", "cab"]
    vocab = [(piece, float(score)) for piece, score in zip(pieces, scores, strict=True)]
    theirs = Tokenizer(Unigram(vocab, 0, False))
    assert list(UnigramRules(vocab, 0).encode(word)) == theirs.encode(word).ids
