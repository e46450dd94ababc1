"""Distribution: its numbers at the edges, and the most probable tokens in the order in which a person counts them."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from playground.decoding.distribution import Distribution

INF = float("inf")


def most_probable(row: torch.Tensor, n: int) -> list[int]:
    return Distribution.of(row).most_probable(n)


def counted_by_hand(row: list[float], n: int) -> list[int]:
    finite = [i for i, value in enumerate(row) if value != -INF]
    return sorted(finite, key=lambda i: (-row[i], i))[:n]


def test_the_largest_come_first_and_of_equals_the_lowest_id() -> None:
    row = torch.tensor([1.0, 3.0, 2.0, 3.0, 1.0, 0.0])
    assert most_probable(row, 6) == [1, 3, 2, 0, 4, 5]


def test_a_tie_at_the_border_is_cut_by_id() -> None:
    row = torch.tensor([1.0, 2.0, 2.0, 2.0, 1.0])
    assert most_probable(row, 2) == [1, 2]
    assert most_probable(row, 4) == [1, 2, 3, 0]


def test_impossible_tokens_are_never_listed() -> None:
    row = torch.tensor([-INF, 1.0, -INF, 0.0])
    assert most_probable(row, 4) == [1, 3]
    assert most_probable(torch.full((4,), -INF), 3) == []


@given(
    st.lists(
        st.one_of(st.integers(-2, 2).map(float), st.floats(-50, 50, width=32), st.just(-INF)), min_size=1, max_size=60
    ),
    st.integers(1, 70),
)
def test_it_equals_a_stable_sort_whatever_the_ties(row: list[float], n: int) -> None:
    assert most_probable(torch.tensor(row), n) == counted_by_hand(row, n)


def test_entropy_is_zero_of_a_certain_token_and_the_logarithm_of_v_when_flat() -> None:
    assert Distribution.of(torch.tensor([0.0, -INF, -INF])).entropy == 0
    assert Distribution.of(torch.full((1000,), 2.5)).entropy == pytest.approx(math.log(1000), abs=1e-5)
