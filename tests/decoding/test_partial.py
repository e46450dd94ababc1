"""Partial rows: what is told is exact, and every whole row that fits lies between the two ends."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from playground.decoding.partial import OnlyTold, Told
from playground.decoding.processors import Temperature, TopP
from playground.decoding.rows import Row
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Multinomial
from playground.decoding.trace import GenerationRequest
from playground.engines.table import TableModel

CONTEXT = torch.tensor([[0]])
LOGITS = torch.tensor([0.4, 0.3, 0.15, 0.1, 0.05]).log()


def test_the_ends_by_hand() -> None:
    told = Told.of(LOGITS, 2)
    assert told.ids == (0, 1)
    assert (told.rest, told.most) == (pytest.approx(0.3, abs=1e-6), pytest.approx(0.3, abs=1e-6))
    assert told.flat.exp().tolist() == pytest.approx([0.4, 0.3, 0.1, 0.1, 0.1], abs=1e-6)
    assert told.steep.exp().tolist() == pytest.approx([0.4, 0.3, 0.3, 0, 0], abs=1e-6)


@given(st.lists(st.floats(-6, 6), min_size=6, max_size=30), st.integers(1, 5), st.sampled_from((0.3, 0.8, 1.0, 1.7)))
def test_the_sum_after_a_temperature_lies_between_the_ends(logits: list[float], count: int, temperature: float) -> None:
    row = torch.tensor(logits, dtype=torch.float64)
    told = Told.of(row.float(), count)
    whole, *ends = (
        torch.exp(torch.log_softmax(one.double(), -1) / temperature).sum() for one in (row, told.flat, told.steep)
    )
    assert min(ends) - 1e-4 <= whole <= max(ends) + 1e-4


def test_all_that_has_a_chance_may_be_told() -> None:
    told = Told.of(torch.tensor([0.0, -math.inf, 0.0]), 20)
    assert (told.ids, told.rest) == ((0, 2), pytest.approx(0, abs=1e-6))
    assert OnlyTold(told)(CONTEXT, torch.zeros(1, 3)).tolist() == [[0, -math.inf, 0]]


def test_no_untold_token_is_ever_drawn_and_told_ones_keep_their_odds() -> None:
    model = TableModel(LOGITS.repeat(5, 1), told=2)
    taken = [0, 0]
    for seed in range(400):
        (step,) = Sampling(selection=Multinomial(seed)).decode(model, GenerationRequest((0,), Sampling(), 1))
        taken[step.choice.token_id] += 1  # an IndexError for any other
    assert taken[0] / 400 == pytest.approx(4 / 7, abs=0.1)  # more than four standard deviations


def test_a_nucleus_within_what_is_told_is_that_of_the_whole_row() -> None:
    """Though only two of five are told: the mass of the others is known."""
    row = Row.partial(Told.of(LOGITS, 2))
    for p in (0.3, 0.5, 0.69):
        whole, partial = (TopP(p)(CONTEXT, logits[None]) > -math.inf for logits in (LOGITS, row.logits))
        assert partial.equal(whole)
    assert Temperature(1.0).is_neutral
