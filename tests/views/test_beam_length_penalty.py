"""Another length penalty: where the replay says it is exact, a real search with that α returns just that."""

import itertools

import pytest

from playground.decoding.beam_search import BeamSearch
from playground.decoding.diverse_beam_search import DiverseBeamSearch
from playground.decoding.selection import Multinomial
from playground.views.beam_length_penalty import flips, grid, ranking, rankings
from tests.views.beam_searches import random_rows, searched

ALPHAS = (-2.0, -1.0, 0.0, 0.5, 1.0, 1.7, 2.5, 4.0)


@pytest.mark.parametrize("early", [True, False, "never"])
@pytest.mark.parametrize("k", [1, 2, 4])
def test_an_exact_ranking_is_what_a_search_with_that_penalty_returns(early, k, table_model):
    exact = inexact = 0
    for seed, own in itertools.product(range(6), (0.0, 1.0, -1.0)):
        model = table_model(random_rows(seed), eos_ids=(5, 6))
        recorded = searched(model, BeamSearch(k, own, early), 9)
        for alpha, found in zip(ALPHAS, rankings(recorded, ALPHAS), strict=True):
            live = searched(model, BeamSearch(k, alpha, early), 9)
            if found.is_exact:
                exact += 1
                assert found.stops_after == len(live.steps) <= len(recorded.steps)
                assert [f.token_ids for f in found.order] == [h.token_ids for h in live.steps[-1].finished]
                scores = [h.score for h in live.steps[-1].finished]
                assert [f.score(alpha) for f in found.order] == pytest.approx(scores, rel=1e-5)
            else:
                inexact += 1
                assert len(live.steps) > len(recorded.steps)
    assert exact > 50
    assert inexact or early is True or k == 1


def test_with_its_own_penalty_it_is_the_search_itself(table_model):
    for seed in range(5):
        trace = searched(table_model(random_rows(seed), eos_ids=(6,)), BeamSearch(3, 0.7), 8)
        found = ranking(trace, 0.7)
        assert found.stops_after == len(trace.steps)
        assert [f.token_ids for f in found.order] == [h.token_ids for h in trace.steps[-1].finished]


def test_beam_sampling_draws_the_same_whatever_the_penalty(table_model):
    model = table_model(random_rows(1), eos_ids=(5, 6))
    recorded = searched(model, BeamSearch(3, 1.0, "never", selection=Multinomial(7)), 8)
    for alpha in ALPHAS:
        found, live = (
            ranking(recorded, alpha),
            searched(model, BeamSearch(3, alpha, "never", selection=Multinomial(7)), 8),
        )
        if found.is_exact:
            assert {f.token_ids for f in found.order} == {h.token_ids for h in live.steps[-1].finished}


def test_the_winner_flips_where_two_scores_cross(table_model):
    """Two sequences: 'end' at once with p = 0.3, or three tokens with 0.7 · 0.8 · 0.9; the long one wins from
    ln(ln 0.3 / ln 0.504) / ln(1 / 3) on, and a plain sum too: there is a flip only where the signs allow it."""
    rows = [[0.0, 0.7, 0.0, 0.3], [0.0, 0.0, 0.8, 0.2], [0.0, 0.0, 0.1, 0.9], [0.25, 0.25, 0.25, 0.25]]
    trace = searched(table_model(rows, eos_ids=(3,)), BeamSearch(4, 0.0, "never"), 3)
    over = rankings(trace, grid())
    found = flips(trace, over)
    winners = [r.order[0].token_ids for r in over]
    assert len(found) == sum(one != other for one, other in itertools.pairwise(winners))
    for flip in found:
        assert flip.before.score(flip.alpha) == pytest.approx(flip.after.score(flip.alpha), abs=2e-3)
        assert ranking(trace, flip.alpha - 0.01).order[0] == flip.before
        assert ranking(trace, flip.alpha + 0.01).order[0] == flip.after


def test_of_a_strategy_that_cannot_be_replayed_only_its_own_penalty_is_exact(table_model):
    trace = searched(table_model(random_rows(3), eos_ids=(6,)), DiverseBeamSearch(4, 2, 0.3, 1.0), 6)
    own, other = rankings(trace, (1.0, 3.0))
    assert own.is_exact and not other.is_exact
    assert [f.token_ids for f in own.order] == [h.token_ids for h in trace.steps[-1].finished]
    scores = [f.score(3.0) for f in other.order]
    assert scores == sorted(scores, reverse=True)
