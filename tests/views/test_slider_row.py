"""The row behind the sliders: all of the distribution is in it; where the page can't redraw by itself there is none.

What the page makes of it is compared with Python in tests/e2e/test_shapes.py.
"""

import math

import pytest
import torch

from playground import catalog
from playground.decoding import pipeline
from playground.views.slider_row import SLIDERS, Sliders, slider_row

VALUES = {"temperature": 0.8, "top_k": 0, "top_p": 0.9, "min_p": 0.0}


def test_all_tokens_are_in_it_and_their_mass() -> None:
    logits = 3 * torch.randn(5000, generator=torch.Generator().manual_seed(4))
    logits[17] = -float("inf")
    row = slider_row(logits, (), Sliders(VALUES, catalog.ORDERS["transformers"]))
    assert row is not None
    assert row.size == 4999 == len(row.single) + sum(count for count, _ in row.groups)
    assert row.highest == float(logits.max())
    assert row.single[0] == 0
    assert list(row.single) == sorted(row.single, reverse=True)
    for temperature in (0.5, 1, 2):
        mass = sum(math.exp(one / temperature) for one in row.single)
        mass += sum(count * math.exp(one / temperature) for count, one in row.groups)
        exact = float(((logits.double() - logits.max()) / temperature).exp().sum())
        assert mass == pytest.approx(exact, rel=2e-3)


def test_another_processor_between_or_behind_them_leaves_the_drawing_to_the_server() -> None:
    logits = 4 * torch.randn(8192, generator=torch.Generator().manual_seed(1))
    for others, usual, community in (
        ({"typical_p": 0.5}, False, False), ({"top_h": 0.5}, False, False), ({"repetition_penalty": 1.5}, True, True),
        ({"smoothing_factor": 0.2}, False, False),
    ):  # fmt: skip
        for order, is_there in zip(catalog.ORDERS.values(), (usual, community), strict=True):
            values = {**VALUES, **others}
            stages = pipeline.run(catalog.processors(values, True, order), torch.tensor([[0]]), logits[None])
            assert (slider_row(logits, stages, Sliders(values, order)) is not None) is is_there, (others, order)


def test_sliders_are_the_four_of_the_catalogue() -> None:
    assert set(SLIDERS) <= set(catalog.ORDERS["transformers"])
