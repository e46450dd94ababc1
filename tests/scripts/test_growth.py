"""A leak is told from counts that come and go: small ones are found, noise is not one."""

import random
from statistics import StatisticsError

import pytest
from growth import growth


def counts(leak: float, seed: int) -> list[float]:
    """Ten counts of a page: what is made once comes with the second, a hundred nodes come and go."""
    noise = random.Random(seed)
    return [6000 + (600 if i else 0) + leak * i + noise.uniform(-75, 75) for i in range(10)]


@pytest.mark.parametrize("seed", range(40))
def test_what_comes_and_goes_is_no_growth_and_what_stays_is(seed: int) -> None:
    assert abs(growth(counts(0, seed))) <= 40
    assert growth(counts(100, seed)) > 40


def test_the_growth_of_steady_counts_is_exact() -> None:
    assert growth([0, 900, 900, 10, 13, 16, 19]) == 3


def test_too_few_counts_tell_nothing() -> None:
    with pytest.raises(StatisticsError):
        growth([1, 2, 3, 4])
