"""On a CUDA device: runs against `generate` on the card, whose rows are drawn from on the processor."""

from typing import Any

import pytest
import torch

from playground import catalog, engine
from playground.decoding.beam_search import BeamSearch
from playground.decoding.rows import Desk
from playground.decoding.trace import GenerationRequest, Trace
from playground.engines.huggingface import transparent
from playground.engines.huggingface.backend import Backend, HuggingFaceModel
from playground.engines.huggingface.inspection import Inspection
from playground.runs.verification.generate import verify
from tests.conftest import ARCHITECTURES

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.parity,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here"),
]
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "cut": {"temperature": 0.8, "top_p": 0.9, "top_k": 20},
    "penalties": {"repetition_penalty": 1.3, "no_repeat_ngram_size": 2},
    "guided": {"guidance_scale": 1.7, "negative_prompt_ids": [9, 8]},
}


def built(kind: str, where: str) -> HuggingFaceModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module: Any = ARCHITECTURES[kind](32, 96, 0.4)
    module.generation_config.eos_token_id = None
    return HuggingFaceModel(module.to(where), kind)


def run(model: HuggingFaceModel, settings: dict[str, Any], is_sampling: bool, desk: Desk) -> Trace:
    strategy = catalog.sampling(settings, is_sampling, 3)
    *_, trace = engine.generate(model, GenerationRequest((5, 6, 7), strategy, 24, desk=desk))
    return trace


@pytest.mark.parametrize("is_sampling", [True, False], ids=["sampling", "greedy"])
@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_a_run_is_that_of_generate_on_the_card(kind: str, settings: str, is_sampling: bool) -> None:
    model = built(kind, "cuda")
    found = verify(run(model, SETTINGS[settings], is_sampling, Desk()), model)
    assert found.passed and found.equal == 24


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_logits_are_near_those_of_the_processor_and_rows_are_made_again(kind: str) -> None:
    here, there = built(kind, "cpu"), built(kind, "cuda")
    ids = (5, 6, 7, 8, 9)
    assert float((here.logits(ids) - there.logits(ids)).abs().max()) < 1e-3
    held, made = (run(there, {}, True, Desk(*most)) for most in ((), (0,)))
    assert all(torch.equal(a.logits, b.logits) for a, b in zip(held.steps, made.steps, strict=True))


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_beams_are_those_of_generate_on_the_card(kind: str) -> None:
    model = built(kind, "cuda")
    *_, last = engine.search(model, BeamSearch(num_beams=4), (5, 6, 7), 12)
    prompt = torch.tensor([[5, 6, 7]])
    theirs = model.module.generate(
        prompt, attention_mask=torch.ones_like(prompt), num_beams=4, max_new_tokens=12, do_sample=False, pad_token_id=0
    )
    assert max(last.finished, key=lambda h: h.score).token_ids == tuple(theirs[0, 3:].tolist())


def test_the_inside_of_a_model_on_the_card_is_read_on_the_processor() -> None:
    model, ids = built("llama", "cuda"), (5, 6, 7, 8)
    inspection = Inspection(Backend(model, None, None, None))  # type: ignore[arg-type]  # only the model is asked
    states, logits = inspection.hidden_states(ids)
    stations = [station.values for station in transparent.forward(inspection.twin, ids, (None, None))]
    masks = inspection.masks_in_use(torch.tensor([ids]), torch.tensor([[0, 1, 1, 1]]))
    found = [inspection.attentions(ids), *states, logits, *inspection.lens(ids), *stations, *masks]
    assert all(tensor.device.type == "cpu" for tensor in found)
    assert float((stations[-2] - logits).abs().max()) < 1e-4
