"""An exported run holds what the model said: ids, log-probabilities and candidates against one plain forward pass."""

import csv
import io
import json
import math

import pytest
import torch

from playground import catalog, engine
from playground.decoding.beam_search import BeamSearch
from playground.decoding.beam_trace import BeamTrace
from playground.decoding.trace import GenerationRequest, Trace
from playground.engines.huggingface.backend import Backend
from playground.runs import export

PROMPT = "The wolf said"


@pytest.fixture(scope="module")
def trace(storyteller: Backend) -> Trace:
    strategy = catalog.sampling({"temperature": 0.7, "top_p": 0.8}, True, 3)
    *_, made = engine.generate(
        storyteller.model, GenerationRequest(storyteller.tokenizer.encode(PROMPT), strategy, 6)
    )  # fmt: skip
    return made


def test_json_says_what_a_plain_forward_pass_says(storyteller: Backend, trace: Trace) -> None:
    found = json.loads(export.run_json(trace, storyteller.vocabulary, "storyteller", "prompt=a"))
    ids = [*trace.request.prompt_ids, *trace.token_ids]
    with torch.inference_mode():
        rows = storyteller.model.module(torch.tensor([ids])).logits[0].double().log_softmax(-1)
    start = len(trace.request.prompt_ids)
    assert (found["format"], found["version"], found["link"]) == (export.RUN, 1, "prompt=a")
    assert found["prompt"] == {"text": PROMPT, "ids": ids[:start]}
    assert found["output"]["ids"] == ids[start:]
    assert found["prompt"]["text"] + found["output"]["text"] == export.run_text(trace, storyteller.vocabulary)
    assert found["output"]["logprob"] == pytest.approx(sum(s["logprob"] for s in found["steps"]))
    assert set(found["made_with"]) == {"decoding-playground", "python", "torch", "transformers"}
    for step, token_id, row in zip(found["steps"], ids[start:], rows[start - 1 : -1], strict=True):
        assert step["id"] == token_id
        assert step["logprob"] == pytest.approx(float(row[token_id]), abs=1e-4)
        assert step["rank"] == int((row > row[token_id]).sum()) + 1
        best = row.topk(export.CANDIDATES)
        assert [one["id"] for one in step["candidates"]][: export.CANDIDATES] == best.indices.tolist()
        assert any(one["id"] == token_id for one in step["candidates"])
        kept = [one for one in step["candidates"] if one["removed_by"] is None]
        assert math.fsum(one["final_probability"] for one in kept) <= 1 + 1e-6
        assert all(one["final_probability"] == 0 for one in step["candidates"] if one["removed_by"])


def test_csv_is_a_line_a_step(storyteller: Backend, trace: Trace) -> None:
    rows = list(csv.DictReader(io.StringIO(export.run_csv(trace, storyteller.vocabulary))))
    assert [int(row["id"]) for row in rows] == list(trace.token_ids)
    assert list(rows[0]) == list(export.COLUMNS)
    assert "".join(row["text"] for row in rows) == storyteller.vocabulary.text(trace.token_ids)


def test_a_search_is_written_with_every_candidate(storyteller: Backend) -> None:
    ids = tuple(storyteller.tokenizer.encode(PROMPT))
    strategy = BeamSearch(num_beams=3)
    steps = tuple(engine.search(storyteller.model, strategy, ids, 5))
    made = BeamTrace(ids, strategy, 5, steps)
    found = json.loads(export.search_json(made, storyteller.vocabulary, "storyteller", ""))
    assert found["format"] == export.SEARCH
    assert made.best is not None and found["output"]["ids"] == list(made.best.token_ids)
    assert [len(step["candidates"]) for step in found["steps"]] == [len(step.candidates) for step in made.steps]
    taken = {str(one["token_id"]) for step in found["steps"] for one in step["candidates"]}
    assert taken == set(found["tokens"])
