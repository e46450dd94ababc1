"""What equals only in law: draws against the distributions that they should have, each worked out independently.

Every test states the law twice: the right one must not be rejected (p > 1e-4; the seeds are fixed, so never by bad
luck), and a wrong one, which a plausible mistake would lead to, must be rejected by the same draws.
"""

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from playground import catalog, engine
from playground.decoding import pipeline
from playground.decoding.orders import LLAMA_CPP_ORDER, TRANSFORMERS_ORDER
from playground.decoding.processors import Situation
from playground.decoding.processors_community import XTC
from playground.decoding.rows import Row
from playground.decoding.selection import Multinomial, dice
from playground.decoding.stochastic_beam_search import StochasticBeamSearch
from playground.decoding.trace import GenerationRequest, Step
from playground.engine import search
from playground.views.race import drawn, noise, race
from playground.vocabulary import Vocabulary
from tests.decoding.chi_square import LEAST, POOLED, p_value, tail
from tests.parity.hashed_model import Hashed, HashedModel

Law = dict[object, float]
ROW = torch.tensor([2.0, 1.5, 1.5, 0.3, -0.2, -1.0, -float("inf"), 0.9, -2.0, 1.1])


def softmax(logits: Sequence[float] | np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """In double precision."""
    row = np.asarray(logits, dtype=np.float64) / temperature
    weights = np.exp(row - row.max())
    return weights / weights.sum()


def law_of(probabilities: Sequence[float] | np.ndarray) -> Law:
    return {i: float(p) for i, p in enumerate(probabilities) if p > 0}


def assert_law(observed: Counter, right: Mapping[object, float], wrong: Mapping[object, float]) -> None:
    for law in (right, wrong):
        assert math.fsum(law.values()) == pytest.approx(1, abs=1e-6)
    found = p_value(observed, right)
    assert found > LEAST, f"these draws would come by chance with p = {found:.1e}"
    found = p_value(observed, wrong)
    assert found < LEAST, f"the wrong law passes too, with p = {found:.1e}: the test can't fail"


# ---- the test itself


@pytest.mark.parametrize(
    ("statistic", "degrees", "p"),
    [(3.841459, 1, 0.05), (18.466827, 4, 0.001), (18.307038, 10, 0.05), (124.342113, 100, 0.05), (0, 7, 1)],
)
def test_the_tail_is_that_of_the_tables(statistic: float, degrees: int, p: float) -> None:
    assert tail(statistic, degrees) == pytest.approx(p, rel=1e-5)


def test_the_p_value_of_a_right_law_is_uniform_and_of_a_wrong_one_small() -> None:
    """The p-values of 400 samples fall evenly into ten tenths; with a biased die they don't."""
    generator = np.random.default_rng(0)
    die = law_of([1 / 6] * 6)
    tenths = {}
    for name, chances in (("fair", [1 / 6] * 6), ("biased", [0.2, 0.15, 0.15, 0.2, 0.15, 0.15])):
        counts = generator.multinomial(1200, chances, size=400)
        values = [p_value(dict(enumerate(map(int, row))), die) for row in counts]
        tenths[name] = Counter(min(9, int(10 * value)) for value in values)
    even = law_of([0.1] * 10)
    assert p_value(tenths["fair"], even) > LEAST
    assert p_value(tenths["biased"], even) < LEAST


def test_rare_outcomes_are_counted_together_and_impossible_ones_are_noticed() -> None:
    law: Law = {0: 0.5, 1: 0.49, 2: 0.005, 3: 0.005}
    by_hand = (52 - 50) ** 2 / 50 + (47 + 1 + 0 - 50) ** 2 / 50  # 2 and 3, half a time each, go with 1
    assert p_value({0: 52, 1: 47, 2: 1}, law) == pytest.approx(tail(by_hand, 1))
    assert p_value({0: 52, 1: 47, 9: 1}, law) == 0.0


# ---- the draw, the race and the needle


def test_the_draw_follows_the_probabilities() -> None:
    """Over seeds, and over the steps of one run."""
    right, wrong = law_of(softmax(ROW)), law_of(softmax(ROW, 1.15))
    size = len(ROW)
    over_seeds = Counter(Multinomial(seed)(ROW, dice(seed, 0, size)).token_id for seed in range(6000))
    generator = dice(11, 0, size)
    over_steps = Counter(Multinomial(11)(ROW, generator).token_id for _ in range(6000))
    for observed in (over_seeds, over_steps):
        assert_law(observed, right, wrong)


def test_the_winner_of_the_race_is_as_frequent_as_the_bar_of_chances_says() -> None:
    """A needle dropped on the bar chooses as often as the race: the shares are the law of the winner."""
    size = len(ROW)
    words = Vocabulary(tuple(f" w{i}".encode() for i in range(size)))
    winners: Counter = Counter()
    for seed in range(3000):
        step = Step(2, Row(ROW), (), Multinomial(seed), Multinomial(seed)(ROW, dice(seed, 2, size)))
        view = race(step, ROW, words)
        assert view.winner.token_id == step.choice.token_id
        winners[view.winner.token_id] += 1
    shares: Law = {token_id: share for _, share, token_id in view.shares}
    assert shares == pytest.approx(law_of(softmax(ROW)), abs=1e-7)
    evenly = (np.isfinite(ROW.numpy()) + 4 * softmax(ROW)) / (view.runners + 4)  # as if luck counted for more
    assert_law(winners, shares, law_of(evenly))


def test_the_race_and_the_needle_are_two_different_draws_of_one_law() -> None:
    """The cumulative needle (inverse transform) chooses other tokens from other dice, in the same proportions; so does
    the largest logit with Gumbel noise, which is the race itself in logarithms."""
    size, cumulative = len(ROW), np.cumsum(softmax(ROW))
    needles = np.random.default_rng(5).random(6000)
    observed = Counter(map(int, np.searchsorted(cumulative, needles, side="right")))
    assert_law(observed, law_of(softmax(ROW)), law_of(softmax(ROW, 1.15)))
    for seed in range(500):
        exponentials = noise(seed, 1, size)
        gumbels = -np.log(exponentials.astype(np.float64))
        assert int((ROW.numpy() + gumbels).argmax()) == drawn(ROW, exponentials)


def test_the_noise_of_a_step_is_exponential_and_that_of_two_steps_independent() -> None:
    size, tenths = 40, -np.log1p(-np.arange(1, 10) / 10)  # the deciles of Exp(1)
    pairs: Counter = Counter()
    values: list[float] = []
    for seed in range(150):
        first, second = (np.searchsorted(tenths, noise(seed, index, size)) for index in (3, 4))
        pairs.update(zip((first // 2).tolist(), (second // 2).tolist(), strict=True))
        values += noise(seed, 3, size).tolist()
    observed = Counter(np.searchsorted(tenths, values).tolist())
    edges = np.concatenate([[0], np.minimum(tenths / 2, 1), [1]])
    assert_law(observed, law_of([0.1] * 10), law_of(np.diff(edges) * 0.9 + 0.01))  # wrong: uniform up to 2
    even: Law = dict.fromkeys(itertools.product(range(5), range(5)), 0.04)
    same: Law = {(a, b): 0.05 if a == b else 0.0375 for a, b in even}  # wrong: a little of the dice thrown again
    assert_law(pairs, even, same)


# ---- XTC: its coin, and what is drawn


def test_xtc_fires_as_often_as_it_is_told_and_independently_of_the_dice() -> None:
    """The joint law of the coin and of the token drawn: a mixture of two distributions."""
    probability, threshold = 0.3, 0.1
    p = softmax(ROW)
    top = [i for i, x in enumerate(p) if x >= threshold]
    last = max((i for i in top if p[i] == min(p[j] for j in top)), default=-1)
    assert len(top) > 2
    excluded = np.array([0 if i in top and i != last else x for i, x in enumerate(p)])
    excluded /= excluded.sum()
    right: Law = {(True, i): probability * x for i, x in enumerate(excluded) if x}
    right |= {(False, i): (1 - probability) * x for i, x in enumerate(p) if x}
    observed: Counter = Counter()
    xtc, second_step = XTC(probability, threshold), torch.zeros(1, 2, dtype=torch.int64)
    for seed in range(7000):
        (stage,) = pipeline.run([xtc], second_step, ROW[None], Situation(prompt_length=1, seed=seed))
        token_id = Multinomial(seed)(stage.logits[0], dice(seed, 1, len(ROW))).token_id
        observed[stage.removes, token_id] += 1
    more_often = {
        (fired, i): x / (probability if fired else 1 - probability) * (0.35 if fired else 0.65)
        for (fired, i), x in right.items()
    }
    assert_law(observed, right, more_often)
    nothing_left_out = {(fired, i): (probability if fired else 1 - probability) * p[i] for fired, i in
                        itertools.product((True, False), range(len(p))) if p[i]}  # fmt: skip
    assert p_value(observed, nothing_left_out) < LEAST


# ---- mirostat: the law of whole texts, the bar being moved by each token


def mirostat_law(
    table: np.ndarray, start: int, length: int, version: int, tau: float, eta: float, is_moving: bool = True
) -> Law:
    """Every text of a table model with its probability, mirostat worked out on paper in double precision."""
    size = len(table)

    def kept(p: np.ndarray, mu: float) -> np.ndarray:
        order = sorted(range(size), key=lambda i: (-p[i], i))
        if version == 2:
            chosen = [i for i in order if -math.log2(p[i]) <= mu] or order[:1]
        else:
            ratios = [(math.log((i + 2) / (i + 1)), math.log(p[order[i]] / p[order[i + 1]])) for i in range(size - 1)]
            s = sum(t * b for t, b in ratios) / sum(t * t for t, _ in ratios)
            epsilon = s - 1
            k = ((epsilon * 2**mu) / (1 - size**-epsilon)) ** (1 / s)
            chosen = order[: min(size, round(k) + 1)]
        left = np.zeros(size)
        left[chosen] = p[chosen]
        return left / left.sum()

    law: Law = {}
    waiting = [((), 1.0, 2 * tau)]
    while waiting:
        ids, probability, mu = waiting.pop()
        if len(ids) == length:
            law[ids] = probability
            continue
        p = softmax(table[ids[-1] if ids else start])
        for token, chance in enumerate(kept(p, mu)):
            if chance:
                surprise = -math.log2(p[token])
                moved = mu - eta * (surprise - tau) if is_moving else mu
                waiting.append(((*ids, token), probability * chance, moved))
    return law


@pytest.mark.parametrize(("version", "tau", "eta"), [(2, 1.1, 0.8), (1, 1.1, 0.8)])
def test_mirostat_draws_texts_as_its_law_has_them(table_model, version: int, tau: float, eta: float) -> None:  # type: ignore[no-untyped-def]
    table = torch.randn(5, 5, generator=torch.Generator().manual_seed(4)) * 1.3
    model = table_model(table.softmax(-1).tolist())
    values = {"mirostat": version, "mirostat_tau": tau, "mirostat_eta": eta}
    observed: Counter = Counter()
    for seed in range(3000):
        *_, trace = engine.generate(model, GenerationRequest((2,), catalog.sampling(values, True, seed), 3))
        observed[trace.token_ids] += 1
    right, still = (
        mirostat_law(table.double().numpy(), 2, 3, version, tau, eta, is_moving) for is_moving in (True, False)
    )
    assert_law(observed, right, still)  # wrong: a bar that no token moves


# ---- stochastic beam search: which texts are among the K

PROMPT, NEW = (2, 3), 3
MODEL = Hashed(seed=5, vocab_size=4, eos_ids=(1,), spread=4)


def every_text() -> dict[tuple[int, ...], float]:
    """All texts with their probabilities, by enumeration in double precision."""
    found: dict[tuple[int, ...], float] = {}
    waiting: list[tuple[tuple[int, ...], float]] = [((), 1.0)]
    while waiting:
        ids, probability = waiting.pop()
        if len(ids) == NEW or (ids and ids[-1] in MODEL.eos_ids):
            found[ids] = probability
        else:
            row = softmax(MODEL.logits((*PROMPT, *ids)).tolist())
            waiting += [((*ids, token), probability * float(p)) for token, p in enumerate(row)]
    return found


def sets_of(texts: Mapping[tuple[int, ...], float], k: int) -> dict[frozenset, float]:
    """The law of the set of K draws without replacement: the sum over the orders in which they may come."""
    law: dict[frozenset, float] = {}
    for order in itertools.permutations(texts, k):
        chance, left = 1.0, 1.0
        for text in order:
            chance *= texts[text] / left
            left -= texts[text]
        law[frozenset(order)] = law.get(frozenset(order), 0.0) + chance
    return law


def test_stochastic_beam_search_includes_each_text_with_its_probability() -> None:
    """The first text, the set of two, and for each text whether it is among three."""
    texts = every_text()
    pairs, triples = sets_of(texts, 2), sets_of(texts, 3)
    firsts: Counter = Counter()
    found: dict[int, Counter] = {2: Counter(), 3: Counter()}
    draws = 2500
    for k, seed in itertools.product((2, 3), range(draws)):
        *_, last = search(HashedModel(MODEL), StochasticBeamSearch(k, seed), PROMPT, NEW)
        hypotheses = sorted(last.finished, key=lambda h: -h.perturbed)
        firsts[hypotheses[0].token_ids] += k == 2
        found[k][frozenset(h.token_ids for h in hypotheses)] += 1
    evenly = {text: 0.8 * p + 0.2 / len(texts) for text, p in texts.items()}
    assert_law(firsts, texts, evenly)
    replaced = {frozenset((a, b)): 2 * texts[a] * texts[b] for a, b in itertools.combinations(texts, 2)}
    total = sum(replaced.values())
    assert_law(found[2], pairs, {pair: p / total for pair, p in replaced.items()})  # wrong: as if with replacement
    included = Counter(text for texts_found in found[3].elements() for text in texts_found)
    inclusion = {text: sum(p for one, p in triples.items() if text in one) for text in texts}
    assert math.fsum(inclusion.values()) == pytest.approx(3)
    with_replacement = {text: 1 - (1 - p) ** 3 for text, p in texts.items()}

    def least(law: Mapping[tuple[int, ...], float]) -> float:
        """The smallest p-value of the texts that are often enough among three, times how many they are (Bonferroni)."""
        often = [t for t in texts if POOLED < draws * law[t] < draws - POOLED]
        assert len(often) > 20
        values = [
            p_value({True: included[t], False: draws - included[t]}, {True: law[t], False: 1 - law[t]}) for t in often
        ]
        return min(1.0, len(values) * min(values))

    assert least(inclusion) > LEAST
    assert least(with_replacement) < LEAST


# ---- the chain of llama.cpp, written again in numpy


def llama_cpp_chain(
    logits: np.ndarray, context: Sequence[int], values: Mapping[str, float], coin: float
) -> np.ndarray:  # fmt: skip
    """The final probabilities (V,): penalties, top-nσ, top-k, typical, top-p, min-p, XTC and temperature, one after the
    other over a list of candidates, in double precision and sorted as llama.cpp sorts them."""
    z = logits.astype(np.float64).copy()
    for token, count in Counter(context).items():
        z[token] = z[token] * values["repetition_penalty"] if z[token] <= 0 else z[token] / values["repetition_penalty"]
        z[token] -= count * values["frequency_penalty"] + values["presence_penalty"]
    candidates = sorted(range(len(z)), key=lambda i: -z[i])
    spread = math.sqrt(np.mean((z - z.mean()) ** 2))
    candidates = [i for i in candidates if z[i] >= z[candidates[0]] - values["top_n_sigma"] * spread]
    candidates = candidates[: int(values["top_k"])]

    def normalised() -> dict[int, float]:
        return dict(zip(candidates, softmax(z[candidates]), strict=True))

    p = normalised()
    entropy = -sum(x * math.log(x) for x in p.values())
    total, typical = 0.0, []
    for i in sorted(candidates, key=lambda i: abs(-math.log(p[i]) - entropy)):
        typical.append(i)
        total += p[i]
        if total > values["typical_p"]:
            break
    candidates = sorted(typical, key=lambda i: -z[i])
    p, total, nucleus = normalised(), 0.0, []
    for i in candidates:
        nucleus.append(i)
        total += p[i]
        if total >= values["top_p"]:
            break
    candidates = nucleus
    p = normalised()
    candidates = [i for i in candidates if p[i] >= values["min_p"] * p[candidates[0]]]
    p = normalised()
    above = [i for i in candidates if p[i] >= values["xtc_threshold"]]
    if coin < values["xtc_probability"] and len(above) > 1:
        candidates = candidates[len(above) - 1 :]
    final = np.zeros(len(z))
    final[candidates] = softmax(z[candidates], values["temperature"])
    return final


def test_the_chain_in_llama_cpps_order_draws_what_a_second_implementation_of_it_has() -> None:
    """The kept sets exactly; the draws in law, over both sides of XTC's coin. In transformers' order they fail."""
    values = {
        "repetition_penalty": 1.2, "frequency_penalty": 0.2, "presence_penalty": 0.3, "top_n_sigma": 2.2, "top_k": 14,
        "typical_p": 0.95, "top_p": 0.93, "min_p": 0.03, "xtc_probability": 0.4, "xtc_threshold": 0.12,
        "temperature": 1.7,
    }  # fmt: skip
    context, size = (3, 1, 4, 1, 5, 9, 2, 6), 40
    chains = {order: catalog.processors(values, True, order) for order in (LLAMA_CPP_ORDER, TRANSFORMERS_ORDER)}
    assert [p.name for p in chains[LLAMA_CPP_ORDER]] == [
        "repetition_penalty", "frequency_penalty", "presence_penalty", "top_n_sigma", "top_k", "typical_p", "top_p",
        "min_p", "xtc_probability", "temperature",
    ]  # fmt: skip
    for row in range(2):
        logits = torch.randn(size, generator=torch.Generator().manual_seed(row)) * 1.8
        observed: dict[tuple[str, ...], Counter] = {order: Counter() for order in chains}
        law: Law = {}
        for fires, share in ((True, values["xtc_probability"]), (False, 1 - values["xtc_probability"])):
            for token, p in enumerate(llama_cpp_chain(logits.numpy(), context, values, 0.0 if fires else 1.0)):
                if p:
                    law[fires, token] = share * float(p)
        for seed in range(1500):
            for order, chain in chains.items():
                fires, final = finished(chain, context, logits, seed)
                if order == LLAMA_CPP_ORDER:
                    kept = {i for fired, i in law if fired == fires}
                    assert set(final.isfinite().nonzero().flatten().tolist()) == kept
                token_id = Multinomial(seed)(final, dice(seed, 5, size)).token_id
                observed[order][fires, token_id] += 1
        assert p_value(observed[LLAMA_CPP_ORDER], law) > LEAST
        assert p_value(observed[TRANSFORMERS_ORDER], law) < LEAST


def finished(chain: Sequence, context: tuple[int, ...], logits: Tensor, seed: int) -> tuple[bool, Tensor]:
    """Whether XTC's coin fell on its side, and the logits (V,) after the chain, at the sixth step of a run."""
    situation = Situation(prompt_length=len(context) - 5, seed=seed)
    stages = pipeline.run(chain, torch.tensor([context]), logits[None], situation)
    xtc = next(stage.processor for stage in stages if isinstance(stage.processor, XTC))
    assert isinstance(xtc, XTC)
    return xtc.coin_of(5) < xtc.value, pipeline.processed_logits(stages, logits[None])[0]
