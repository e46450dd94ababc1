"""Every processor equals transformers' own, bit for bit, and keeps what its definition promises."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor
from transformers import (
    LogitsProcessor,
    MinNewTokensLengthLogitsProcessor,
    MinPLogitsWarper,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

from playground.decoding.processors import (
    MinNewTokens,
    MinP,
    NoRepeatNGram,
    Processor,
    RepetitionPenalty,
    Temperature,
    TopK,
    TopP,
    TypicalP,
    keeping,
)

V = 50_257
INF = float("inf")

Build = Callable[[Any], Processor]

ORACLES: dict[Build, Callable[[Any], LogitsProcessor]] = {
    RepetitionPenalty: RepetitionPenaltyLogitsProcessor,
    NoRepeatNGram: NoRepeatNGramLogitsProcessor,
    Temperature: TemperatureLogitsWarper,
    TopK: TopKLogitsWarper,
    TopP: TopPLogitsWarper,
    MinP: MinPLogitsWarper,
    TypicalP: TypicalLogitsWarper,
}
VALUES: dict[Build, tuple[Any, ...]] = {
    RepetitionPenalty: (0.5, 1.0001, 1.3, 100.0),
    NoRepeatNGram: (1, 2, 3, 5, 40, 41),
    Temperature: (0.01, 0.7, 1.5, 100.0),
    TopK: (1, 2, 50, V, 1_000_000),
    TopP: (0.0, 0.05, 0.5, 0.9, 0.9999999),
    MinP: (0.0005, 0.05, 0.5, 1.0),
    TypicalP: (0.001, 0.2, 0.9, 0.999, 0.9999999),
}
NEUTRAL: dict[Build, Any] = {
    RepetitionPenalty: 1.0, NoRepeatNGram: 0, Temperature: 1.0, TopK: 0, TopP: 1.0, MinP: 0.0, TypicalP: 1.0
}  # fmt: skip
CASES = [pytest.param(p, v, id=f"{p.name}={v}") for p, values in VALUES.items() for v in values]  # type: ignore[attr-defined]


def random_rows(scale: float, seed: int = 0) -> Tensor:
    return torch.randn(2, V, generator=torch.Generator().manual_seed(seed)) * scale


def removed_but_for(count: int) -> Tensor:
    """Rows in which earlier processors have left `count` tokens each."""
    rows = torch.full((2, V), -INF)
    for row in rows:
        kept = torch.randperm(V, generator=torch.Generator().manual_seed(count))[:count]
        row[kept] = random_rows(2)[0, :count]
    return rows


def zipf() -> Tensor:
    ranks = torch.randperm(V, generator=torch.Generator().manual_seed(1)) + 1
    return torch.stack([-1.1 * ranks.log(), -1.5 * ranks.flip(0).log()])


def with_entry(rows: Tensor, column: int, value: float) -> Tensor:
    rows[:, column] = value
    return rows


ROWS: dict[str, Tensor] = {
    "random": random_rows(3),
    "Zipf": zipf(),
    "ties": random_rows(3).round(),
    "a few values": random_rows(1).sign() * 2.5,
    "peaked": with_entry(random_rows(0.5), 4321, 60.0),
    "flat": torch.zeros(2, V),
    "nearly flat": random_rows(1e-4),
    "large": random_rows(1e4),
    "huge": random_rows(1e30),
    "all negative": random_rows(2) - 100,
    "most removed": removed_but_for(300),
    "three left": removed_but_for(3),
    "one left": removed_but_for(1),
    "an infinite logit": with_entry(random_rows(3), 77, INF),  # a broken model: NaN everywhere, and just as theirs
    "all removed": torch.full((2, V), -INF),
}


def context(seed: int = 0) -> Tensor:
    """(2, 40) ids that repeat often, rare ones among them, and some that the rows above removed or made special."""
    ids = torch.randint(0, 4, (2, 40), generator=torch.Generator().manual_seed(seed))
    ids[:, 7], ids[:, 20], ids[:, 30] = V - 1, 4321, 77
    return ids


def bits(logits: Tensor) -> Tensor:
    """float32 as integers, so that -0.0 is not 0.0 and NaN equals NaN."""
    return logits.contiguous().view(torch.int32)


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize(("build", "value"), CASES)
def test_equals_transformers_bit_for_bit(build: Build, value: Any, row: str) -> None:
    processor, logits = build(value), ROWS[row]
    ours = processor(context(), logits.clone())
    theirs = ORACLES[build](value)(context(), logits.clone())
    assert ours.shape == logits.shape and ours.dtype == torch.float32
    assert torch.equal(bits(ours), bits(theirs))


@pytest.mark.parametrize(("build", "value"), CASES)
def test_never_writes_into_its_input(build: Build, value: Any) -> None:
    for row in ("random", "ties", "most removed"):
        logits, ids = ROWS[row].clone(), context()
        build(value)(ids, logits)
        assert torch.equal(bits(logits), bits(ROWS[row]))
        assert torch.equal(ids, context())


@pytest.mark.parametrize("build", NEUTRAL, ids=lambda build: build.name)
def test_the_neutral_value_returns_the_very_same_object(build: Build) -> None:
    neutral = build(NEUTRAL[build])
    assert neutral.is_neutral
    for logits in (ROWS["random"], ROWS["an infinite logit"], ROWS["all removed"]):
        assert neutral(context(), logits) is logits


@pytest.mark.parametrize(("build", "value"), CASES)
def test_every_other_value_is_on(build: Build, value: Any) -> None:
    assert not build(value).is_neutral


@pytest.mark.parametrize(
    ("build", "value", "rule"),
    [
        *[(RepetitionPenalty, v, "> 0") for v in (0, -1.2, math.nan)],
        *[(NoRepeatNGram, v, ">= 0") for v in (-1, -100)],
        *[(Temperature, v, "> 0") for v in (0, 0.0, -0.7, math.nan)],
        *[(TopK, v, ">= 0") for v in (-1, -50)],
        *[(TopP, v, "between 0 and 1") for v in (-0.01, 1.01, math.nan, INF)],
        *[(MinP, v, "between 0 and 1") for v in (-0.01, 1.01, math.nan, INF)],
        *[(TypicalP, v, "above 0 and at most 1") for v in (0, -0.5, 1.01, math.nan)],
    ],
    ids=lambda v: getattr(v, "name", None),
)
def test_a_value_outside_the_range_is_refused_by_name_and_rule(build: Build, value: float, rule: str) -> None:
    with pytest.raises(ValueError, match=rf"^{build.name} must be {rule}.*, got {value}$"):  # type: ignore[attr-defined]
        build(value)


def test_processors_are_values() -> None:
    assert TopP(0.9) == TopP(0.9) != TopP(0.8)
    assert len({TopP(0.9), TopP(0.9), MinP(0.9)}) == 2
    with pytest.raises(AttributeError):
        TopP(0.9).value = 0.5  # type: ignore[misc]


@pytest.mark.parametrize("value", VALUES[NoRepeatNGram])
def test_rows_are_processed_independently(value: int) -> None:
    builds: list[Processor] = [NoRepeatNGram(value), RepetitionPenalty(1.7), TopP(0.6), TypicalP(0.6), TopK(9)]
    for processor in builds:
        both = processor(context(), ROWS["random"])
        for row in range(2):
            alone = processor(context()[row : row + 1], ROWS["random"][row : row + 1])
            assert torch.equal(both[row], alone[0])


@pytest.mark.parametrize("processor", [RepetitionPenalty(1.5), NoRepeatNGram(1), NoRepeatNGram(2)], ids=str)
def test_an_id_that_has_no_logit_is_passed_over(processor: Processor) -> None:
    """Some models embed more ids than they can say: the prompt may hold one that has no place in the logits."""
    ids, logits = torch.tensor([[2, 9, 3, 2, 40, 2]]), torch.arange(-4.0, 4.0)[None]
    theirs = ORACLES[type(processor)](processor.value)(ids, logits.clone())
    assert torch.equal(processor(ids, logits), theirs)


# ---- by hand, on p = [.5, .25, .15, .10]

P = torch.tensor([[0.5, 0.25, 0.15, 0.10]])


def kept_of(processor: Processor, probabilities: Tensor = P, ids: tuple[int, ...] = (0,)) -> list[int]:
    logits = processor(torch.tensor([ids]), probabilities.log())
    return [i for i, removed in enumerate(logits[0].isneginf().tolist()) if not removed]


@pytest.mark.parametrize(
    ("processor", "kept"),
    [
        (TopK(1), [0]),
        (TopK(3), [0, 1, 2]),
        (TopP(0.4), [0]),
        (TopP(0.6), [0, 1]),  # the token that crosses p stays in
        (TopP(0.8), [0, 1, 2]),
        (TopP(0.0), [0]),
        (MinP(0.4), [0, 1]),  # 0.4 · 0.5 = 0.2
        (MinP(0.21), [0, 1, 2]),  # 0.105
        (MinP(1.0), [0]),
        (TypicalP(0.2), [1]),  # H = 1.208 nats; surprisals .693 1.386 1.897 2.303: the second is closest, not the mode
        (TypicalP(0.5), [0, 1]),
        (TypicalP(0.8), [0, 1, 2]),
        (NoRepeatNGram(1), [1, 2, 3]),
    ],
)
def test_what_is_kept_of_a_distribution_worked_out_by_hand(processor: Processor, kept: list[int]) -> None:
    assert kept_of(processor) == kept


@pytest.mark.parametrize(("p", "count"), [(0.125, 1), (0.25, 2), (0.5, 4), (0.75, 6), (0.876, 8)])
def test_a_nucleus_that_reaches_p_exactly_takes_no_token_more(p: float, count: int) -> None:
    """Eight tokens of 1/8, sums without rounding: where the mass is exactly p, nothing crosses it."""
    flat = torch.zeros(1, 8)
    ours = TopP(p)(torch.zeros(1, 1, dtype=torch.int64), flat)
    assert int(ours.isfinite().sum()) == count
    assert torch.equal(ours, TopPLogitsWarper(p)(torch.zeros(1, 1, dtype=torch.int64), flat))


def test_top_k_keeps_every_token_that_ties_with_the_last() -> None:
    assert kept_of(TopK(2), torch.tensor([[0.4, 0.2, 0.2, 0.2]])) == [0, 1, 2, 3]
    assert kept_of(TopK(2), torch.tensor([[0.2, 0.4, 0.25, 0.15]])) == [1, 2]


def test_of_a_flat_row_min_p_keeps_every_token_and_the_smallest_nucleus_only_one() -> None:
    flat = torch.full((1, 4), 0.25)
    assert kept_of(MinP(1.0), flat) == [0, 1, 2, 3]  # all are as probable as the most probable
    assert len(kept_of(TopP(0.0), flat)) == 1


def test_typical_keeps_the_tokens_that_tie_with_the_one_that_crosses() -> None:
    assert kept_of(TypicalP(0.3), torch.tensor([[0.25, 0.25, 0.25, 0.25]])) == [0, 1, 2, 3]


def test_the_repetition_penalty_divides_what_is_positive_and_multiplies_what_is_negative_once() -> None:
    logits = torch.tensor([[2.0, -2.0, 0.0, 3.0, -INF]])
    penalised = RepetitionPenalty(2)(torch.tensor([[0, 0, 0, 1, 2, 4]]), logits)
    assert penalised.tolist() == [[1.0, -4.0, 0.0, 3.0, -INF]]


def test_the_bigram_ban_removes_what_followed_the_last_token_before() -> None:
    assert kept_of(NoRepeatNGram(2), ids=(1, 3, 2, 1, 0, 1)) == [1, 2]  # 1 3 and 1 0 have been said
    assert kept_of(NoRepeatNGram(2), ids=(1,)) == [0, 1, 2, 3]
    assert kept_of(NoRepeatNGram(2), ids=(1, 1)) == [0, 2, 3]


# ---- what holds for any row

finite = st.floats(-30, 30, width=32)
tied = st.integers(-3, 3).map(float)
rows = st.lists(st.one_of(finite, tied), min_size=1, max_size=40).map(lambda x: torch.tensor([x]))
cut_rows = st.lists(st.one_of(finite, st.just(-INF)), min_size=2, max_size=40).filter(lambda x: max(x) > -INF)
probability = st.floats(0.001, 0.999)
NO_CONTEXT = torch.zeros(1, 1, dtype=torch.int64)
EPS = 1e-5  # 40 float32 additions are good to this


def kept(processor: Processor, logits: Tensor) -> set[int]:
    return set((~processor(NO_CONTEXT, logits)[0].isneginf()).nonzero().flatten().tolist())


def mass(logits: Tensor, tokens: set[int]) -> float:
    probabilities = logits[0].double().softmax(-1)
    return math.fsum(float(probabilities[i]) for i in tokens)


@given(rows, probability)
def test_top_p_keeps_at_least_p_and_no_token_more_than_it_needs(logits: Tensor, p: float) -> None:
    nucleus = kept(TopP(p), logits)
    least = min(nucleus, key=lambda i: float(logits[0, i]))
    assert mass(logits, nucleus) >= p - EPS
    assert mass(logits, nucleus - {least}) < p + EPS
    assert all(logits[0, i] <= logits[0, least] for i in set(range(logits.shape[1])) - nucleus)


@given(rows, probability, probability)
def test_a_smaller_nucleus_lies_within_a_larger_one(logits: Tensor, p: float, q: float) -> None:
    assert kept(TopP(min(p, q)), logits) <= kept(TopP(max(p, q)), logits)


@given(rows, probability, probability)
def test_a_higher_min_p_keeps_no_token_that_a_lower_one_removes(logits: Tensor, p: float, q: float) -> None:
    assert kept(MinP(max(p, q)), logits) <= kept(MinP(min(p, q)), logits)


@given(rows, st.integers(1, 45))
def test_top_k_keeps_the_tokens_that_fewer_than_k_surpass(logits: Tensor, k: int) -> None:
    surpassed_by = [int((logits[0] > own).sum()) for own in logits[0]]
    assert kept(TopK(k), logits) == {i for i, n in enumerate(surpassed_by) if n < k}


@given(rows, st.integers(1, 45))
def test_top_k_is_idempotent(logits: Tensor, k: int) -> None:
    once = TopK(k)(NO_CONTEXT, logits)
    assert torch.equal(TopK(k)(NO_CONTEXT, once), once)


@given(rows, probability)
def test_min_p_is_idempotent(logits: Tensor, p: float) -> None:
    ratios = (logits[0].double() - logits.max().double()).exp()
    assume(bool(((ratios / p - 1).abs() > EPS).all()))  # renormalised, a token on the very edge may fall either way
    once = MinP(p)(NO_CONTEXT, logits)
    assert torch.equal(MinP(p)(NO_CONTEXT, once), once)
    assert kept(MinP(p), logits) == {i for i, ratio in enumerate(ratios.tolist()) if ratio >= p}


@given(rows)
def test_top_k_of_one_is_greedy_search(logits: Tensor) -> None:
    one = TopK(1)(NO_CONTEXT, logits)
    assert int(one.argmax()) == int(logits.argmax())
    assert kept(TopK(1), logits) == set((logits[0] == logits.max()).nonzero().flatten().tolist())


@given(rows)
def test_the_strictest_cuts_keep_the_most_probable_token(logits: Tensor) -> None:
    for processor in (TopP(0.0), MinP(1.0), TopK(1)):
        left = kept(processor, logits)
        assert left and all(logits[0, i] == logits.max() for i in left)


@given(cut_rows, probability)
def test_nothing_removed_comes_back_and_something_is_always_left(values: list[float], p: float) -> None:
    logits = torch.tensor([values])
    for processor in (Temperature(2 * p), TopK(3), TopP(p), MinP(p), TypicalP(p), RepetitionPenalty(1 + p)):
        after = processor(NO_CONTEXT, logits)
        assert bool(after.isneginf()[logits.isneginf()].all())
        assert not bool(after.isneginf().all())


@given(rows, probability)
def test_cutting_leaves_the_logits_of_the_kept_tokens_alone(logits: Tensor, p: float) -> None:
    for processor in (TopK(3), TopP(p), MinP(p), TypicalP(p), NoRepeatNGram(1)):
        after = processor(NO_CONTEXT, logits)
        assert bool(((after == logits) | after.isneginf()).all())


@given(rows, probability)
def test_typical_keeps_at_least_its_mass_and_the_most_typical_token(logits: Tensor, p: float) -> None:
    typical = kept(TypicalP(p), logits)
    assert mass(logits, typical) >= p - EPS
    logprobs = logits[0].double().log_softmax(-1)
    distances = (-logprobs - float(-(logprobs.exp() * logprobs).sum())).abs().tolist()
    farthest = max(distances[i] for i in typical)
    assert all(distances[i] >= farthest - 1e-4 for i in set(range(len(distances))) - typical)
    nearer = {i for i in typical if distances[i] < farthest - 1e-4}  # without the crossing token and its ties
    assert mass(logits, nearer) < p + EPS


@given(rows, st.floats(0.05, 5))
def test_temperature_keeps_the_ranking(logits: Tensor, temperature: float) -> None:
    softened = Temperature(temperature)(NO_CONTEXT, logits)
    ascending = logits[0].argsort(stable=True).tolist()
    assert all(softened[0, low] <= softened[0, high] for low, high in pairwise(ascending))


@given(rows, st.floats(1.01, 5), st.floats(1.01, 5))
def test_a_higher_temperature_has_a_higher_entropy(logits: Tensor, one: float, other: float) -> None:
    def entropy(temperature: float) -> float:
        softened = Temperature(temperature)(NO_CONTEXT, logits.double())
        return float(torch.distributions.Categorical(logits=softened).entropy())

    assert entropy(min(one, other)) <= entropy(max(one, other)) + 1e-9


@given(rows, st.floats(1.01, 5), st.data())
def test_the_repetition_penalty_lowers_the_tokens_seen_and_no_other(
    logits: Tensor, penalty: float, data: st.DataObject
) -> None:
    size = logits.shape[1]
    seen = data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=60))
    after = RepetitionPenalty(penalty)(torch.tensor([seen]), logits)
    for i in range(size):
        own = float(logits[0, i])
        expected = own if i not in seen else own * penalty if own < 0 else own / penalty
        assert float(after[0, i]) == pytest.approx(expected, rel=1e-6)
        assert float(after[0, i]) <= own


@given(st.lists(st.integers(0, 3), min_size=1, max_size=24), st.integers(1, 6))
def test_the_n_gram_ban_removes_exactly_the_tokens_that_would_repeat_one(ids: list[int], n: int) -> None:
    said = {tuple(ids[i : i + n]) for i in range(len(ids) - n + 1)}
    banned = {token for token in range(5) if (*ids[len(ids) - n + 1 :], token) in said} if len(ids) >= n else set()
    after = NoRepeatNGram(n)(torch.tensor([ids]), torch.zeros(1, 5))
    assert set(after[0].isneginf().nonzero().flatten().tolist()) == banned


@pytest.mark.parametrize("keep", [2, 4, 9])
@pytest.mark.parametrize(
    ("processor", "oracle"),
    [
        (TopK(1), TopKLogitsWarper),
        (TopP(0.0), TopPLogitsWarper),
        (TopP(0.3), TopPLogitsWarper),
        (MinP(1.0), MinPLogitsWarper),
        (MinP(0.2), MinPLogitsWarper),
        (TypicalP(0.001), TypicalLogitsWarper),
        (TypicalP(0.3), TypicalLogitsWarper),
    ],
)
def test_a_truncating_processor_keeps_as_many_tokens_as_beam_sampling_needs(processor, oracle, keep):
    rows = random_rows(6)
    (kept,) = keeping([processor], keep)
    ours = kept(torch.zeros(2, 1, dtype=torch.long), rows)
    assert torch.equal(ours, oracle(processor.value, min_tokens_to_keep=keep)(None, rows))
    assert bool(((~ours.isneginf()).sum(-1) >= keep).all())
    assert keeping([Temperature(2.0)], keep) == (Temperature(2.0),)


@pytest.mark.parametrize("eos_ids", [(3,), (3, 5, 7), ()])
@pytest.mark.parametrize("generated", [0, 3, 4, 5])
def test_no_end_before_the_least_number_of_new_tokens(eos_ids, generated):
    context, rows = torch.zeros(2, 6 + generated, dtype=torch.long), random_rows(2)
    ours = MinNewTokens(4, 6, eos_ids)(context, rows)
    if eos_ids:
        assert torch.equal(ours, MinNewTokensLengthLogitsProcessor(6, 4, list(eos_ids))(context, rows))
    assert bool(ours[:, 3].isneginf().all()) is (bool(eos_ids) and generated < 4)
    assert MinNewTokens(0, 6, eos_ids).is_neutral
    with pytest.raises(ValueError, match="min_new_tokens must be >= 0"):
        MinNewTokens(-1, 6, eos_ids)
