"""The code view: the script is run as a person would run it, and prints the very text that is on the page."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from playground import catalog, engine
from playground.decoding.trace import GenerationRequest, Trace
from playground.engines.huggingface.backend import Backend
from playground.views.code import steered_length, transformers_code

ROOT = Path(__file__).resolve().parents[2]
MODEL = "assets/models/storyteller"
PROMPT = "The old king said to his"

# Each script in a namespace of its own, in one process: the import of transformers is what takes the time.
DRIVER = """
import contextlib, io, json, sys
outputs = {}
for name, script in json.load(sys.stdin).items():
    with contextlib.redirect_stdout(io.StringIO()) as output:
        exec(compile(script, name, "exec"), {"__name__": "__main__"})
    outputs[name] = output.getvalue()
print(json.dumps(outputs))
"""

Runs = Mapping[str, Trace]


@pytest.fixture(scope="module")
def runs(storyteller: Backend) -> Runs:
    prompt_ids = storyteller.tokenizer.encode(PROMPT)

    def request(length: int, do_sample: bool = True, seed: int = 5, **values: float) -> GenerationRequest:
        return GenerationRequest(prompt_ids, catalog.sampling(values, do_sample, seed), length)

    def end(wanted: GenerationRequest, trace: Trace | None = None) -> Trace:
        *_, last = engine.generate(storyteller.model, wanted, trace)
        return last

    def by_hand(trace: Trace, index: int, rank: int) -> Trace:
        token_id = int(trace.steps[index].logits.argsort(descending=True)[rank])
        return trace.branched(index, token_id, storyteller.model.eos_ids)

    sampled = end(
        request(12, temperature=0.9, top_k=60, top_p=0.95, min_p=0.02, typical_p=0.97, repetition_penalty=1.1)
    )
    greedy = end(request(12, do_sample=False, no_repeat_ngram_size=2))
    plain = end(request(12, seed=2**32 - 1))
    return {
        "sampled": sampled,
        "greedy": greedy,
        "plain": plain,
        "steered": end(request(12, temperature=0.9), by_hand(end(request(12, temperature=0.9)), 4, 7)),
        "settings changed midway": end(request(12, seed=6, top_k=5), end(request(5, temperature=1.4))),
        "greedy after sampling": end(request(12, do_sample=False), end(request(5))),
        "gone back and on": end(request(12, temperature=0.9), end(request(12, temperature=0.9)).rewound(3)),
        "last token by hand": by_hand(end(request(6)), 5, 3),
        "one token": end(request(1)),
    }


@pytest.fixture(scope="module")
def script_of(storyteller: Backend) -> Callable[[Trace], str]:
    def write(trace: Trace) -> str:
        return transformers_code(trace, MODEL, storyteller.model.eos_ids, storyteller.model.vocab_size)

    return write


@pytest.fixture(scope="module")
def outputs(runs: Runs, script_of: Callable[[Trace], str]) -> dict[str, str]:
    scripts = {name: script_of(trace) for name, trace in runs.items()}
    environment = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": "", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-c", DRIVER], input=json.dumps(scripts), cwd=ROOT, capture_output=True, text=True,
        env=os.environ | environment, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    printed: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return printed


NAMES = (
    "sampled", "greedy", "plain", "steered", "settings changed midway", "greedy after sampling", "gone back and on",
    "last token by hand", "one token",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_script_prints_the_text_of_the_run(runs: Runs, outputs: dict[str, str], name: str) -> None:
    trace = runs[name]
    tokenizer = AutoTokenizer.from_pretrained(ROOT / MODEL)
    assert outputs[name] == tokenizer.decode([*trace.request.prompt_ids, *trace.token_ids]) + "\n"


def test_every_run_is_told_apart_by_what_it_says(outputs: dict[str, str]) -> None:
    different = ("sampled", "greedy", "plain", "steered", "settings changed midway")
    assert len({outputs[name] for name in different}) == len(different)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("sampled", 0), ("greedy", 0), ("plain", 0), ("steered", 5), ("settings changed midway", 5),
        ("greedy after sampling", 5), ("gone back and on", 0), ("last token by hand", 6), ("one token", 0),
    ],
)  # fmt: skip
def test_only_what_one_call_can_not_make_is_given(runs: Runs, name: str, given: int) -> None:
    assert steered_length(runs[name]) == given


def test_the_script_needs_nothing_of_ours(runs: Runs, script_of: Callable[[Trace], str]) -> None:
    for trace in runs.values():
        imported = {line.split()[1] for line in script_of(trace).splitlines() if line.startswith(("import", "from"))}
        assert imported == {"torch", "transformers"}


def test_a_model_name_can_not_break_out_of_the_script(runs: Runs) -> None:
    name = "x\"); import os; os.abort() #\n'\\"
    script = transformers_code(runs["one token"], name, (1, 2), 10)
    compile(script, "script", "exec")
    assert script.count(repr(name)) == 2
    assert "os.abort() #\n" not in script


@pytest.mark.parametrize(
    ("eos_ids", "written"),
    [
        ((), "eos_token_id=None, pad_token_id=0"),
        ((7,), "eos_token_id=7, pad_token_id=7"),
        ((7, 9), "eos_token_id=[7, 9], pad_token_id=7"),
    ],
)
def test_the_end_of_text_tokens_are_those_of_the_model(runs: Runs, eos_ids: tuple[int, ...], written: str) -> None:
    assert written in transformers_code(runs["one token"], MODEL, eos_ids, 10)


def test_greedy_takes_no_dice_into_the_script(runs: Runs, script_of: Callable[[Trace], str]) -> None:
    assert "manual_seed" not in script_of(runs["greedy"])
    other = replace(runs["greedy"].steps[0].selection, seed=9)  # type: ignore[type-var]
    steps = tuple(replace(step, selection=other) for step in runs["greedy"].steps)
    assert script_of(replace(runs["greedy"], steps=steps)) == script_of(runs["greedy"])
