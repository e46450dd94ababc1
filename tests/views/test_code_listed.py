"""The scripts of runs with settings beyond the best known: each is run as it stands, against a small saved model, and
leaves the very ids of the run in its `output`."""

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
from playground.engines.huggingface.backend import Backend, load
from playground.runs.verification.generate import verify
from playground.views.code import transformers_code
from tests.conftest import build_tiny

ROOT = Path(__file__).resolve().parents[2]
PROMPT, NEGATIVE, LENGTH = "The old king said to his", "A dog ran", 12

# In one process, each script in a namespace of its own; what it leaves in `output` is what is compared.
DRIVER = """
import contextlib, io, json, sys
outputs = {}
for name, script in json.load(sys.stdin).items():
    space = {"__name__": "__main__"}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(script, name, "exec"), space)
    outputs[name] = space["output"][0].tolist()
print(json.dumps(outputs))
"""

LISTED: dict[str, Any] = {
    "bad_words_ids": "BAD", "sequence_bias": "BIASED",
    "suppress_tokens": "SUPPRESSED",
}  # fmt: skip
GUIDED: dict[str, Any] = {"guidance_scale": 1.8, "negative_prompt_ids": "NEGATIVE"}
MARKED: dict[str, Any] = {"watermark_bias": 3.5, "watermark_greenlist_ratio": 0.3}
ENDING: dict[str, Any] = {
    "min_new_tokens": 4, "exponential_decay_length_penalty": 1.3, "exponential_decay_start": 2,
    "renormalize_logits": 1,
}  # fmt: skip
COMMUNITY: dict[str, Any] = {
    "presence_penalty": 0.4, "frequency_penalty": 0.3, "dry_multiplier": 1.0, "dynatemp_range": 0.4,
    "smoothing_factor": 0.2, "top_n_sigma": 2.5, "top_a": 0.05, "tfs_z": 0.98, "xtc_probability": 0.5,
    "xtc_threshold": 0.02, "mirostat": 2, "mirostat_tau": 6.0, "mirostat_eta": 0.5,
}  # fmt: skip
LLAMA_CPP = catalog.ORDERS["llama.cpp"]

# name: (settings, do_sample, order, whether the script needs this program)
RUNS: dict[str, tuple[dict[str, Any], bool, tuple[str, ...], bool]] = {
    name: (values, do_sample, order, needs_us)
    for name, values, do_sample, order, needs_us in (
        ("bad words", {"bad_words_ids": LISTED["bad_words_ids"]}, True, (), False),
        ("biased sequences", {"sequence_bias": LISTED["sequence_bias"]}, True, (), False),
        ("suppressed tokens", {"suppress_tokens": LISTED["suppress_tokens"]}, True, (), False),
        ("lists and a nucleus", {**LISTED, "top_p": 0.7, "temperature": 1.3}, True, (), False),
        ("lists, greedy", LISTED, False, (), False),
        ("guidance", GUIDED, True, (), False),
        ("guidance, greedy", GUIDED, False, (), False),
        ("guidance away from the last token", {"guidance_scale": 2.5, "top_k": 40}, True, (), False),
        ("watermark", MARKED, True, (), False),
        ("watermark, greedy", MARKED, False, (), False),
        ("how it ends", ENDING, True, (), False),
        ("a stop string", {"stop_strings": "STOP"}, True, (), False),
        ("everything of transformers", {**LISTED, **GUIDED, **MARKED, **ENDING, "top_p": 0.8, "min_p": 0.01,
         "stop_strings": "STOP"}, True, (), False),
        ("another order", {"temperature": 1.9, "top_p": 0.6, "top_k": 50, **LISTED}, True, LLAMA_CPP, True),
        ("the community's", COMMUNITY, True, (), True),
        ("the community's, greedy", COMMUNITY, False, (), True),
        ("the community's in llama.cpp's order", {**COMMUNITY, "top_p": 0.9, "stop_strings": "STOP"}, True, LLAMA_CPP,
         True),
    )
}  # fmt: skip


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Backend]:
    """A tiny random model with the default model's tokenizer, in a folder of its own."""
    folder = tmp_path_factory.mktemp("saved") / "tiny model"
    tokenizer = AutoTokenizer.from_pretrained(ROOT / "assets" / "models" / "storyteller")
    module = build_tiny("gpt2", eos=0, vocab_size=len(tokenizer), context=64).module
    module.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder, load(str(folder), "tiny")


def values_of(values: Mapping[str, Any], backend: Backend) -> dict[str, Any]:
    """The blanks filled but for the stop string: ids of the negative prompt, and of a text that is to be another."""
    trace = run(backend, {}, True, ())
    plain = trace.token_ids
    first, second = trace.steps[5].logits.topk(2).indices.tolist()
    other = second if first == plain[5] else first
    blanks = {
        "BIASED": [[[other], 1.5], [[plain[4], other], 30.0], [[7, 8, other], -2.5]],
        "NEGATIVE": list(backend.tokenizer.encode(NEGATIVE)),
        "BAD": [[5], [plain[3]], [plain[6], plain[7]], [77, 4, 9]],
        "SUPPRESSED": [1, plain[4], 4000],
    }
    return {name: blanks.get(value, value) if isinstance(value, str) else value for name, value in values.items()}


def run(backend: Backend, values: Mapping[str, Any], do_sample: bool, order: tuple[str, ...]) -> Trace:
    strategy = catalog.sampling(values, do_sample, 3, order, backend.vocabulary)
    *_, trace = engine.generate(
        backend.model, GenerationRequest(backend.tokenizer.encode(PROMPT), strategy, LENGTH)
    )  # fmt: skip
    return trace


@pytest.fixture(scope="module")
def runs(saved: tuple[Path, Backend]) -> dict[str, Trace]:
    backend = saved[1]
    found = {}
    for name, (blank, do_sample, order, _) in RUNS.items():
        values = values_of(blank, backend)
        if values.pop("stop_strings", None):
            free = run(backend, values, do_sample, order)
            one, other = (backend.vocabulary.text(free.token_ids[i : i + 1]) for i in _readable(free, backend))
            values["stop_strings"] = [one[-2:] + other[:2], "no such text"]
        found[name] = run(backend, values, do_sample, order)
    return found


def _readable(trace: Trace, backend: Backend) -> tuple[int, int]:
    """Two neighbouring tokens, not the first, that are whole characters."""
    texts = [backend.vocabulary.text([i]) for i in trace.token_ids]
    index = next(i for i in range(3, LENGTH - 2) if "\ufffd" not in texts[i] + texts[i + 1])
    return index, index + 1


@pytest.fixture(scope="module")
def scripts(saved: tuple[Path, Backend], runs: dict[str, Trace]) -> dict[str, str]:
    folder, backend = saved
    return {
        name: transformers_code(trace, str(folder), backend.model.eos_ids, backend.model.vocab_size)
        for name, trace in runs.items()
    }


@pytest.fixture(scope="module")
def outputs(scripts: dict[str, str]) -> dict[str, list[int]]:
    environment = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": "", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-c", DRIVER], input=json.dumps(scripts), cwd=ROOT, capture_output=True, text=True,
        env=os.environ | environment, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    printed: dict[str, list[int]] = json.loads(done.stdout.splitlines()[-1])
    return printed


@pytest.mark.parametrize("name", RUNS)
def test_the_script_leaves_the_ids_of_the_run(
    runs: dict[str, Trace], outputs: dict[str, list[int]], name: str
) -> None:  # fmt: skip
    trace = runs[name]
    assert outputs[name] == [*trace.request.prompt_ids, *trace.token_ids]


@pytest.mark.parametrize("name", RUNS)
def test_verification_finds_no_difference_either(
    saved: tuple[Path, Backend], runs: dict[str, Trace], name: str
) -> None:
    backend = saved[1]
    found = verify(runs[name], backend.model, tokenizer=backend.tokenizer)
    assert found.passed and found.method == "generate", found
    if "guidance_scale" not in RUNS[name][0]:  # its second text is read in another call shape
        assert found.largest_difference == 0
    assert found.is_listed is RUNS[name][3]


def test_each_setting_changes_the_text(saved: tuple[Path, Backend], runs: dict[str, Trace]) -> None:
    """Without it another text comes: otherwise its script would have proven nothing."""
    backend = saved[1]
    plain = {do_sample: run(backend, {}, do_sample, ()).token_ids for do_sample in (True, False)}
    same = [name for name, trace in runs.items() if trace.token_ids == plain[RUNS[name][1]]]
    assert same == []
    in_order = run(backend, values_of(RUNS["another order"][0], backend), True, ()).token_ids
    assert runs["another order"].token_ids != in_order


def test_the_stop_string_lies_across_two_tokens(saved: tuple[Path, Backend], runs: dict[str, Trace]) -> None:
    backend = saved[1]
    stopped = [trace for name, trace in runs.items() if "stop_strings" in RUNS[name][0]]
    assert len(stopped) == 3
    for trace in stopped:
        (string, _) = trace.request.strategy.stop.strings  # type: ignore[attr-defined]
        texts = [backend.vocabulary.text([i]) for i in trace.token_ids]
        assert trace.finish_reason == "stop_string" and len(texts) < LENGTH
        assert string in "".join(texts[-2:]) and string not in "".join(texts[:-1])


@pytest.mark.parametrize("name", RUNS)
def test_only_what_transformers_lacks_needs_this_program(scripts: dict[str, str], name: str) -> None:
    assert ("playground" in scripts[name]) is RUNS[name][3]


def test_the_arguments_are_those_of_generate_spelt_out(scripts: dict[str, str], saved: tuple[Path, Backend]) -> None:
    whole = scripts["everything of transformers"]
    values = values_of({**LISTED, **GUIDED}, saved[1])
    for line in (
        f"sequence_bias={values['sequence_bias']},",
        f"bad_words_ids={values['bad_words_ids']},",
        f"suppress_tokens={values['suppress_tokens']},",
        "guidance_scale=1.8,",
        f"negative_prompt_ids=torch.tensor([{values['negative_prompt_ids']}]),",
        "watermarking_config=WatermarkingConfig(bias=3.5, greenlist_ratio=0.3),",
        "exponential_decay_length_penalty=(2, 1.3),",
        "renormalize_logits=True,",
        "tokenizer=tokenizer,",
    ):
        assert whole.count(line) == 1, line
    assert "from transformers import WatermarkingConfig" in whole
    assert "stop_strings=[" in whole
    assert "WatermarkingConfig" not in scripts["guidance"] and "tokenizer=tokenizer" not in scripts["guidance"]
