"""A recorded run is the run: the same ids, settings and logits, and the shipped one is what the shipped model does."""

import pytest
import torch

from playground import catalog, engine, settings
from playground.decoding.trace import GenerationRequest
from playground.examples import EXAMPLES
from playground.runs import recording
from playground.runs.verification.generate import verify


def test_what_is_saved_is_read_back_to_the_last_bit(tmp_path, storyteller):
    strategy = catalog.sampling({"temperature": 0.7, "top_k": 30}, True, 11)
    request = GenerationRequest(storyteller.tokenizer.encode("The wolf"), strategy, 6)
    *_, trace = engine.generate(storyteller.model, request)
    recording.save(trace, tmp_path / "run.npz")
    again = recording.load(tmp_path / "run.npz")
    assert again.request == trace.request
    assert again.token_ids == trace.token_ids
    assert again.finish_reason == trace.finish_reason == "length"
    for ours, theirs in zip(again.steps, trace.steps, strict=True):
        assert torch.equal(ours.logits, theirs.logits)
        assert (ours.processors, ours.selection, ours.choice) == (theirs.processors, theirs.selection, theirs.choice)


def test_the_first_run_is_what_the_shipped_model_does_with_the_first_example(storyteller):
    example = EXAMPLES[0]
    recorded = recording.load(settings.FIRST_RUN)
    strategy = catalog.sampling(example.values, example.do_sample, example.seed)
    request = GenerationRequest(storyteller.tokenizer.encode(example.prompt), strategy, example.max_new_tokens)
    *_, live = engine.generate(storyteller.model, request)
    assert recorded.request == request
    assert recorded.token_ids == live.token_ids
    for ours, theirs in zip(recorded.steps, live.steps, strict=True):
        torch.testing.assert_close(ours.logits, theirs.logits, rtol=0, atol=1e-4)


def test_the_first_run_equals_generate(storyteller):
    found = verify(recording.load(settings.FIRST_RUN), storyteller.model)
    assert found.equal == found.tokens == EXAMPLES[0].max_new_tokens
    assert found.largest_difference < 1e-3  # recorded on another processor, perhaps


def test_a_file_that_is_no_recording_is_refused(tmp_path):
    (tmp_path / "no.npz").write_text("nothing")
    with pytest.raises((ValueError, OSError)):
        recording.load(tmp_path / "no.npz")
