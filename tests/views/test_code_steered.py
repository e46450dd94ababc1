"""The scripts of runs that were steered under settings that count from the prompt, or carry something on: each is run,
and prints the text on the page."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from playground import catalog, engine
from playground.decoding.trace import GenerationRequest, Trace
from playground.engines.huggingface.backend import Backend
from playground.runs.verification import generate as verification
from playground.views.code import steered_length, transformers_code

ROOT = Path(__file__).resolve().parents[2]
MODEL = "assets/models/storyteller"
PROMPT = "The old king said to his"
DRIVER = """
import contextlib, io, json, sys
outputs = {}
for name, script in json.load(sys.stdin).items():
    with contextlib.redirect_stdout(io.StringIO()) as output:
        exec(compile(script, name, "exec"), {"__name__": "__main__"})
    outputs[name] = output.getvalue()
print(json.dumps(outputs))
"""
STEERED: Mapping[str, Mapping[str, Any]] = {
    "minimum": {"min_new_tokens": 12, "sequence_bias": [[[0], 12.0]], "do_sample": False},
    "minimum reached": {"min_new_tokens": 3, "sequence_bias": [[[0], 2.0]]},
    "decay": {"exponential_decay_length_penalty": 1.6, "exponential_decay_start": 8},
    "decay begun": {"exponential_decay_length_penalty": 1.02, "exponential_decay_start": 2},
    "guidance": {"guidance_scale": 1.8},
    "negative prompt": {"guidance_scale": 2.0, "negative_prompt_ids": [5, 260, 539]},
    "mirostat": {"mirostat": 2, "mirostat_tau": 2.0, "mirostat_eta": 0.8},
    "mirostat 1": {"mirostat": 1, "mirostat_tau": 3.0, "mirostat_eta": 1.0},
    "mirostat, guided": {"mirostat": 2, "mirostat_tau": 2.0, "guidance_scale": 1.5, "min_new_tokens": 8},
    "xtc": {"xtc_probability": 0.5, "xtc_threshold": 0.05},
    "watermark": {"watermark_bias": 3.0},
    "bad words": {"bad_words_ids": [[260], [539, 760]], "suppress_tokens": [14]},
}


def end(storyteller: Backend, length: int, values: Mapping[str, Any], trace: Trace | None = None) -> Trace:
    settings = {name: value for name, value in values.items() if name != "do_sample"}
    strategy = catalog.sampling(settings, values.get("do_sample", True), 5, vocabulary=storyteller.vocabulary)
    request = GenerationRequest(storyteller.tokenizer.encode(PROMPT), strategy, length)
    *_, last = engine.generate(storyteller.model, request, trace)
    return last


@pytest.fixture(scope="module")
def runs(storyteller: Backend) -> dict[str, Trace]:
    found = {}
    for name, values in STEERED.items():
        begun = end(storyteller, 7, values)
        third = int(begun.steps[4].logits.argsort(descending=True)[2])
        found[name] = end(storyteller, 16, values, begun.branched(4, third, storyteller.model.eos_ids))
    plain = end(storyteller, 10, {})
    text = storyteller.vocabulary.text(plain.token_ids[3:5])
    found["stop string set later"] = end(storyteller, 16, {"stop_strings": [text]}, plain)
    return found


@pytest.fixture(scope="module")
def outputs(runs: dict[str, Trace], storyteller: Backend) -> dict[str, str]:
    model = storyteller.model
    scripts = {name: transformers_code(trace, MODEL, model.eos_ids, model.vocab_size) for name, trace in runs.items()}
    environment = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-c", DRIVER], input=json.dumps(scripts), cwd=ROOT, capture_output=True, text=True,
        env=os.environ | environment, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    printed: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return printed


@pytest.mark.parametrize("name", [*STEERED, "stop string set later"])
def test_the_script_prints_the_text_of_the_run(runs: dict[str, Trace], outputs: dict[str, str], name: str) -> None:
    trace = runs[name]
    tokenizer = AutoTokenizer.from_pretrained(ROOT / MODEL)
    assert outputs[name] == tokenizer.decode([*trace.request.prompt_ids, *trace.token_ids]) + "\n"


def test_what_counts_ended_these_runs(runs: dict[str, Trace]) -> None:
    """So that a script which counts from elsewhere prints another text."""
    assert len(runs["minimum"].steps) == 13 and runs["minimum"].finish_reason == "stop"
    assert len(runs["decay"].steps) < 16 and runs["decay"].finish_reason == "stop"


def test_what_is_given_reaches_to_the_token_by_hand_or_to_the_stop_string(runs: dict[str, Trace]) -> None:
    assert {steered_length(runs[name]) for name in STEERED} == {5}
    assert steered_length(runs["stop string set later"]) == 5


def test_a_text_past_its_stop_string_is_compared_step_by_step(runs: dict[str, Trace], storyteller: Backend) -> None:
    trace = runs["stop string set later"]
    assert len(trace.steps) > 10
    found = verification.verify(trace, storyteller.model, tokenizer=storyteller.tokenizer)
    assert found.method == "teacher-forced"
    assert found.passed
