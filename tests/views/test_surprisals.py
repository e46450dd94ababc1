"""Surprisals of a lane against logarithms by hand."""

import math
from typing import Any

import pytest

from playground import engine
from playground.decoding.beam_search import BeamSearch
from playground.decoding.processors import Temperature
from playground.decoding.sampling import Sampling
from playground.decoding.trace import GenerationRequest, Strategy
from playground.engines.table import from_table
from playground.views.surprisals import Surprisals, surprisals

TABLE = {  # the most probable token leads to a text of 0.6 · 0.5 = 0.3, the other one to one of 0.4 · 0.9 = 0.36
    "the": {" fox": 0.6, " wolf": 0.4},
    " fox": {" ran": 0.5, " sat": 0.3, "the": 0.2},
    " wolf": {" ran": 0.9, " sat": 0.1},
}


def found(strategy: Strategy[Any]) -> Surprisals:
    """Of two tokens after `the`."""
    table = from_table(TABLE)
    request = GenerationRequest(table.tokenizer.encode("the"), strategy, 2)
    *_, comparison = engine.compare(table.model, [request])
    (lane,) = comparison.lanes
    return surprisals(lane, table.vocabulary)


def test_each_token_costs_the_logarithm_of_its_share() -> None:
    of = found(Sampling())
    assert of.labels == ("␣fox", "␣ran")
    assert of.nats == pytest.approx((-math.log(0.6), -math.log(0.5)))
    assert of.mean == pytest.approx(-math.log(0.3) / 2)
    assert math.exp(of.mean) == pytest.approx(1 / math.sqrt(0.3))  # the perplexity


def test_it_is_the_raw_model_s_whatever_the_settings_made_of_it() -> None:
    of = found(Sampling((Temperature(0.1),)))
    assert of.nats == pytest.approx((-math.log(0.6), -math.log(0.5)))


def test_of_beams_it_is_that_of_the_best_sequence() -> None:
    of = found(BeamSearch(2))
    assert of.labels == ("␣wolf", "␣ran")
    assert of.nats == pytest.approx((-math.log(0.4), -math.log(0.9)))
    assert sum(of.nats) == pytest.approx(-math.log(0.36))


def test_a_token_stands_at_its_number_or_where_its_characters_begin() -> None:
    assert Surprisals(("a", "b", "c"), (0.1, 0.2, 0.6)).places == (1, 2, 3)
    assert Surprisals(("a", "b", "c"), (0.1, 0.2, 0.6), (1, 4, 9)).places == (1, 4, 9)
    assert Surprisals(("a", "b", "c"), (0.1, 0.2, 0.6), (1, 4, 9)).mean == pytest.approx(0.3)
