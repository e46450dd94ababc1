"""What lies at the ends of the numbers: powers that leave float32, infinite logits under guidance, mirostat's fit."""

import math
import warnings
from collections.abc import Callable
from typing import Any

import gradio as gr
import numpy as np
import pytest
import torch
from transformers.generation import logits_process as oracles

from playground import catalog
from playground.api.endpoints import Endpoints
from playground.decoding import pipeline
from playground.decoding.distribution import Distribution
from playground.decoding.processors import Situation
from playground.decoding.processors_constraints import ExponentialDecay
from playground.decoding.processors_mirostat import Mirostat, tokens_for, zipf_exponent
from playground.decoding.trace import GenerationRequest
from playground.engine import generate
from playground.engines.huggingface.backend import Backend
from playground.engines.huggingface.state import Answer, HuggingFaceState
from playground.engines.loading import ModelSlot
from playground.errors import InfiniteModelOutputError
from playground.i18n import translator

INF = float("inf")


@pytest.mark.parametrize("taken", [1, 5, 19, 20, 40, 154, 155, 400, 4000])
@pytest.mark.parametrize("logit", [-7.0, -0.001, 0.0, 3.0])
def test_a_growing_wish_to_end_never_leaves_the_numbers(taken: int, logit: float) -> None:
    """100 to the power of 20 times a logit is beyond float32, to the power of 155 beyond float64."""
    rows = torch.tensor([[1.0, logit, 0.5, -INF]])
    context = torch.zeros(1, 3 + taken, dtype=torch.long)
    situation = Situation(prompt_length=3, eos_ids=(1, 3))
    chain = catalog.processors(
        {"exponential_decay_length_penalty": 100, "temperature": 0.01, "top_n_sigma": 1, "smoothing_factor": 0.3}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        decayed = ExponentialDecay(100).at(situation)(context, rows)
        stages = pipeline.run(chain, context, rows, situation)
    assert bool(decayed[:, :3].isfinite().all()) and decayed[0, 3] == -INF
    probabilities = torch.softmax(pipeline.processed_logits(stages, rows), -1)
    assert not bool(probabilities.isnan().any())
    if logit and taken >= 5:
        assert int(decayed.argmax()) == 1
    try:
        theirs = oracles.ExponentialDecayLengthPenalty((0, 100.0), [1, 3], 3)(context, rows)
    except OverflowError:
        return
    finite = theirs < 3e36  # above it a temperature of 0.01 would leave float32
    assert torch.equal(decayed[finite], theirs[finite])


def broken(backend: Backend, monkeypatch: pytest.MonkeyPatch, value: float) -> None:
    """Token 7 gets an infinite logit at every step, whatever is read."""
    whole = HuggingFaceState.__init__

    def init(self: Any, *arguments: Any, **named: Any) -> None:
        whole(self, *arguments, **named)
        self.answer = Answer(self.logits.clone(), None)
        self.logits[:, 7] = value

    monkeypatch.setattr(HuggingFaceState, "__init__", init)


@pytest.mark.parametrize("do_sample", [True, False])
@pytest.mark.parametrize(("value", "said"), [(INF, "+∞"), (-INF, "−∞")])
def test_infinite_logits_under_guidance_are_said(
    tiny_of: Callable[[], Backend], monkeypatch: pytest.MonkeyPatch, value: float, said: str, do_sample: bool
) -> None:
    backend = tiny_of()
    broken(backend, monkeypatch, value)
    strategy = catalog.sampling({"guidance_scale": 1.5}, do_sample, 1)
    with pytest.raises(InfiniteModelOutputError, match="guidance") as raised:
        list(generate(backend.model, GenerationRequest((1, 4), strategy, 3)))
    assert said in str(raised.value)
    with pytest.raises(gr.Error, match=r"guidance|infinity"):
        Endpoints(ModelSlot.filled(backend, "a model")).next_token("The dog", guidance_scale=1.5)
    if value < 0:  # without guidance such a token is only one that has been removed
        *_, trace = generate(backend.model, GenerationRequest((1, 4), catalog.sampling({}, do_sample, 1), 3))
        assert len(trace.steps) == 3 and 7 not in trace.token_ids
    else:
        with pytest.raises(gr.Error, match="not numbers"):
            Endpoints(ModelSlot.filled(backend, "a model")).next_token("The dog")


@pytest.fixture
def tiny_of() -> Callable[[], Backend]:
    from tests.fixtures.prepended import build_backend

    return build_backend


def authors(p: list[float]) -> float:
    """The fit of Basu et al.'s code: over the first 100 ratios of neighbours."""
    pairs = [(math.log(p[i] / p[i + 1]), math.log((i + 2) / (i + 1))) for i in range(100)]
    return sum(b * t for b, t in pairs) / sum(t * t for _, t in pairs)


def test_mirostat_1_is_that_of_the_authors_code_and_says_so() -> None:
    logits = torch.randn(1, 2000, generator=torch.Generator().manual_seed(3)) * 2
    row = Distribution.of(logits[0])
    p = sorted((float(x) for x in row.probabilities.astype(np.float64)), reverse=True)
    s = authors(p)
    assert zipf_exponent(row) == pytest.approx(s, rel=1e-9)
    for tau in (2.0, 3.0, 5.0):
        epsilon = s - 1
        k = (epsilon * 2 ** (2 * tau) / (1 - 2000**-epsilon)) ** (1 / s)
        kept = int(Mirostat(1, tau)(torch.zeros(1, 1), logits).isfinite().sum())
        assert kept == tokens_for(2 * tau, s, 2000) == round(k) + 1
        assert 0 <= kept - max(int(k), 1) <= 2  # llama.cpp cuts k off
    help_text = translator()("parameter.mirostat.help")
    assert "100 ratios" in help_text and "llama.cpp keeps 0 to 2 tokens fewer" in help_text
    assert "3,000" not in (Mirostat.__doc__ or "")
