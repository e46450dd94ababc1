"""Processors beyond the best known: transformers' own bit for bit, the others by hand and by what they promise."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor
from transformers.generation import logits_process as oracles

from playground.decoding import pipeline
from playground.decoding.processors import MinNewTokens, NotRecordedError, Processor, Situation, Temperature
from playground.decoding.processors_community import XTC, PLess, TailFree, TopA, TopNSigma
from playground.decoding.processors_constraints import (
    BadWords,
    ExponentialDecay,
    RenormalizeLogits,
    SequenceBias,
    SuppressTokens,
)
from playground.decoding.processors_guidance import Guidance
from playground.decoding.processors_mirostat import Mirostat, tokens_for, zipf_exponent
from playground.decoding.processors_penalties import DRY, FrequencyPenalty, PresencePenalty
from playground.decoding.processors_softening import DynamicTemperature, QuadraticSmoothing
from playground.decoding.processors_truncation import EpsilonCutoff, EtaCutoff, TopH
from playground.decoding.processors_watermark import Watermark, green_list, watermark_score
from playground.decoding.rows import Row

V, INF = 50_257, float("inf")
EOS = (7, V - 1)
SITUATION = Situation(prompt_length=38, eos_ids=EOS, seed=4, guidance=Row(torch.linspace(-3, 3, V)))


def random_rows(scale: float, seed: int = 0) -> Tensor:
    return torch.randn(2, V, generator=torch.Generator().manual_seed(seed)) * scale


def most_removed() -> Tensor:
    rows = torch.full((2, V), -INF)
    rows[:, ::170] = random_rows(2)[:, ::170]
    rows[:, 7] = 1.5
    return rows


ROWS = {
    "random": random_rows(3), "ties": random_rows(3).round(), "flat": torch.zeros(2, V), "most removed": most_removed(),
    "all negative": random_rows(2) - 100, "large": random_rows(1e3),
    "peaked": random_rows(0.5).index_fill(1, torch.tensor(9), 40.0),
    "all removed": torch.full((2, V), -INF), "an infinite logit": random_rows(3).index_fill(1, torch.tensor(77), INF),
}  # fmt: skip
IDS = torch.randint(0, 4, (2, 40), generator=torch.Generator().manual_seed(0)).index_fill(1, torch.tensor(20), 4321)
BIAS = [[[5], 2.5], [[1, 2], -4.0], [[3, 2], 1.25], [[0, 1, 2], 3.0], [[5], 1.5]]

BITWISE: dict[str, tuple[Processor, Callable[[], Any]]] = {
    **{f"top_h {h}": (TopH(h), lambda h=h: oracles.TopHLogitsWarper(h)) for h in (0.05, 0.5, 0.95, 1.0)},
    **{f"epsilon {e}": (EpsilonCutoff(e), lambda e=e: oracles.EpsilonLogitsWarper(e)) for e in (1e-5, 3e-4, 0.2)},
    **{f"eta {e}": (EtaCutoff(e), lambda e=e: oracles.EtaLogitsWarper(e)) for e in (1e-5, 3e-4, 0.2)},
    "sequence_bias": (
        SequenceBias(tuple((tuple(ids), bias) for ids, bias in BIAS)),
        lambda: oracles.SequenceBiasLogitsProcessor(BIAS),
    ),
    "bad_words": (
        BadWords(((5,), (1, 2), (0, 1, 2), (7,))),
        lambda: oracles.NoBadWordsLogitsProcessor([[5], [1, 2], [0, 1, 2], [7]], list(EOS)),
    ),
    **{f"min_new_tokens {n}": (MinNewTokens(n), lambda n=n: oracles.MinNewTokensLengthLogitsProcessor(38, n, list(EOS)))
       for n in (1, 2, 3, 9)},
    "suppress": (SuppressTokens((0, 9, V - 1, V + 5)),
                 lambda: oracles.SuppressTokensLogitsProcessor([0, 9, V - 1, V + 5])),
    **{f"decay {f} from {s}": (
        ExponentialDecay(f, s), lambda f=f, s=s: oracles.ExponentialDecayLengthPenalty((s, f), list(EOS), 38),
       ) for f in (0.7, 1.5) for s in (0, 1, 2)},
    "renormalize": (RenormalizeLogits(1), oracles.LogitNormalization),
    **{f"watermark {r}": (Watermark(2.5, r),
                          lambda r=r: oracles.WatermarkLogitsProcessor(V, "cpu", r, 2.5)) for r in (0.25, 0.6)},
}  # fmt: skip

OTHERS: dict[str, Processor] = {
    "guidance": Guidance(1.7), "presence": PresencePenalty(0.7), "frequency": FrequencyPenalty(-0.3),
    "dry": DRY(0.8, allowed_length=1), "dynamic": DynamicTemperature(0.5, 1.2), "smoothing": QuadraticSmoothing(0.3, 2),
    "top_n_sigma": TopNSigma(1.5), "p_less": PLess(1), "top_a": TopA(0.2), "tfs": TailFree(0.9), "xtc": XTC(1.0, 0.01),
    "mirostat 1": Mirostat(1, 3), "mirostat 2": Mirostat(2, 3),
}  # fmt: skip
EVERY = {**{name: ours for name, (ours, _) in BITWISE.items()}, **OTHERS}
NEUTRAL: list[Processor] = [
    TopH(0), EpsilonCutoff(0), EtaCutoff(0), SequenceBias(()), BadWords(()), MinNewTokens(0), SuppressTokens(()),
    ExponentialDecay(1, 3), RenormalizeLogits(0), Watermark(0), Guidance(1), PresencePenalty(0), FrequencyPenalty(0),
    DRY(0), DynamicTemperature(0), QuadraticSmoothing(0), TopNSigma(0), PLess(0), TopA(0), TailFree(1), XTC(0),
    Mirostat(0),
]  # fmt: skip


def bits(logits: Tensor) -> Tensor:
    return logits.contiguous().view(torch.int32)


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("name", BITWISE)
def test_equals_transformers_bit_for_bit(name: str, row: str) -> None:
    ours, theirs = BITWISE[name]
    found = ours.at(SITUATION)(IDS, ROWS[row].clone())
    if isinstance(ours, (TopH, EtaCutoff)) and row in ("all removed", "an infinite logit"):
        with pytest.raises(ValueError, match="invalid values"):  # transformers gives up on these
            theirs()(IDS, ROWS[row].clone())
        return
    assert torch.equal(bits(found), bits(theirs()(IDS, ROWS[row].clone())))
    assert ours.at(SITUATION) == ours


@pytest.mark.parametrize("name", EVERY)
def test_never_writes_into_its_input(name: str) -> None:
    for row in ("random", "ties", "most removed"):
        logits, ids = ROWS[row].clone(), IDS.clone()
        after = EVERY[name].at(SITUATION)(ids, logits)
        assert after.dtype == torch.float32 and after.shape == logits.shape
        assert torch.equal(bits(logits), bits(ROWS[row])) and torch.equal(ids, IDS)
        if after is not logits:
            after.numpy()[:] = 0
            assert torch.equal(bits(logits), bits(ROWS[row])), "the answer shares memory with the input"


@pytest.mark.parametrize("neutral", NEUTRAL, ids=lambda p: p.name)
def test_the_neutral_value_is_an_exact_no_op(neutral: Processor) -> None:
    assert neutral.is_neutral
    assert neutral.at(SITUATION)(IDS, ROWS["random"]) is ROWS["random"]
    assert pipeline.run([neutral], IDS, ROWS["random"], SITUATION) == ()


@pytest.mark.parametrize("name", OTHERS)
def test_rows_are_processed_independently(name: str) -> None:
    processor = OTHERS[name].at(SITUATION)
    both = processor(IDS, ROWS["random"])
    for row in range(2):
        assert torch.equal(both[row], processor(IDS[row : row + 1], ROWS["random"][row : row + 1])[0])


@pytest.mark.parametrize(
    ("build", "rule"),
    [
        *[(lambda v=v: TopH(v), "top_h") for v in (-0.1, 1.1, math.nan)],
        *[(lambda v=v: EpsilonCutoff(v), "epsilon_cutoff") for v in (-0.1, 1, math.nan)],
        *[(lambda v=v: EtaCutoff(v), "eta_cutoff") for v in (-0.1, 1, math.nan)],
        *[(lambda v=v: SequenceBias(v), "sequence_bias") for v in ((((), 1.0),), (((-1,), 1.0),), (((1,), math.nan),))],
        *[(lambda v=v: BadWords(v), "bad_words_ids") for v in (((),), ((-3,),))],
        (lambda: MinNewTokens(-1), "min_new_tokens"),
        (lambda: SuppressTokens((-1,)), "suppress_tokens"),
        (lambda: ExponentialDecay(0), "exponential_decay_length_penalty"),
        (lambda: ExponentialDecay(1.1, -1), "exponential_decay_start"),
        (lambda: RenormalizeLogits(2), "renormalize_logits"),
        (lambda: Watermark(-1), "watermark_bias"),
        (lambda: Watermark(1, 1.0), "watermark_greenlist_ratio"),
        (lambda: Guidance(-1), "guidance_scale"),
        (lambda: PresencePenalty(math.inf), "presence_penalty"),
        (lambda: FrequencyPenalty(math.nan), "frequency_penalty"),
        (lambda: DRY(-1), "dry_multiplier"),
        (lambda: DRY(1, 0.5), "dry_base"),
        (lambda: DRY(1, 2, 0), "dry_allowed_length"),
        (lambda: DRY(1, 2, 2, -2), "dry_penalty_last_n"),
        (lambda: DynamicTemperature(-1), "dynatemp_range"),
        (lambda: DynamicTemperature(1, 0), "temperature"),
        (lambda: DynamicTemperature(1, 1, 0), "dynatemp_exponent"),
        (lambda: QuadraticSmoothing(-1), "smoothing_factor"),
        (lambda: QuadraticSmoothing(1, 3.5), "smoothing_curve"),
        (lambda: TopNSigma(-1), "top_n_sigma"),
        (lambda: PLess(2), "p_less"),
        (lambda: TopA(1.1), "top_a"),
        (lambda: TailFree(-0.1), "tfs_z"),
        (lambda: XTC(1.1), "xtc_probability"),
        (lambda: XTC(1, 0), "xtc_threshold"),
        (lambda: Mirostat(3), "mirostat"),
        (lambda: Mirostat(1, -1), "mirostat_tau"),
        (lambda: Mirostat(1, 1, 2), "mirostat_eta"),
    ],
)
def test_a_bad_value_is_refused_by_name(build: Callable[[], Processor], rule: str) -> None:
    with pytest.raises(ValueError, match=rf"^{rule} must be "):
        build()


def test_guidance_without_its_second_reading_is_an_error() -> None:
    with pytest.raises(NotRecordedError):
        Guidance(2.0).at(Situation())(IDS, ROWS["random"])


# ---- by hand

P = torch.tensor([[0.5, 0.25, 0.15, 0.10]])
NO_CONTEXT = torch.zeros(1, 1, dtype=torch.int64)


def kept_of(processor: Processor, probabilities: Tensor = P) -> list[int]:
    after = processor(NO_CONTEXT, probabilities.log())
    return [i for i, gone in enumerate(after[0].isneginf().tolist()) if not gone]


@pytest.mark.parametrize(
    ("processor", "kept"),
    [
        (PLess(1), [0]),  # Σp² = .25 + .0625 + .0225 + .01 = .345
        (TopA(0.5), [0, 1, 2]),  # .5 · .25 = .125
        (TopA(0.2), [0, 1, 2, 3]),  # .05
        (TopA(1.0), [0, 1]),  # .25
        # ln p = -.693 -1.386 -1.897 -2.303: mean -1.570, σ = .601
        (TopNSigma(1.0), [0]),  # border -1.294
        (TopNSigma(1.2), [0, 1]),  # -1.414
        (TopNSigma(2.1), [0, 1, 2]),  # -1.955
        (EpsilonCutoff(0.2), [0, 1]),
        (EtaCutoff(0.2), [0, 1, 2]),  # H = 1.208: √.2 · e^-1.208 = .1336
        (TopH(0.3), [0]),  # terms .3466 .3466 .2846 .2303, H = 1.208: .3 · H = .362
        (TopH(0.6), [0, 1]),  # .725
        (XTC(1.0, 0.15), [2, 3]),  # three reach .15: only the least probable of them stays
        (XTC(1.0, 0.2), [1, 2, 3]),
        (XTC(1.0, 0.6), [0, 1, 2, 3]),
        # |Δ²p| of .5 .25 .15 .10: Δ = -.25 -.10 -.05, Δ² = .15 .05, shares .75 1
        (TailFree(0.8), [0, 1]),  # the second exceeds; the last always goes
        (TailFree(0.7), [0]),
        (Mirostat(2, 1.0), [0, 1]),  # μ = 2 bits: surprisals 1 2 2.737 3.322
        (Mirostat(2, 1.4), [0, 1, 2]),
        (Mirostat(2, 0.0), [0]),
    ],
    ids=str,
)
def test_what_is_kept_of_a_distribution_worked_out_by_hand(processor: Processor, kept: list[int]) -> None:
    assert kept_of(processor) == kept


def test_presence_counts_once_and_frequency_every_time() -> None:
    ids, logits = torch.tensor([[2, 0, 2, 2, 9]]), torch.tensor([[1.0, 1.0, 1.0, -INF]])  # 9 has no logit
    assert PresencePenalty(0.5)(ids, logits).tolist() == [[0.5, 1.0, 0.5, -INF]]
    assert FrequencyPenalty(0.5)(ids, logits).tolist() == [[0.5, 1.0, -0.5, -INF]]


def test_dry_lowers_the_token_that_would_lengthen_the_longest_copy() -> None:
    ids = torch.tensor([[1, 2, 3, 4, 2, 3, 5, 1, 2, 3]])  # 1 2 3 came before, followed by 4; 2 3 followed by 5
    zeros = torch.zeros(1, 6)
    assert DRY(1.0, 2.0, 2)(ids, zeros).tolist() == [[0, 0, 0, 0, -2, -1]]  # 2^(3-2), 2^(2-2)
    assert DRY(1.0, 2.0, 3)(ids, zeros).tolist() == [[0, 0, 0, 0, -1, 0]]
    assert DRY(1.0, 2.0, 2, last_n=6)(ids, zeros).tolist() == [[0, 0, 0, 0, 0, -1]]  # 2 3 5 1 2 3
    assert DRY(1.0, 2.0, 2, last_n=0)(ids, zeros).tolist() == [[0, 0, 0, 0, 0, 0]]
    assert DRY(1.0, 2.0, 2, breaker_ids=frozenset({1}))(ids, zeros).tolist() == [[0, 0, 0, 0, -1, -1]]
    assert DRY(1.0, 2.0, 2, breaker_ids=frozenset({3}))(ids, zeros).tolist() == [[0, 0, 0, 0, 0, 0]]
    assert DRY(1.0, 2.0, 2, breaker_ids=frozenset({4}))(ids, zeros).tolist() == [[0, 0, 0, 0, 0, -1]]


def test_a_very_long_copy_stays_finite() -> None:
    after = DRY(5.0, 4.0, 1)(torch.ones(1, 3000, dtype=torch.int64), torch.zeros(1, 3))
    assert bool(after.isfinite().all()) and float(after[0, 1]) < -1e38


def test_dynamic_temperature_by_hand() -> None:
    entropy = 1.2080  # of P; ln 4 = 1.3863
    expected = 0.5 + 1.0 * (entropy / math.log(4)) ** 2
    assert DynamicTemperature(0.5, 1.0, 2.0).chosen(P.log()[0]) == pytest.approx(expected, abs=1e-4)
    assert DynamicTemperature(0.5, 1.0).chosen(torch.zeros(9)) == pytest.approx(1.5)
    assert DynamicTemperature(0.5, 1.0).chosen(torch.tensor([0.0, -INF])) == pytest.approx(0.5)
    assert DynamicTemperature(3.0, 1.0).chosen(torch.tensor([0.0, -INF])) == pytest.approx(1e-3)


def test_smoothing_by_hand() -> None:
    logits = torch.tensor([[3.0, 1.0, 2.0, -INF]])  # d = 0 -2 -1
    assert QuadraticSmoothing(0.5)(NO_CONTEXT, logits).tolist() == [[3.0, 1.0, 2.5, -INF]]  # k = 1: 3 - .5 d²
    bent = QuadraticSmoothing(0.5, 2.0)(NO_CONTEXT, logits)  # k = s = ½: 3 - .25 d² - .25 |d|³
    assert bent.tolist() == [[3.0, 0.0, 2.5, -INF]]


def test_guidance_by_hand() -> None:
    p, q = torch.tensor([[0.6, 0.4]]), torch.tensor([0.2, 0.8])
    after = Guidance(2.0).at(Situation(guidance=Row(q.log())))(NO_CONTEXT, p.log())
    assert after[0].exp().tolist() == pytest.approx([0.36 / 0.2, 0.16 / 0.8])  # p² / q


def test_the_coin_of_xtc_is_its_own_and_the_same_at_every_visit() -> None:
    xtc = XTC(0.5).at(Situation(prompt_length=3, seed=8))
    coins = [xtc.coin_of(i) for i in range(50)]
    stream = torch.rand(50, generator=torch.Generator().manual_seed(0x58_54_43 + 8))
    assert coins == stream.tolist()
    assert coins == [xtc.coin_of(i) for i in range(50)] and len(set(coins)) == 50
    assert coins != [XTC(0.5).at(Situation(prompt_length=3, seed=9)).coin_of(i) for i in range(50)]
    for length in range(3, 20):
        after = xtc(torch.zeros(1, length, dtype=torch.int64), P.log())
        assert (after is not None and bool(after.isneginf().any())) == (coins[length - 3] < 0.5)


def test_mirostat_corrects_its_bar_by_the_models_surprise() -> None:
    one = Mirostat(2, tau=1.5, eta=0.4)
    assert one.first_state == 3.0
    assert one.state_after(3.0, P.log()[0], 1) == pytest.approx(3.0 - 0.4 * (2.0 - 1.5))  # p = 1/4: 2 bits
    assert one.state_after(3.0, torch.tensor([0.0, -INF]), 1) == 3.0
    assert kept_of(one.at(Situation(states={"mirostat": 1.0}))) == [0]


def test_the_zipf_exponent_of_a_zipf_law_and_the_tokens_it_asks_for() -> None:
    from playground.decoding.distribution import Distribution

    ranks = torch.arange(1, 2001, dtype=torch.float64)
    row = Distribution.of((-1.3 * ranks.log()).float())
    s = zipf_exponent(row)
    assert s == pytest.approx(1.3, abs=1e-4)
    by_hand = ((0.3 * 2**6) / (1 - 2000**-0.3)) ** (1 / 1.3)
    assert tokens_for(6.0, 1.3, 2000) == round(by_hand) + 1
    assert tokens_for(6.0, 1.0, 2000) == round(2**6 / math.log(2000)) + 1  # the limit ε → 0
    assert tokens_for(1e4, 1.3, 2000) == 2000 and tokens_for(-1e3, 1.3, 2000) == 1


def test_a_watermarked_text_is_green_and_its_score_is_worked_out_by_hand() -> None:
    greens = [set(green_list(i, 100, 0.25).tolist()) for i in range(100)]
    assert all(len(green) == 25 for green in greens)
    text = [5]
    for n in range(16):
        last = greens[text[-1]]
        text.append(next(i for i in range(n, 100) if (i in last) == (n % 4 != 0)))
    score = watermark_score(text, 100)
    assert score.green == 12
    assert score.z == pytest.approx((12 - 4) / math.sqrt(16 * 0.25 * 0.75))
    with pytest.raises(ValueError, match="two tokens"):
        watermark_score([3], 100)


# ---- what holds for any row

finite = st.floats(-30, 30, width=32)
rows = st.lists(st.one_of(finite, st.integers(-3, 3).map(float)), min_size=1, max_size=40).map(
    lambda x: torch.tensor([x])
)
cut_rows = st.lists(st.one_of(finite, st.just(-INF)), min_size=2, max_size=40).filter(lambda x: max(x) > -INF)
share = st.floats(0.01, 0.99)


def kept(processor: Processor, logits: Tensor) -> set[int]:
    return set((~processor(NO_CONTEXT, logits)[0].isneginf()).nonzero().flatten().tolist())


@given(cut_rows, share)
def test_nothing_removed_comes_back_and_something_is_always_left(values: list[float], p: float) -> None:
    logits = torch.tensor([values])
    for processor in (
        TopH(p), EpsilonCutoff(p), EtaCutoff(p), TopNSigma(3 * p), PLess(1), TopA(p), TailFree(p), XTC(1.0, p),
        Mirostat(2, 5 * p), Mirostat(1, 5 * p), DynamicTemperature(p), QuadraticSmoothing(p, 1 + 2 * p),
        PresencePenalty(p), FrequencyPenalty(p), DRY(p), Watermark(p), RenormalizeLogits(1),
    ):  # fmt: skip
        after = processor(NO_CONTEXT, logits)
        assert not bool(after.isnan().any()), processor
        assert bool(after.isneginf()[logits.isneginf()].all()), processor
        assert not bool(after.isneginf().all()), processor


@given(rows, share)
def test_the_most_probable_token_stays_but_for_xtc(logits: Tensor, p: float) -> None:
    best = {i for i in range(logits.shape[1]) if logits[0, i] == logits.max()}
    for processor in (EpsilonCutoff(p), EtaCutoff(p), TopNSigma(p), PLess(1), TopA(p), Mirostat(2, p)):
        assert best <= kept(processor, logits), processor
    for processor in (TopH(p), TailFree(p), Mirostat(1, p)):
        assert best & kept(processor, logits), processor


@given(rows, st.floats(0.1, 4), st.floats(0.2, 5))
def test_top_n_sigma_does_not_depend_on_the_temperature(logits: Tensor, n: float, temperature: float) -> None:
    row = logits[0].double()
    border = float(row.max() - n * row.std(unbiased=False))
    assume(bool(((row - border).abs() > 1e-3).all()))
    expected = {i for i, z in enumerate(row.tolist()) if z >= border}
    assert kept(TopNSigma(n), logits) == kept(TopNSigma(n), Temperature(temperature)(NO_CONTEXT, logits)) == expected


@given(rows, share)
def test_xtc_keeps_exactly_one_of_the_top_choices(logits: Tensor, threshold: float) -> None:
    p = logits[0].softmax(-1)
    top = {i for i, x in enumerate(p.tolist()) if x >= torch.tensor(threshold)}
    left = kept(XTC(1.0, threshold), logits)
    assert len(left & top) == min(1, len(top))
    assert left - top == set(range(len(p))) - top
    assert all(p[i] == min(p[j] for j in top) for i in left & top)


@given(rows, st.floats(0.05, 2), st.floats(1, 3))
def test_smoothing_keeps_the_ranking(logits: Tensor, factor: float, curve: float) -> None:
    bent = QuadraticSmoothing(factor, curve)(NO_CONTEXT, logits)[0]
    order = logits[0].argsort(stable=True)
    assert bool((bent[order].diff() >= -1e-5).all())
    assert float(bent[order[-1]]) == float(logits.max())


@given(rows)
def test_p_less_keeps_what_is_at_least_as_probable_as_a_collision(logits: Tensor) -> None:
    p = logits[0].double().softmax(-1)
    agree = float((p * p).sum())
    assume(bool(((p / agree - 1).abs() > 1e-5).all()) or len(p) == 1)
    assert kept(PLess(1), logits) == {i for i, x in enumerate(p.tolist()) if x >= agree} or len(p) == 1


@pytest.mark.parametrize("size", [1, 3, 7, 1000, V])
def test_a_flat_row_is_left_whole(size: int) -> None:
    flat = torch.full((1, size), 2.5)
    for processor in (PLess(1), TailFree(0.5), TopNSigma(0.1), TopA(1.0), EtaCutoff(1e-9)):
        assert len(kept(processor, flat)) == size, processor


@given(rows, share)
def test_epsilon_is_idempotent(logits: Tensor, epsilon: float) -> None:
    once = EpsilonCutoff(epsilon)(NO_CONTEXT, logits)
    assert torch.equal(EpsilonCutoff(epsilon)(NO_CONTEXT, once), once)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(1, 4))
def test_dry_penalises_by_the_longest_copy_of_a_plain_search(ids: list[int], allowed: int) -> None:
    longest = dict.fromkeys(range(4), 0)
    for at in range(1, len(ids)):  # the token ids[at] followed ids[:at]: how much of their ends is the same?
        length = 0
        while length < at and ids[at - 1 - length] == ids[-1 - length]:
            length += 1
        longest[ids[at]] = max(longest[ids[at]], length)
    after = DRY(0.5, 2.0, allowed)(torch.tensor([ids]), torch.zeros(1, 4))[0].tolist()
    assert after == [-0.5 * 2.0 ** (n - allowed) if n >= allowed else 0.0 for n in longest.values()]
