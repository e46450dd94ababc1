"""The pool of transformers 4.49, by hand: who gets in, who goes, and when nobody can get in any more."""

from typing import Any

import pytest

from playground.decoding.beam_steps import Hypothesis
from playground.decoding.hypothesis_pool import HypothesisPool


def ended(score: float, token_id: int = 0) -> Hypothesis:
    return Hypothesis((token_id,), (0,), score, score)


def pool(*scores: float, size: int = 2, penalty: float = 1.0, early: Any = False, longest: int = 8) -> HypothesisPool:
    made = HypothesisPool(size, penalty, early, longest)
    for place, score in enumerate(scores):
        made.add(ended(score, place))
    return made


def scores(of: HypothesisPool) -> list[float]:
    return [entry.score for entry in of.entries]


@pytest.mark.parametrize(("penalty", "norm"), [(1.0, 4.0), (2.0, 16.0), (0.5, 2.0), (0.0, 1.0), (-1.0, 0.25)])
def test_a_sum_is_divided_by_the_length_to_the_power_of_the_penalty(penalty: float, norm: float) -> None:
    assert pool(penalty=penalty).norm(4) == norm


def test_while_there_is_room_anybody_gets_in_and_then_whoever_beats_the_worst() -> None:
    assert scores(pool(-2.0, -9.0)) == [-2.0, -9.0]
    assert scores(pool(-2.0, -9.0, -3.0)) == [-2.0, -3.0]
    assert scores(pool(-2.0, -9.0, -3.0, -2.5)) == [-2.0, -2.5]  # the worst to beat is -3 by then, not -9
    assert scores(pool(-2.0, -3.0, -3.5)) == [-2.0, -3.0]
    as_good = pool(-2.0, -3.0, -3.0)  # is not better
    assert [entry.token_ids for entry in as_good.entries] == [(0,), (1,)]
    assert scores(pool(-2.0, -3.0, -3.0, -1.0)) == [-2.0, -1.0]


def test_of_two_that_are_equally_bad_the_one_that_came_first_goes() -> None:
    made = pool(-3.0, -3.0, -1.0)
    assert [entry.token_ids for entry in made.entries] == [(1,), (2,)]
    assert scores(made) == [-3.0, -1.0]
    made.add(ended(-2.0, 3))  # -3 is the worst still
    assert [entry.token_ids for entry in made.entries] == [(2,), (3,)]


def test_a_pool_with_room_is_never_done() -> None:
    for early in (True, False, "never"):
        bound = pool(-1.0, early=early).close_if_done(-1000.0, 2)
        assert bound.is_open
        assert bound.worst_finished is None


def test_the_worst_to_beat_is_the_worst_of_those_that_are_left() -> None:
    for made, worst in ((pool(-2.0, -9.0), -9.0), (pool(-2.0, -9.0, -3.0), -3.0), (pool(-2.0, -9.0, -3.0, -1.0), -2.0)):
        assert made.close_if_done(0.0, 1).worst_finished == worst


def test_a_full_pool_asks_what_the_best_candidate_would_be_worth_at_its_length() -> None:
    open_yet = pool(-1.0, -2.0).close_if_done(-5.0, 4)  # -5 / 4 = -1.25 beats -2
    assert (open_yet.best_possible, open_yet.worst_finished, open_yet.is_open) == (-1.25, -2.0, True)
    assert (open_yet.best_sum, open_yet.length) == (-5.0, 4)
    closed = pool(-1.0, -2.0).close_if_done(-8.0, 4)  # -8 / 4 = -2 doesn't
    assert (closed.best_possible, closed.is_open) == (-2.0, False)
    squared = pool(-1.0, -2.0, penalty=2.0).close_if_done(-24.0, 4)  # -24 / 16 = -1.5 does
    assert (squared.best_possible, squared.is_open) == (-1.5, True)


def test_never_hopes_for_the_longest_text_but_only_where_length_is_rewarded() -> None:
    hoped = pool(-1.0, -2.0, early="never").close_if_done(-12.0, 4)  # -12 / 8 = -1.5 at its longest, -3 now
    assert (hoped.best_possible, hoped.length, hoped.is_open) == (-1.5, 8, True)
    assert not pool(-1.0, -2.0, early=False).close_if_done(-12.0, 4).is_open
    unrewarded = pool(-1.0, -2.0, early="never", penalty=0.0).close_if_done(-12.0, 4)
    assert (unrewarded.best_possible, unrewarded.length, unrewarded.is_open) == (-12.0, 4, False)
    punished = pool(-1.0, -2.0, early="never", penalty=-1.0).close_if_done(-0.25, 4)  # -0.25 * 4
    assert (punished.best_possible, punished.length, punished.is_open) == (-1.0, 4, True)


def test_early_stopping_closes_as_soon_as_the_pool_is_full_and_what_is_closed_stays_so() -> None:
    made = pool(-1.0, -2.0, early=True)
    assert not made.close_if_done(-0.5, 1).is_open
    patient = pool(-1.0, -2.0)
    assert not patient.close_if_done(-8.0, 4).is_open
    assert not patient.close_if_done(-1.0, 4).is_open  # a better one comes too late
    assert patient.is_done


def test_the_bound_says_whose_it_is() -> None:
    assert HypothesisPool(1, 1.0, False, 8, group=3).close_if_done(-1.0, 1).group == 3
