"""The watermark of a text against transformers' own detector, run after run."""

import math

import pytest
import torch
from transformers import WatermarkDetector, WatermarkingConfig

from playground import catalog, engine
from playground.decoding.trace import GenerationRequest, Trace
from playground.engines.huggingface.backend import Backend
from playground.views.watermark import step_is_green, watermark


def run(
    storyteller: Backend, length: int = 24, do_sample: bool = True, trace: Trace | None = None, **values: float
) -> Trace:
    ids = storyteller.tokenizer.encode("The old king said to his")
    request = GenerationRequest(ids, catalog.sampling(values, do_sample, 3), length)
    *_, last = engine.generate(storyteller.model, request, trace)
    return last


@pytest.mark.parametrize("ratio", [0.25, 0.5])
@pytest.mark.parametrize("do_sample", [True, False])
def test_score_and_colours_are_those_of_transformers_detector(
    storyteller: Backend, ratio: float, do_sample: bool
) -> None:
    trace = run(storyteller, do_sample=do_sample, watermark_bias=3, watermark_greenlist_ratio=ratio)
    found = watermark(trace)
    assert found is not None
    detector = WatermarkDetector(
        storyteller.model.module.config, "cpu", WatermarkingConfig(greenlist_ratio=ratio, bias=3.0)
    )
    text = torch.tensor([[trace.request.prompt_ids[-1], *trace.token_ids]])
    theirs = detector(text, return_dict=True)
    assert found.z == pytest.approx(float(theirs.z_score[0]), abs=1e-6)
    assert found.p_value == pytest.approx(float(theirs.p_value[0]), rel=1e-4)
    assert found.green == theirs.num_green_tokens[0]
    assert len(found.greens) == theirs.num_tokens_scored[0] == 24
    assert found.expected == ratio
    assert found.z > 2.5
    one_by_one = [detector(text[:, i : i + 2], return_dict=True).num_green_tokens[0] for i in range(24)]
    assert [step_is_green(trace, step) for step in trace.steps] == [bool(green) for green in one_by_one]
    assert len(set(one_by_one)) == 2 or not do_sample


def test_only_tokens_chosen_under_a_watermark_count(storyteller: Backend) -> None:
    plain = run(storyteller, 8)
    assert watermark(plain) is None
    assert {step_is_green(plain, step) for step in plain.steps} == {None}
    mixed = run(storyteller, 20, trace=plain, watermark_bias=4)
    found = watermark(mixed)
    assert found is not None
    assert len(found.greens) == 12
    assert [step_is_green(mixed, s) for s in mixed.steps[8:]] == list(found.greens)
    whole = run(storyteller, 20, watermark_bias=4)
    assert watermark(whole.rewound(0)) is None


def test_two_shares_are_scored_each_by_its_own(storyteller: Backend) -> None:
    first = run(storyteller, 6, watermark_bias=3)
    both = run(storyteller, 16, trace=first, watermark_bias=3, watermark_greenlist_ratio=0.5)
    found = watermark(both)
    assert found is not None
    expected = 6 * 0.25 + 10 * 0.5
    assert found.expected == pytest.approx(expected / 16)
    assert found.z == pytest.approx((found.green - expected) / math.sqrt(6 * 0.1875 + 10 * 0.25))
