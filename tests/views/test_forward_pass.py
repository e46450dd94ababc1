"""Strips of numbers: what is sent gives the numbers of the token back, blocked ones apart."""

import base64
import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from playground.views.forward_pass import STRIP_COLUMNS, largest_difference, station_row, strip


def codes(found) -> np.ndarray:  # type: ignore[no-untyped-def, type-arg]
    return np.frombuffer(base64.b64decode(found.data), dtype=np.uint8).reshape(found.rows, found.columns)


@pytest.mark.parametrize("shape", [(40,), (4, 10), (2, STRIP_COLUMNS)])
def test_a_strip_gives_its_numbers_back(shape: tuple[int, ...]) -> None:
    values = 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(1))
    found = strip(values)
    back = (codes(found).astype(float) - 128) / 127 * found.largest
    assert np.abs(back - values.reshape(found.rows, -1).numpy()).max() <= found.largest / 127
    assert found.largest == pytest.approx(float(values.abs().max()))
    assert found.norm == pytest.approx(float(values.norm()), rel=1e-6)
    assert found.shared == 1


def test_many_numbers_share_a_column_as_their_mean() -> None:
    values = torch.arange(1000.0)
    found = strip(values)
    assert (found.shared, found.columns) == (4, 250)
    means = values.reshape(250, 4).mean(1)
    expected = (128 + 127 * means / means.max()).round().numpy()
    assert np.abs(codes(found)[0] - expected).max() <= 1
    assert found.largest == 999


def test_a_blocked_number_is_apart_and_counts_for_nothing() -> None:
    found = strip(torch.tensor([[1.0, -math.inf, -2.0], [-math.inf, -math.inf, 0.5]]))
    assert (codes(found) == 0).tolist() == [[False, True, False], [True, True, False]]
    assert found.norm == pytest.approx(math.sqrt(1 + 4 + 0.25))
    assert found.largest == 2


@dataclass
class Place:
    name: str
    block: int | None
    values: torch.Tensor


def test_a_row_has_the_shape_of_the_whole_and_the_strip_of_one_token() -> None:
    places = [Place("a", None, torch.eye(3)), Place("b", 1, torch.arange(24.0).reshape(2, 3, 4))]
    first, second = (station_row(place, 1) for place in places)
    assert (first.shape, second.shape) == ((3, 3), (2, 3, 4))
    assert (first.strip.norm, first.strip.rows) == (1, 1)
    assert second.strip.rows == 2
    assert second.strip.largest == 19  # of [4 … 7] and [16 … 19]
    assert (first.block, second.block) == (None, 1)


def test_the_largest_difference() -> None:
    assert largest_difference(torch.tensor([1.0, 2.0]), torch.tensor([1.5, 0.0])) == 2
