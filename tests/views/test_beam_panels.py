"""The small views of a search: pool, cost, underflow, diversity and the verdict against greedy, each by hand."""

import math

import pytest
import torch

from playground.decoding.beam_search import BeamSearch
from playground.decoding.diverse_beam_search import DiverseBeamSearch
from playground.decoding.stochastic_beam_search import StochasticBeamSearch
from playground.views.beam_cost import search_cost
from playground.views.beam_pool import pool
from playground.views.beam_sequences import distinct, repeated_pairs, shared_beginning, verdict
from playground.views.beam_tree import BeamTree
from playground.views.beam_underflow import underflow
from playground.vocabulary import Vocabulary
from tests.views.beam_searches import random_rows, searched

WORDS = Vocabulary(tuple(f" w{i}".encode() for i in range(7)))
# After 0 greedy takes 1 (0.5), and after it everything is equally unlikely; 2 (0.4) is followed by 4 for sure.
TRAP = [
    [0.0, 0.5, 0.4, 0.1, 0.0, 0.0],
    [0.0, 0.2, 0.2, 0.2, 0.2, 0.2],
    [0.0, 0.0, 0.0, 0.0, 1.0, 0.0],
    [0.2, 0.2, 0.2, 0.2, 0.2, 0.0],
    [0.2, 0.2, 0.2, 0.2, 0.2, 0.0],
    [0.2, 0.2, 0.2, 0.2, 0.2, 0.0],
]


def test_distinct_n_counts_different_n_grams_over_all():
    assert distinct([[1, 2, 1], [1, 2, 3]], 1) == 3 / 6
    assert distinct([[1, 2, 1], [1, 2, 3]], 2) == 3 / 4
    assert distinct([[1]], 2) is None


def test_the_shared_beginning():
    assert shared_beginning([[1, 2, 3], [1, 2, 4], [1, 2]]) == 2
    assert shared_beginning([[1], [2]]) == 0
    assert shared_beginning([[1, 2]]) == 2
    assert shared_beginning([]) == 0


def test_the_verdict_says_what_was_given_up_and_when_it_paid(table_model):
    model = table_model(TRAP)
    trace = searched(model, BeamSearch(2), 2)
    greedy = searched(model, BeamSearch(1, early_stopping=True), 2).steps[-1].finished[0]
    view = verdict(trace, greedy, BeamTree.of(trace, WORDS))
    assert greedy.token_ids[0] == 1 and view.winner.token_ids == (2, 4)
    assert view.gain == pytest.approx(math.log(0.4) - math.log(0.1), abs=1e-5)
    assert view.score_gain == pytest.approx(view.gain / 2, abs=1e-5)
    assert view.parts_at == 1
    assert view.given_up == pytest.approx(math.log(0.5 / 0.4), abs=1e-5)
    assert view.paid_back_at == 2
    assert not view.is_same
    longer = searched(model, BeamSearch(2), 4)
    alone = searched(model, BeamSearch(1, early_stopping=True), 4).steps[-1].finished[0]
    assert verdict(longer, alone, BeamTree.of(longer, WORDS)).paid_back_at == 2  # and ahead for good from there


def test_one_beam_is_greedy(table_model):
    model = table_model(random_rows(5), eos_ids=(6,))
    trace = searched(model, BeamSearch(1, early_stopping=True), 6)
    view = verdict(trace, trace.steps[-1].finished[0], BeamTree.of(trace, WORDS))
    assert view.is_same and view.gain == 0 and view.pruned_at is None


def test_where_greedy_was_dropped_is_found_in_the_tree(table_model):
    """Two beams, three steps: greedy's 1 is first at step 1 and dropped at step 2, where 2 4 and 3 x are ahead."""
    rows = [list(row) for row in TRAP]
    rows[0] = [0.0, 0.42, 0.4, 0.18, 0.0, 0.0]
    rows[3] = [0.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    model = table_model(rows)
    trace = searched(model, BeamSearch(3), 3)
    greedy = searched(model, BeamSearch(1, early_stopping=True), 3).steps[-1].finished[0]
    tree = BeamTree.of(trace, WORDS)
    view = verdict(trace, greedy, tree)
    step = view.pruned_at
    assert step is not None
    before = [h.token_ids for h in trace.steps[step - 2].beams] if step > 1 else [()]
    after = [h.token_ids for h in trace.steps[step - 1].beams]
    assert greedy.token_ids[: step - 1] in before and greedy.token_ids[:step] not in after
    if view.pruned_rank is not None:
        node = tree.layers[step - 1][view.pruned_rank - 1]
        assert tuple(n.candidate.token_id for n in tree.path((step - 1, node.index))) == greedy.token_ids[:step]


def test_the_pool_says_what_the_step_recorded(table_model):
    trace = searched(table_model(random_rows(3), eos_ids=(5, 6)), BeamSearch(2, 1.0, False), 8)
    arrivals = 0
    for index, step in enumerate(trace.steps):
        view = pool(trace, index)
        arrivals += view.arrived - view.evicted
        assert len(view.finished) == arrivals == view.size - view.room
        assert (view.worst is None) == (view.room > 0)
        if view.worst is not None:
            assert view.worst == pytest.approx(min(h.cum_logprob / len(h.token_ids) for h in view.finished), abs=1e-5)
        if view.best_possible is not None:
            best = max(beam.cum_logprob for beam in trace.running(index))
            assert view.best_possible == pytest.approx(best / (index + 1), abs=1e-5)
        assert view.stop_reason == step.stop_reason
    assert view.worst is not None


@pytest.mark.parametrize("seed", range(4))
def test_the_pool_of_a_group_and_of_perturbed_sums(seed, table_model):
    model = table_model(random_rows(seed), eos_ids=(5, 6))
    for strategy, size in ((DiverseBeamSearch(4, 2, 0.5), 2), (StochasticBeamSearch(4, seed), 4)):
        trace = searched(model, strategy, 8)
        for index in range(len(trace.steps)):
            view = pool(trace, index)
            assert view.size == size >= len(view.finished)
            assert {h.group for h in view.finished} <= {view.group}
            if view.worst is not None and not view.stop_reason:
                assert view.worst == pytest.approx(min(view.values), abs=1e-4)
            assert view.is_perturbed == isinstance(strategy, StochasticBeamSearch)


def test_a_pool_that_nothing_can_enter_any_more_is_why_the_search_stops(table_model):
    stopped = 0
    for seed in range(12):
        trace = searched(table_model(random_rows(seed), eos_ids=(4, 5, 6)), BeamSearch(2), 12)
        view = pool(trace, len(trace.steps) - 1)
        if view.stop_reason == "no_improvement" and view.best_possible is not None:
            stopped += 1
            assert view.worst is not None and view.best_possible <= view.worst
    assert stopped > 3


def test_the_cost_of_three_beams_over_three_tokens(table_model):
    """Step 1 scores the 3 continuations of the prompt; each later step 3 beams × 3 tokens: 3 + 4 · 9 = 39 of 243."""
    rows = [[0.5, 0.3, 0.2], [0.2, 0.5, 0.3], [0.3, 0.2, 0.5]]
    trace = searched(table_model(rows), BeamSearch(3), 5, prompt=(0, 1))
    view = search_cost(trace, 3)
    assert view.exist_digits == len(str(3**5)) == 3
    assert view.exist == 243
    assert (view.scored, view.forwards, view.tokens) == (3 + 4 * 9, 5, 2 + 4 * 3)
    assert view.shown == sum(c.cum_logprob > -1e8 for step in trace.steps for c in step.candidates)
    assert search_cost(trace.until(1), 3).scored == 3


def test_halves_underflow_where_the_formats_end():
    """2⁻²⁴ is the smallest float16, 2⁻¹⁴⁹ the smallest float32; half of it is rounded to 0."""
    half, single = underflow((math.log(0.5),) * 160).products
    assert (half.name, half.zero_at, half.expected_at) == ("float16", 25, None)
    assert (single.name, single.zero_at, single.expected_at) == ("float32", 150, None)
    half, single = underflow((math.log(0.5),) * 20).products
    assert (half.zero_at, half.expected_at) == (None, 25)
    assert (single.zero_at, single.expected_at) == (None, 150)


def test_the_products_are_those_of_torch():
    logprobs = tuple(
        torch.log(torch.rand(60, generator=torch.Generator().manual_seed(1), dtype=torch.float64)).tolist()
    )
    view = underflow(logprobs)
    for product, kind in zip(view.products, (torch.float16, torch.float32), strict=True):
        value, values = torch.ones((), dtype=kind), []
        for logprob in logprobs:
            value = value * torch.tensor(math.exp(logprob), dtype=kind)
            values.append(float(value))
        assert list(product.values) == values
        assert product.zero_at == next((i for i, v in enumerate(values, 1) if v == 0), None)
    assert view.sums[-1] == pytest.approx(sum(logprobs))


def test_certain_tokens_never_underflow():
    assert [p.expected_at for p in underflow((0.0, 0.0)).products] == [None, None]


def test_pairs_that_come_again_are_those_that_the_ban_forbids():
    assert repeated_pairs((7,), (1, 2, 1, 2)) == ((1, 2),)
    assert repeated_pairs((5, 6), (5, 6, 5)) == ((5, 6), (6, 5))  # the prompt's own pairs count
    assert repeated_pairs((5, 5, 5), (1,)) == ()  # what only the prompt repeats does not
    assert repeated_pairs((), (3, 3, 3)) == ((3, 3),)
