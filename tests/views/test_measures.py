"""Measures against references: sacrebleu, rapidfuzz, zlib, and counts by hand."""

import math
import random
import zlib
from collections.abc import Callable, Sequence
from itertools import combinations

import pytest
import sacrebleu
from rapidfuzz.distance import Levenshtein

from playground import catalog, engine
from playground.decoding.beam_search import BeamSearch
from playground.decoding.trace import GenerationRequest
from playground.engines.huggingface.backend import Backend
from playground.engines.table import TableModel
from playground.views.diversity import edit_distance, self_bleu, unique
from playground.views.measures import Text, distinct, longest_repeat, measures, perplexity, seq_rep, text_of, zlib_ratio


def texts(seed: int, most: int = 12, longest: int = 30) -> list[tuple[int, ...]]:
    rng = random.Random(seed)
    ids = rng.choice([2, 5, 50])
    count = rng.randint(2, most)
    return [tuple(rng.randrange(ids) for _ in range(rng.randint(1, longest))) for _ in range(count)]


def reference_bleu(ids: Sequence[Sequence[int]]) -> float:
    lines = [" ".join(map(str, one)) for one in ids]
    scores = [
        sacrebleu.sentence_bleu(line, lines[:i] + lines[i + 1 :], tokenize="none").score for i, line in enumerate(lines)
    ]
    return sum(scores) / len(scores)


@pytest.mark.parametrize("seed", range(40))
def test_self_bleu_is_sacrebleus(seed: int) -> None:
    ids = texts(seed)
    assert self_bleu(ids) == pytest.approx(reference_bleu(ids), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("seed", range(40))
def test_edit_distance_is_rapidfuzz(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playground.views.diversity._PAIRS", 7)
    ids = texts(seed)
    pairs = [Levenshtein.normalized_distance(a, b) for a, b in combinations(ids, 2)]
    assert edit_distance(ids) == pytest.approx(sum(pairs) / len(pairs), rel=1e-12, abs=1e-12)


def test_a_text_of_no_tokens_is_no_text_to_fail_on() -> None:
    assert edit_distance([(), (1, 2)]) == 1 and edit_distance([(1,), ()]) == 1 and edit_distance([(), ()]) == 0
    assert self_bleu([(), (1, 2)]) == 0
    none = measures([Text(())])
    assert (none.tokens, none.mean_logprob, none.perplexity, none.distinct_1, none.seq_rep_4) == (
        0,
        None,
        None,
        None,
        None,
    )
    assert none.zlib_ratio is None and none.mean_entropy is None and none.longest_repeat == 0


def test_one_text_has_nobody_to_be_like() -> None:
    one = measures([Text((1, 2, 3))])
    assert one.self_bleu is None and one.edit_distance is None and one.unique == 1


def test_counted_by_hand() -> None:
    ids = (1, 2, 1, 2, 1, 3)
    # 1-grams 1 2 3; 2-grams 12 21 12 21 13; 3-grams 121 212 121 213; 4-grams 1212 2121 1213
    assert distinct([ids], 1) == 3 / 6
    assert distinct([ids], 2) == 3 / 5
    assert distinct([ids], 3) == 3 / 4
    assert seq_rep(ids, 4) == 0 and seq_rep((1, 2, 1, 2, 1, 2, 1), 4) == 1 - 2 / 4
    assert distinct([(1, 2), (2, 1), (1, 2)], 2) == 2 / 3  # none reaches over the end of a text
    assert distinct([(1,)], 2) is None and seq_rep((1, 2, 3), 4) is None
    assert unique([(1, 2), (1, 2), (2,), (1, 2)]) == 0.5


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ((), 0),
        ((1,), 0),
        ((1, 2), 0),
        ((1, 1), 1),
        ((1, 1, 1, 1), 3),
        ((1, 2, 1, 2, 1, 3), 3),
        ((1, 2, 3, 9, 1, 2, 3), 3),
    ],
)
def test_the_longest_repeat(ids: tuple[int, ...], expected: int) -> None:
    assert longest_repeat(ids) == expected


@pytest.mark.parametrize("seed", range(30))
def test_the_longest_repeat_is_the_one_that_trying_all_finds(seed: int) -> None:
    ids = texts(seed, 2, 60)[0]
    found = [
        n
        for n in range(1, len(ids))
        for i in range(len(ids) - n + 1)
        for j in range(i)
        if ids[i : i + n] == ids[j : j + n]
    ]
    assert longest_repeat(ids) == max(found, default=0)


def test_several_texts_together() -> None:
    one = Text((1, 2, 3, 4, 1, 2, 3, 4), (-1.0,) * 8, (0.5,) * 8, "the old king " * 9)
    other = Text((5, 6), (-3.0, -4.0), (1.5, 2.5), "a tale")
    found = measures([one, other])
    assert (found.texts, found.tokens, found.length) == (2, 10, 5)
    assert found.mean_logprob == pytest.approx((-8 - 7) / 10)
    assert found.perplexity == pytest.approx(math.exp(1.5))
    assert found.mean_entropy == pytest.approx((4 + 4) / 10)
    assert (found.distinct_1, found.distinct_2, found.distinct_3) == (6 / 10, 5 / 8, 4 / 6)
    assert found.seq_rep_4 == 1 - 4 / 5  # the other is too short to have one
    assert found.longest_repeat == 4
    raw = ("the old king " * 9 + "\na tale").encode()
    assert found.zlib_ratio == len(raw) / len(zlib.compress(raw, 9))
    numbers = " ".join(str(i * i) for i in range(400))
    best, fastest = (len(zlib.compress(numbers.encode(), level)) for level in (9, 1))
    assert zlib_ratio([numbers]) == len(numbers) / best > len(numbers) / fastest


def test_perplexity_beyond_the_largest_float_is_infinite() -> None:
    assert perplexity(-1e6) == math.inf and perplexity(-math.inf) == math.inf
    assert perplexity(0.0) == 1 and perplexity(-math.log(7)) == pytest.approx(7)


def test_a_lane_is_measured_by_the_raw_model(table_model: Callable[..., TableModel]) -> None:
    model = table_model([[0.2, 0.8], [0.5, 0.5]])
    cut = GenerationRequest((0,), catalog.sampling({"top_k": 1, "temperature": 0.5}, True, 0), 3)
    search = GenerationRequest((0,), BeamSearch(2, length_penalty=0.0), 3)
    *_, found = engine.compare(model, [cut, search])

    class Words:
        def text(self, ids: Sequence[int]) -> str:
            return " ".join(map(str, ids))

    lane = measures([text_of(found.lanes[0], Words())])  # type: ignore[arg-type]
    assert found.lanes[0].token_ids == (1, 0, 1)
    assert lane.mean_logprob == pytest.approx((2 * math.log(0.8) + math.log(0.5)) / 3)
    entropies = [-0.2 * math.log(0.2) - 0.8 * math.log(0.8), math.log(2)]
    assert lane.mean_entropy == pytest.approx((2 * entropies[0] + entropies[1]) / 3)
    beams = text_of(found.lanes[1], Words())  # type: ignore[arg-type]
    assert beams.token_ids == (1, 0, 1) and beams.entropies == ()
    assert measures([beams]).mean_logprob == pytest.approx(lane.mean_logprob)
    assert measures([beams]).mean_entropy is None


def test_the_default_model_agrees_with_a_pass_of_its_own(storyteller: Backend) -> None:
    ids = storyteller.tokenizer.encode("The old king said to his")
    *_, found = engine.compare(
        storyteller.model,
        [GenerationRequest(ids, catalog.sampling({"temperature": 0.8}, True, s), 12) for s in range(3)],
    )
    for lane in found.lanes:
        read = storyteller.model.logprobs((*ids, *lane.token_ids))[len(ids) - 1 :]
        mean = measures([text_of(lane, storyteller.vocabulary)]).mean_logprob
        assert mean == pytest.approx(sum(read) / len(read), abs=1e-5)
