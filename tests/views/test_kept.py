"""What the cuts of a step leave, against a count by hand."""

import math
from collections.abc import Mapping

import pytest
import torch

from playground import engine
from playground.decoding.trace import GenerationRequest
from playground.engines import prompts
from playground.engines.huggingface.backend import Backend
from playground.runs.setup import Setup
from playground.views.kept import kept


@pytest.mark.parametrize("settings", [{}, {"top_k": 7}, {"top_p": 0.6}, {"temperature": 0.01, "top_k": 50}])
def test_tokens_and_mass_are_those_of_a_count_by_hand(storyteller: Backend, settings: Mapping[str, float]) -> None:
    setup = Setup("sample", settings, 1, 3)
    request = GenerationRequest(prompts.prompt("The old king said to his", storyteller), setup.build(storyteller), 3)
    *_, trace = engine.generate(storyteller.model, request)
    for step in trace.steps:
        found = kept(trace, step.index)
        ranked = sorted(torch.log_softmax(step.logits.double(), -1).exp().tolist(), reverse=True)
        if "top_p" in settings:
            count = next(n for n in range(1, len(ranked)) if math.fsum(ranked[:n]) >= settings["top_p"])
        else:  # a low temperature makes probabilities of 0, but removes nothing
            count = int(settings.get("top_k", len(ranked)))
        assert (found.tokens, found.vocab_size) == (count, len(ranked))
        assert found.mass == pytest.approx(math.fsum(ranked[:count]), rel=1e-9)
