"""The χ² of drawn tokens: by hand, without scipy."""

import math
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from playground import catalog, engine
from playground.decoding.trace import GenerationRequest, Trace
from playground.engines.table import TableModel
from playground.views.token_histogram import chance_beyond, exact_probabilities, taken_after, token_histogram
from playground.vocabulary import Vocabulary

WORDS = Vocabulary(tuple(f" {c}".encode() for c in "abcdefgh"))


def law(*probabilities: float) -> np.ndarray:  # type: ignore[type-arg]
    return np.array(probabilities, dtype=np.float32)


def ids_of(*counts: int) -> list[int]:
    return [i for i, count in enumerate(counts) for _ in range(count)]


@pytest.mark.parametrize("statistic", [0.1, 1.0, 3.84, 12.0, 60.0])
def test_the_chance_beyond_is_what_its_formula_says(statistic: float) -> None:
    half = statistic / 2
    for degrees in (2, 4, 10):  # even: e^-x/2 Σ (x/2)^k / k!
        expected = math.exp(-half) * sum(half**k / math.factorial(k) for k in range(degrees // 2))
        assert chance_beyond(statistic, degrees) == pytest.approx(expected, rel=1e-10)
    assert chance_beyond(statistic, 1) == pytest.approx(math.erfc(math.sqrt(half)), rel=1e-10)
    assert chance_beyond(statistic, 3) == pytest.approx(
        math.erfc(math.sqrt(half)) + math.sqrt(2 * statistic / math.pi) * math.exp(-half), rel=1e-10
    )


def test_by_hand() -> None:
    found = token_histogram(ids_of(60, 25, 15), law(0.5, 0.3, 0.2), WORDS)
    assert found.chi_square == pytest.approx(100 / 50 + 25 / 30 + 25 / 20, rel=1e-6)
    assert (found.degrees, found.bins, found.pooled, found.draws) == (2, 3, 0, 100)
    assert found.p_value == pytest.approx(math.exp(-found.chi_square / 2), rel=1e-6)
    assert [(bar.label, bar.count) for bar in found.bars] == [("␣a", 60), ("␣b", 25), ("␣c", 15)]
    assert [bar.expected for bar in found.bars] == pytest.approx([50, 30, 20], rel=1e-6)


def test_rare_tokens_share_a_bin() -> None:
    found = token_histogram(ids_of(50, 42, 3, 0, 5), law(0.5, 0.4, 0.04, 0.03, 0.03), WORDS)
    assert found.chi_square == pytest.approx(4 / 40 + 4 / 10, rel=1e-5)  # the three together: 8 of 10
    assert (found.degrees, found.bins, found.pooled) == (2, 3, 3)
    few = token_histogram(ids_of(50, 47, 3), law(0.5, 0.46, 0.04), WORDS)  # 4 expected: with the rarest of the others
    assert (few.degrees, few.bins, few.pooled) == (1, 2, 2)
    assert few.chi_square == pytest.approx(0, abs=1e-6)


def test_the_rarest_of_all_are_counted_too() -> None:
    found = token_histogram(ids_of(50, 38, 9, 3), law(0.5, 0.4, 0.095, 0.005), WORDS)  # 0.5 expected, with the 9.5
    assert found.chi_square == pytest.approx(4 / 40 + 4 / 10, rel=1e-5)
    assert (found.degrees, found.bins, found.pooled) == (2, 3, 2)


def test_what_can_not_be_drawn_is_no_chance() -> None:
    found = token_histogram(ids_of(50, 49, 1), law(0.5, 0.5, 0.0), WORDS)
    assert found.chi_square == math.inf and found.p_value == 0
    assert [bar.token_id for bar in found.bars] == [0, 1, 2]


def test_too_few_draws_say_nothing() -> None:
    for ids, probabilities in (([0, 1], law(0.5, 0.5)), ([], law(0.5, 0.5)), (ids_of(90), law(1.0))):
        found = token_histogram(ids, probabilities, WORDS)
        assert found.chi_square is None and found.p_value is None and found.degrees == 0


def test_the_bars_are_the_likely_and_the_frequent() -> None:
    found = token_histogram(ids_of(1, 0, 0, 0, 9), law(0.4, 0.3, 0.2, 0.06, 0.04), WORDS, shown=2)
    assert [bar.token_id for bar in found.bars] == [0, 1, 4]


def test_only_texts_that_begin_so_are_counted() -> None:
    texts = [(1, 2, 3), (1, 2), (1, 3, 3), (2, 2, 3), (1, 2, 5)]
    assert taken_after(texts, ()) == [1, 1, 1, 2, 1]
    assert taken_after(texts, (1,)) == [2, 2, 3, 2]
    assert taken_after(texts, (1, 2)) == [3, 5]


def run(model: TableModel, values: dict[str, float], seed: int, length: int = 2, draws: bool = True) -> Trace:
    request = GenerationRequest((0,), catalog.sampling(values, draws, seed), length)
    *_, trace = engine.generate(model, request)
    return trace


ROWS = [[0.1, 0.5, 0.3, 0.1], [0.6, 0.1, 0.1, 0.2], [0.7, 0.1, 0.1, 0.1], [0.5, 0.3, 0.1, 0.1]]


@pytest.mark.parametrize(
    "values",
    [{}, {"top_k": 2}, {"temperature": 2.0}, {"xtc_probability": 0.5, "xtc_threshold": 0.15}, {"mirostat": 2}],
    ids=str,
)
def test_runs_of_many_seeds_follow_the_exact_probabilities(
    table_model: Callable[..., TableModel], values: dict[str, float]
) -> None:
    model = table_model(ROWS)
    runs = [run(model, values, seed) for seed in range(600)]
    texts: Sequence[tuple[int, ...]] = [trace.token_ids for trace in runs]
    before = Counter(ids[0] for ids in texts).most_common(1)[0][0]
    straight = next(trace for trace in runs if trace.token_ids[0] == before)
    for index, prefix in ((0, ()), (1, (before,))):
        probabilities = exact_probabilities(straight, index)
        assert probabilities is not None and float(probabilities.sum()) == pytest.approx(1, abs=1e-6)
        found = token_histogram(taken_after(texts, prefix), probabilities, WORDS)
        assert found.p_value is not None and found.p_value > 1e-3
        skewed = probabilities[::-1].copy()
        assert token_histogram(taken_after(texts, prefix), skewed, WORDS).p_value < 1e-3  # type: ignore[operator]


def test_a_run_that_does_not_draw_follows_no_law(table_model: Callable[..., TableModel]) -> None:
    assert exact_probabilities(run(table_model(ROWS), {}, 0, draws=False), 0) is None
