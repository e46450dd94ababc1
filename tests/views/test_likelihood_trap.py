"""The likelihood trap: thumbs are counted as they came, lanes added up, and the next text widens what was rated."""

import pytest

from playground.views.likelihood_trap import Rated, Votes, lane_ratings, next_to_rate


def test_thumbs_by_hand() -> None:
    votes = Votes().with_one(True).with_one(False).with_one(True)
    assert (votes.up, votes.down, votes.count) == (2, 1, 3) and votes.share == pytest.approx(2 / 3)


def test_lanes_add_the_thumbs_of_their_texts_and_average_their_log_probabilities() -> None:
    rated = [Rated(7, 0, -1.0, Votes(3, 0)), Rated(2, 4, -5.0, Votes(0, 1)), Rated(7, 9, -2.0, Votes(0, 1))]
    first, second = lane_ratings(rated)
    assert (first.key, first.texts, first.mean_logprob, first.votes) == (7, 2, -1.5, Votes(3, 1))
    assert (second.key, second.texts, second.mean_logprob, second.votes.share) == (2, 1, -5.0, 0.0)
    assert lane_ratings([]) == ()


def test_the_next_text_is_the_one_farthest_from_all_that_were_rated() -> None:
    texts = [(1, 0, -1.0), (1, 1, -2.0), (2, 0, -4.0), (2, 1, -9.0), (2, 2, -5.0)]
    assert next_to_rate(texts, []) == (2, 0)  # the middle one
    assert next_to_rate(texts, [-4.0]) == (2, 1)
    assert next_to_rate(texts, [-4.0, -9.0]) == (1, 0)
    assert next_to_rate([], [-4.0]) is None
