"""Stochastic beam search draws sequences without replacement, each by its probability."""

import itertools
import math
from collections import Counter

import pytest
import torch

from playground.decoding.processors import NoRepeatNGram, Temperature, TopK
from playground.decoding.selection import NothingLeftError
from playground.decoding.stochastic_beam_search import StochasticBeamSearch, gumbel_with_maximum
from playground.decoding.trace import GenerationRequest
from playground.engine import search
from tests.parity.hashed_model import Hashed, HashedModel

PROMPT = (2, 3)
NEW = 3
MODEL = Hashed(seed=5, vocab_size=4, eos_ids=(1,), spread=2)


def every_sequence(hashed: Hashed = MODEL) -> dict[tuple[int, ...], float]:
    """All texts and their probabilities, by enumeration."""
    found: dict[tuple[int, ...], float] = {}
    waiting = [((), 1.0)]
    while waiting:
        ids, probability = waiting.pop()
        if len(ids) == NEW or (ids and ids[-1] in hashed.eos_ids):
            found[ids] = probability
            continue
        distribution = torch.softmax(hashed.logits((*PROMPT, *ids)).double(), -1).tolist()
        waiting += [((*ids, token), probability * p) for token, p in enumerate(distribution)]
    return found


def drawn(k: int, seed: int, hashed: Hashed = MODEL, **settings: object) -> list:
    *_, last = search(HashedModel(hashed), StochasticBeamSearch(k, seed, **settings), PROMPT, NEW)
    return list(last.finished)


def test_as_many_beams_as_there_are_sequences_return_each_once_and_their_probabilities_add_up_to_one():
    sequences = every_sequence()
    for k in (len(sequences), len(sequences) + 7):
        found = drawn(k, seed=k)
        assert len(found) == len(sequences)
        assert {h.token_ids for h in found} == set(sequences)
        assert math.fsum(math.exp(h.cum_logprob) for h in found) == pytest.approx(1, abs=1e-12)
        for hypothesis in found:
            assert math.exp(hypothesis.cum_logprob) == pytest.approx(sequences[hypothesis.token_ids], rel=1e-9)
            assert hypothesis.ended_by == ("eos" if hypothesis.token_ids[-1] == 1 else "length")


def chi_square(observed: Counter, expected: dict[tuple[int, ...], float], draws: int) -> float:
    return sum((observed[s] - draws * p) ** 2 / (draws * p) for s, p in expected.items())


def test_one_beam_is_sampling():
    sequences = every_sequence()
    draws = 4000
    observed = Counter(drawn(1, seed)[0].token_ids for seed in range(draws))
    degrees = len(sequences) - 1
    assert min(sequences.values()) * draws > 5
    # the 0.999 quantile of χ², by Wilson and Hilferty; the seeds are fixed, so this holds or does not
    limit = degrees * (1 - 2 / (9 * degrees) + 3.09 * math.sqrt(2 / (9 * degrees))) ** 3
    assert chi_square(observed, sequences, draws) < limit


def test_the_second_of_two_is_drawn_from_what_the_first_left():
    sequences = every_sequence()
    draws = 3000
    firsts, pairs = Counter(), Counter()
    for seed in range(draws):
        first, second = drawn(2, seed)
        firsts[first.token_ids] += 1
        pairs[second.token_ids] += 1
    seconds = {s: sum(p * sequences[s] / (1 - p) for other, p in sequences.items() if other != s) for s in sequences}
    degrees = len(sequences) - 1
    limit = degrees * (1 - 2 / (9 * degrees) + 3.09 * math.sqrt(2 / (9 * degrees))) ** 3
    assert chi_square(firsts, sequences, draws) < limit
    assert chi_square(pairs, seconds, draws) < limit


def test_the_largest_child_has_the_perturbed_sum_of_its_parent():
    steps = list(search(HashedModel(MODEL), StochasticBeamSearch(8, seed=3), PROMPT, NEW))
    compared = 0
    for before, step in itertools.pairwise(steps):
        for parent, beam in enumerate(before.beams):
            children = [c.perturbed for c in step.candidates if c.parent == parent]
            if children:
                compared += 1
                assert max(children) == pytest.approx(beam.perturbed, abs=1e-12)
    assert compared > 5
    for step in steps:
        ranked = [c.perturbed for c in step.candidates]
        assert ranked == sorted(ranked, reverse=True)
        assert len(step.beams) + len(step.finished) <= 8
        assert all(a.perturbed >= b.perturbed for a, b in itertools.pairwise(step.finished))
    best = [max(h.perturbed for h in (*step.beams, *step.finished)) for step in steps]
    assert best == pytest.approx([best[0]] * len(best), abs=1e-12)  # the draw of the first is settled at the root


def test_more_beams_keep_what_fewer_find():
    """The perturbed sums of one seed's first step are the same whatever the number of beams."""
    few, many = (next(search(HashedModel(MODEL), StochasticBeamSearch(k, 11), PROMPT, NEW)) for k in (1, 3))
    assert few.candidates[0].token_id == many.candidates[0].token_id
    assert few.candidates[0].perturbed == many.candidates[0].perturbed


def test_gumbels_with_a_maximum_have_it_and_keep_what_was_removed():
    logprobs = torch.log_softmax(torch.randn(50, 30, generator=torch.Generator().manual_seed(1)), -1)
    logprobs[:, 3] = -math.inf
    maximum = torch.linspace(-60, 60, 50, dtype=torch.float64)
    perturbed = gumbel_with_maximum(logprobs, maximum, torch.Generator().manual_seed(2))
    assert torch.allclose(perturbed.amax(-1), maximum, atol=1e-9)
    assert bool(perturbed[:, 3].isneginf().all()) and not bool(perturbed.isnan().any())
    assert int(perturbed.isfinite().sum()) == 50 * 29


def test_the_seed_decides_and_the_processors_are_those_of_sampling():
    def ids(seed: int, **settings: object) -> list[tuple[int, ...]]:
        return [h.token_ids for h in drawn(3, seed, **settings)]

    assert ids(1) == ids(1)
    assert any(ids(seed) != ids(1) for seed in range(2, 6))
    (only,) = drawn(4, 1, processors=(TopK(1),))  # one sequence is left, with all of the probability
    assert only.cum_logprob == pytest.approx(0, abs=1e-12)
    assert [math.exp(lp) < 1 for lp in only.raw_logprobs] == [True] * len(only.raw_logprobs)
    for hypothesis in drawn(30, 1, processors=(Temperature(0.5),)):
        by_hand = 0.0
        for place, token in enumerate(hypothesis.token_ids):
            logits = MODEL.logits((*PROMPT, *hypothesis.token_ids[:place])).double()
            by_hand += float(torch.log_softmax(logits / 0.5, -1)[token])
        assert hypothesis.cum_logprob == pytest.approx(by_hand, abs=1e-6)
    assert all(len(h.token_ids) >= 2 for h in drawn(30, 1, min_new_tokens=2))


def test_nothing_left_is_said():
    with pytest.raises(NothingLeftError):
        # every token of a vocabulary of four occurs already
        strategy = StochasticBeamSearch(2, 0, (NoRepeatNGram(1),))
        *_, _ = strategy.decode(HashedModel(MODEL), GenerationRequest((0, 1, 2, 3), strategy, NEW))


def test_the_dice_are_private():
    state = torch.random.get_rng_state()
    drawn(3, 1)
    assert torch.equal(state, torch.random.get_rng_state())
