"""Stages: what each processor leaves of the tokens, of the model's mass, of what came in and of the entropy."""

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from playground.decoding import pipeline
from playground.decoding.processors import MinP, NoRepeatNGram, Processor, Temperature, TopK, TopP, TypicalP
from playground.views.stages import StageRow, stage_rows

INF = float("inf")
P = (0.4, 0.3, 0.2, 0.1)


def nats(weights: Sequence[float]) -> float:
    total = sum(weights)
    return -sum(w / total * math.log(w / total) for w in weights if w)


def rows_of(logits: Tensor, *processors: Processor, context: tuple[int, ...] = (0,)) -> tuple[StageRow, ...]:
    return stage_rows(logits, pipeline.run(processors, torch.tensor([context]), logits[None]))


def logits_of(probabilities: Sequence[float]) -> Tensor:
    return torch.tensor(probabilities, dtype=torch.float32).log()


def test_without_processors_there_is_the_model_alone() -> None:
    (row,) = rows_of(logits_of(P))
    assert (row.name, row.value, row.tokens_kept, row.probability_kept, row.incoming_kept) == (None, None, 4, 1, 1)
    assert row.entropy == pytest.approx(nats(P), rel=1e-5)


def test_temperature_keeps_everything_and_changes_the_entropy() -> None:
    _, row = rows_of(logits_of(P), Temperature(0.5))
    assert (row.name, row.value, row.tokens_kept) == ("temperature", 0.5, 4)
    assert (row.probability_kept, row.incoming_kept) == (pytest.approx(1, abs=1e-6), 1)
    assert row.entropy == pytest.approx(nats([p * p for p in P]), rel=1e-5)


def test_each_stage_starts_from_what_the_one_before_left() -> None:
    # squared: 16 9 4 1 of 30; top-p 0.8 keeps 25/30; of 16 : 9, min-p 0.6 keeps the first alone (9/16 < 0.6)
    rows = rows_of(logits_of(P), Temperature(0.5), TopP(0.8), MinP(0.6))
    assert [row.name for row in rows] == [None, "temperature", "top_p", "min_p"]
    assert [row.value for row in rows] == [None, 0.5, 0.8, 0.6]
    assert [row.tokens_kept for row in rows] == [4, 4, 2, 1]
    assert [row.probability_kept for row in rows] == pytest.approx([1, 1, 0.7, 0.4], abs=1e-6)
    assert [row.incoming_kept for row in rows] == pytest.approx([1, 1, 25 / 30, 16 / 25], abs=1e-6)
    assert [row.entropy for row in rows] == pytest.approx([nats(P), nats([16, 9, 4, 1]), nats([16, 9]), 0], abs=1e-5)


def test_top_k_keeps_ties() -> None:
    _, row = rows_of(logits_of([0.4, 0.2, 0.2, 0.2]), TopK(2))
    assert (row.tokens_kept, row.probability_kept) == (4, pytest.approx(1, abs=1e-6))


def test_typical_p_may_drop_the_most_probable_token() -> None:
    p = (0.4, 0.12, 0.12, 0.12, 0.12, 0.12)
    assert abs(-math.log(0.12) - nats(p)) < abs(-math.log(0.4) - nats(p))  # the five are the typical ones
    _, row = rows_of(logits_of(p), TypicalP(0.5))
    assert row.tokens_kept == 5
    assert (row.probability_kept, row.incoming_kept) == pytest.approx((0.6, 0.6), abs=1e-6)
    assert row.entropy == pytest.approx(math.log(5), rel=1e-5)


def test_tokens_that_the_model_rules_out_are_not_counted() -> None:
    logits = torch.tensor([0.5, 0.5, 0.0, 0.0]).log()
    rows = rows_of(logits, Temperature(2.0))
    assert [row.tokens_kept for row in rows] == [2, 2]
    assert rows[0].entropy == pytest.approx(math.log(2), rel=1e-5)


def test_a_stage_that_removes_nothing_keeps_all_that_came_in() -> None:
    rows = rows_of(logits_of(P), TopK(2), TopK(3), NoRepeatNGram(3), context=(0, 1))
    assert [row.tokens_kept for row in rows] == [4, 2, 2, 2]
    assert [row.incoming_kept for row in rows] == pytest.approx([1, 0.7, 1, 1], abs=1e-6)
    assert rows[2].incoming_kept == rows[3].incoming_kept == 1


def test_no_share_is_ever_above_one() -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        logits = torch.randn(5000, generator=generator) * 4
        for row in rows_of(logits, Temperature(1.3), TopK(4000), TopP(0.999), MinP(1e-6), TypicalP(0.99)):
            assert 0 < row.probability_kept <= 1
            assert 0 < row.incoming_kept <= 1
            assert 0 <= row.entropy <= math.log(5000)
