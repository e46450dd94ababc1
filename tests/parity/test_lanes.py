"""Lanes of one batch equal their setups alone: in ids, but where last bits decide, and in numbers within a bound.

On a processor a batch sums in another order than one row does. So each lane has the ids of its run alone, or parts from
it where the margin of the choice is below what the scores differ by; both are counted and printed (`pytest -s`).
"""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from playground import catalog, engine
from playground.decoding.beam_search import BeamSearch
from playground.decoding.lanes import Comparison
from playground.decoding.selection import Choice
from playground.decoding.trace import GenerationRequest, Trace
from playground.engines.huggingface.backend import Backend, HuggingFaceModel
from playground.runs.verification.generate import Verification
from playground.runs.verification.lanes import BATCH_TOLERANCE, LaneVerification, Parted, beside, verify_lane

pytestmark = pytest.mark.parity

SETTINGS: list[dict[str, Any]] = [
    {}, {"temperature": 0.7}, {"temperature": 1.6, "min_p": 0.05}, {"top_p": 0.8}, {"top_k": 4}, {"typical_p": 0.7},
    {"repetition_penalty": 1.3}, {"no_repeat_ngram_size": 2}, {"temperature": 0.8, "top_p": 0.9, "top_k": 20},
    {"eta_cutoff": 0.02}, {"top_n_sigma": 1.0}, {"mirostat": 2, "mirostat_tau": 3.0}, {"xtc_probability": 0.5},
    {"dry_multiplier": 0.8}, {"watermark_bias": 2.0}, {"adaptive_target": 0.3}, {"presence_penalty": 0.6},
]  # fmt: skip
NOT_ASKED = Verification("generate", 1, 1, 0, 0.0, None)  # these runs alone have been compared in test_sampling.py
COMPARISONS = 500


def compared(model: HuggingFaceModel, rng: random.Random, prompt: tuple[int, ...], most: int) -> list[LaneVerification]:
    requests = [
        GenerationRequest(
            prompt,
            catalog.sampling(rng.choice(SETTINGS), rng.random() < 0.7, rng.randrange(2**32)),
            rng.randint(2, most),
        )
        for _ in range(rng.randint(2, 6))
    ]
    found = last(model, requests)
    verified = []
    for lane, request in zip(found.lanes, requests, strict=True):
        *_, alone = engine.generate(model, request)
        assert isinstance(lane.trace, Trace)
        verified.append(beside(lane.trace, alone, model, NOT_ASKED))
    return verified


def last(model: HuggingFaceModel, requests: list[GenerationRequest]) -> Comparison:
    *_, found = engine.compare(model, requests)
    return found


def judge(verified: list[LaneVerification], what: str) -> None:
    parted = [one for one in verified if one.parted]
    largest = max(one.largest_difference for one in verified)
    print(f"\n{what}: {len(verified)} lanes, {len(parted)} parted, largest difference {largest:.1e} nats")
    assert largest <= BATCH_TOLERANCE / 10
    for one in verified:
        assert one.passed
        assert one.chosen == one.tokens
        assert one.ids_equal or (one.parted and one.parted.is_within)
    assert len(parted) <= len(verified) / 100


@pytest.mark.parametrize("comparisons", [64, pytest.param(COMPARISONS, marks=pytest.mark.long)])
@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_random_comparisons(tiny: Callable[..., HuggingFaceModel], architecture: str, comparisons: int) -> None:
    model = tiny(architecture, (7, 21))
    rng = random.Random(architecture)
    verified = []
    for _ in range(comparisons // 2):
        prompt = tuple(rng.randrange(32) for _ in range(rng.randint(1, 9)))
        verified += compared(model, rng, prompt, 12)
    assert any(one.tokens < 12 for one in verified)
    judge(verified, architecture)


def test_the_default_model(storyteller: Backend) -> None:
    rng = random.Random(0)
    verified = []
    for text in ("The old king said to his", "Once upon a time", "It was night, and", "The wolf") * 3:
        verified += compared(storyteller.model, rng, storyteller.tokenizer.encode(text), 16)
    judge(verified, "storyteller")


def lanes(storyteller: Backend) -> Comparison:
    ids = storyteller.tokenizer.encode("The old king said to his")
    stop = catalog.sampling({"stop_strings": ["."]}, True, 3, vocabulary=storyteller.vocabulary)
    strategies = [catalog.sampling({"top_p": 0.9}, True, 5), catalog.sampling({}, False, 0), stop, BeamSearch(3)]
    return last(storyteller.model, [GenerationRequest(ids, strategy, 10) for strategy in strategies])


def test_the_badge_of_every_kind_of_lane(storyteller: Backend) -> None:
    for lane in lanes(storyteller).lanes:
        found = verify_lane(lane, storyteller)
        assert found.passed and found.inner.passed
        assert found.tokens == found.equal == found.chosen == len(lane.token_ids)


def test_the_badge_fails_where_a_lane_is_not_its_setup(storyteller: Backend) -> None:
    lane = lanes(storyteller).lanes[0]
    trace = lane.trace
    assert isinstance(trace, Trace)
    other = next(i for i in range(100) if i != trace.token_ids[4])
    swapped = list(trace.steps)
    swapped[4] = replace(swapped[4], choice=Choice(other, "multinomial"))
    found = verify_lane(replace(lane, trace=replace(trace, steps=tuple(swapped))), storyteller)
    assert not found.passed and found.equal == 4 and found.chosen < found.tokens
    assert found.parted and (found.parted.index, found.parted.ours) == (4, other) and not found.parted.is_within

    class Off:
        size, told = trace.steps[2].row.size, None
        logits = trace.steps[2].logits + torch.linspace(0, 0.01, size)

    skewed = list(trace.steps)
    skewed[2] = replace(skewed[2], row=Off())  # type: ignore[arg-type]
    found = verify_lane(replace(lane, trace=replace(trace, steps=tuple(skewed))), storyteller)
    assert not found.passed and found.largest_difference > found.bound

    strategy = catalog.sampling({"top_p": 0.9}, True, 6)  # other dice than the lane threw
    named = replace(trace, request=replace(trace.request, strategy=strategy))
    found = verify_lane(replace(lane, request=named.request, trace=named), storyteller)
    assert not found.passed and found.parted and not found.parted.is_within


def test_a_parting_is_told_by_its_margin(tiny: Callable[..., HuggingFaceModel]) -> None:
    """Two rows between whose tokens last bits decide: the lane read the one, the run alone the other."""
    model = tiny("gpt2")
    request = GenerationRequest((3, 1, 4), catalog.sampling({}, False, 0), 1)
    *_, alone = engine.generate(model, request)
    step = alone.steps[0]
    first, second = torch.topk(step.logits, 2).indices.tolist()
    for gap, passes in ((1e-5, True), (1e-2, False)):
        tied = step.logits.clone()
        tied[second] = tied[first] - gap / 2  # alone: the first, by half the gap
        moved = tied.clone()
        moved[second] += gap  # the lane: the second, by as much

        def row(logits: torch.Tensor) -> Any:
            return type("Held", (), {"told": None, "logits": logits, "size": len(logits)})()

        one = replace(alone, steps=(replace(step, row=row(tied)),))
        other = replace(alone, steps=(replace(step, row=row(moved), choice=Choice(second, "argmax")),))
        found = beside(other, one, model, NOT_ASKED)
        assert isinstance(found.parted, Parted) and found.parted.index == 0
        assert found.parted.margin == pytest.approx(gap / 2, rel=0.1) and found.parted.is_within
        assert not found.ids_equal and found.passed is passes  # so large a difference is none of last bits
