"""Adaptive-p against what llama.cpp's own code makes of the same logits (scripts/record_adaptive_p.py), and in runs."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from playground import catalog
from playground.decoding import pipeline
from playground.decoding.processors import Situation
from playground.decoding.processors_adaptive import AdaptiveP
from playground.decoding.trace import GenerationRequest
from playground.engine import generate
from playground.i18n import translator
from playground.panels.wording import verification_badge
from playground.runs.verification.generate import verify
from tests.fixtures.prepended import build_backend

RECORDED = json.loads((Path(__file__).parent / "fixtures" / "adaptive_p.json").read_text(encoding="utf-8"))
INF = float("inf")


def row(values: list[float | None]) -> torch.Tensor:
    return torch.tensor([[-INF if x is None else x for x in values]])


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: f"{case['target']}, {case['decay']}")
def test_it_is_llama_cpps_step_by_step(case: dict[str, Any]) -> None:
    processor = AdaptiveP(case["target"], case["decay"])
    states: dict[str, float] = {}
    for step in case["steps"]:
        situation = Situation(states=pipeline.states_before([processor], states))
        state = situation.states["adaptive_target"]
        assert state == pytest.approx(step["weighted_sum"], rel=1e-5, abs=1e-6)
        assert step["total_weight"] == pytest.approx(1 / (1 - case["decay"]), rel=1e-4)  # which we take as given
        stages = pipeline.run([processor], torch.tensor([[1]]), row(step["logits"]), situation)
        torch.testing.assert_close(stages[0].logits, row(step["out"]), rtol=1e-5, atol=2e-5)
        states = pipeline.states_after(stages, situation, step["taken"])


def test_the_aim_moves_in_the_recorded_steps() -> None:
    """Else the comparison would say nothing of what is carried on."""
    for case in RECORDED:
        sums = [step["weighted_sum"] for step in case["steps"]]
        assert len(set(sums)) == len(sums)


def test_by_hand() -> None:
    p = torch.tensor([[0.5, 0.3, 0.2, 0.0]])
    out = AdaptiveP(0.3)(torch.tensor([[1]]), p.log())
    assert out[0].tolist() == pytest.approx([5 - 10 * (2 / 3) ** 2 / (5 / 3), 5, 5 - 10 / 9 / (4 / 3), -INF], rel=1e-5)
    assert AdaptiveP(0.3, 0.5).state_after(0.6, p[0].log(), 0) == pytest.approx(0.5 + 0.5 * 0.6)
    moved = AdaptiveP(0.3, 0.5).at(Situation(states={"adaptive_target": 0.8}))
    assert moved.aim == pytest.approx(2 * 0.3 - 0.4)
    assert AdaptiveP(0.9, 0.5).at(Situation(states={"adaptive_target": 0.0})).aim == 1
    for off in (-1, -0.25):
        assert AdaptiveP(off).is_neutral and AdaptiveP(off)(torch.tensor([[1]]), p) is p


@pytest.mark.parametrize(("arguments", "name"), [((1.5,), "adaptive_target"), ((0.5, 1.0), "adaptive_decay")])
def test_what_is_out_of_range_is_named(arguments: tuple[float, ...], name: str) -> None:
    with pytest.raises(ValueError, match=name):
        AdaptiveP(*arguments)


@pytest.mark.parametrize("order", catalog.ORDERS)
def test_a_run_goes_on_where_it_was_left_and_its_badge_names_what_is_not_compared(order: str) -> None:
    backend = build_backend()
    strategy = catalog.sampling({"adaptive_target": 0.2, "min_p": 0.02}, True, 4, catalog.ORDERS[order])
    assert strategy.processors[-1].name == "adaptive_target"
    request = GenerationRequest(backend.tokenizer.encode("The dog"), strategy, 10)
    *_, straight = generate(backend.model, request)
    *_, again = generate(backend.model, request, straight.rewound(4))
    assert again.token_ids == straight.token_ids and again.states == straight.states
    sums = [step.situation.states["adaptive_target"] for step in straight.steps]
    assert sums[0] == pytest.approx(2.0) and len(set(sums)) == len(sums) and all(map(math.isfinite, sums))
    found = verify(straight, backend.model, tokenizer=backend.tokenizer)
    assert found.passed and found.own == ("adaptive_target",)
    said = str(verification_badge(found, backend.vocabulary, translator()))
    assert "adaptive-p inside, which transformers does not have and which is not compared" in said
