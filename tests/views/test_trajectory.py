"""Trajectory: surprisal and entropy of every token, from the raw model."""

import math

import pytest
import torch

from playground.decoding.processors import Temperature, TopK
from playground.decoding.rows import Row
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Choice, Multinomial
from playground.decoding.trace import GenerationRequest, Step, Trace
from playground.views.trajectory import trajectory
from playground.vocabulary import Vocabulary

ROWS = ((0.5, 0.25, 0.125, 0.125), (0.25, 0.25, 0.25, 0.25), (1.0, 0.0, 0.0, 0.0))


def run(taken: tuple[int, ...]) -> Trace:
    strategy = Sampling((Temperature(0.3), TopK(2)), Multinomial(1))
    trace = Trace(GenerationRequest((0,), strategy, 3))
    for i, token_id in enumerate(taken):
        choice = Choice(token_id, "multinomial")
        trace = trace.appended(
            Step(i, Row(torch.tensor(ROWS[i]).log()), strategy.processors, strategy.selection, choice)
        )
    return trace


def test_it_speaks_of_the_raw_model_not_of_the_settings(eight: Vocabulary) -> None:
    view = trajectory(run((2, 1, 0)), eight)
    bit = math.log(2)
    assert view.labels == (eight.label(2), eight.label(1), eight.label(0))
    assert view.surprisals == pytest.approx((3 * bit, 2 * bit, 0), abs=1e-6)
    assert view.entropies == pytest.approx((1.75 * bit, 2 * bit, 0), abs=1e-6)


def test_the_mean_surprisal_is_the_logarithm_of_the_perplexity(eight: Vocabulary) -> None:
    view = trajectory(run((2, 1, 0)), eight)
    probability = 0.125 * 0.25 * 1
    assert math.exp(view.mean_surprisal) == pytest.approx(probability ** (-1 / 3), rel=1e-5)
