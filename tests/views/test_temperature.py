"""Temperature: the raw logits at the landmarks and at the current T, normalised over the whole vocabulary."""

import math

import numpy as np
import pytest
import torch

from playground.views.temperature import LANDMARKS, temperature_curves
from playground.vocabulary import Vocabulary

ROW = (2.0, 0.0, 1.0, -1.0, 3.0, -2.0, 0.5, -0.5)


def softened(temperature: float) -> np.ndarray:
    weights = np.exp(np.array(ROW) / temperature)
    return weights / weights.sum()


@pytest.mark.parametrize("current", [0.1, 0.8, 1.3, 7.0])
def test_each_curve_is_the_softmax_of_the_logits_over_t(eight: Vocabulary, current: float) -> None:
    view = temperature_curves(torch.tensor(ROW), current, eight, n=3)
    assert [c.temperature for c in view.curves] == sorted([*LANDMARKS, current])
    assert [c.temperature for c in view.curves if c.is_current] == [current]
    for curve in view.curves:
        exact = softened(curve.temperature)
        assert curve.probabilities == pytest.approx(tuple(exact[[4, 0, 2]]), rel=1e-4)
        assert curve.entropy == pytest.approx(-(exact * np.log(exact)).sum(), abs=1e-4)


@pytest.mark.parametrize("current", LANDMARKS)
def test_a_current_temperature_that_is_a_landmark_is_drawn_once(eight: Vocabulary, current: float) -> None:
    view = temperature_curves(torch.tensor(ROW), current, eight)
    assert [(c.temperature, c.is_current) for c in view.curves] == [(t, t == current) for t in LANDMARKS]


def test_the_tokens_on_the_axis_are_the_most_probable_first(eight: Vocabulary) -> None:
    view = temperature_curves(torch.tensor(ROW), 1.0, eight)
    assert view.labels == tuple(eight.label(i) for i in (4, 0, 2, 6, 1, 7, 3, 5))
    assert temperature_curves(torch.tensor(ROW), 1.0, eight, n=2).labels == (eight.label(4), eight.label(0))


def test_hotter_is_flatter(eight: Vocabulary) -> None:
    view = temperature_curves(torch.tensor(ROW), 4.0, eight)
    assert all(a.entropy < b.entropy for a, b in zip(view.curves, view.curves[1:], strict=False))
    assert all(a.probabilities[0] > b.probabilities[0] for a, b in zip(view.curves, view.curves[1:], strict=False))


def test_impossible_tokens_stay_impossible_at_every_temperature(eight: Vocabulary) -> None:
    view = temperature_curves(torch.tensor([0.5, 0.5, 0.0, 0.0]).log(), 100.0, eight)
    assert view.labels == (eight.label(0), eight.label(1))
    for curve in view.curves:
        assert curve.probabilities == pytest.approx((0.5, 0.5), abs=1e-6)
        assert curve.entropy == pytest.approx(math.log(2), rel=1e-5)


def test_the_coldest_temperature_that_is_allowed_gives_numbers(eight: Vocabulary) -> None:
    view = temperature_curves(torch.tensor(ROW) * 30, 0.01, eight)
    coldest = view.curves[0]
    assert (coldest.probabilities[0], coldest.entropy) == (1, 0)
    assert all(math.isfinite(p) for curve in view.curves for p in curve.probabilities)
