"""Beside CTranslate2: the storyteller converted to it in float32, the same prompt, greedy, in turns.

CTranslate2 is a runtime in C++ for such models, the fastest on a processor that we know of. It is not among the
requirements: `make bench-ctranslate2` has an environment of its own for it.
"""

import statistics
import tempfile
import time
from functools import partial

import ctranslate2
import torch
from benchmark_report import Report, seconds

from playground import catalog, engine, settings
from playground.decoding.trace import GenerationRequest
from playground.engines.huggingface import backend as huggingface
from playground.engines.huggingface.backend import HuggingFaceModel

DEMAND = 0.85
PROMPT = "The old king said to his son: take the golden bird and go home"


def measure(report: Report) -> None:
    tokens, rounds = (8, 1) if report.is_smoke else (40, 15)
    threads = torch.get_num_threads()
    report.section(f"Beside CTranslate2 {ctranslate2.__version__}: the storyteller, {tokens} tokens, {threads} threads")
    backend = huggingface.load(str(settings.DEFAULT_MODEL), settings.DEFAULT_MODEL_NAME)
    backend.model.module.generation_config.eos_token_id = None  # both write as many tokens as asked for
    ids = backend.tokenizer.encode(PROMPT)
    prompt = backend.tokenizer.tokenizer.convert_ids_to_tokens(ids)
    request = GenerationRequest(ids, catalog.sampling({}, False, 0), tokens)
    with tempfile.TemporaryDirectory() as folder:
        converter = ctranslate2.converters.TransformersConverter(str(settings.DEFAULT_MODEL))
        converter.convert(folder, quantization="float32", force=True)
        generator = ctranslate2.Generator(folder, device="cpu", compute_type="float32", intra_threads=threads)
    report.invariant("CTranslate2 computes in float32", generator.compute_type == "float32", generator.compute_type)

    def theirs() -> tuple[int, ...]:
        found = generator.generate_batch(
            [prompt], max_length=tokens, sampling_topk=1, include_prompt_in_result=False, end_token=[]
        )
        return tuple(found[0].sequences_ids[0])

    def ours(model: HuggingFaceModel) -> tuple[int, ...]:
        *_, trace = engine.generate(model, request)
        return trace.token_ids

    times: dict[str, list[float]] = {"ours": [], "theirs": []}
    for number in range(rounds + 1):
        fresh = HuggingFaceModel(backend.model.module, "fresh")  # has kept no KV cache: both read the prompt
        taken = {"ours": seconds(partial(ours, fresh)), "theirs": seconds(theirs)}
        if number:  # round 0 warms up
            for name, one in taken.items():
                times[name].append(one)
        time.sleep(0.01)
    written = ours(fresh), theirs()
    lengths = [len(one) for one in written]
    report.invariant("both write what was asked for", lengths == [tokens, tokens], f"{lengths[0]} and {lengths[1]}")
    equal = sum(a == b for a, b in zip(*written, strict=True)) if lengths[0] == lengths[1] else 0
    report.figure("the same tokens", f"{equal} of {tokens}")
    ratios = [other / own for own, other in zip(times["ours"], times["theirs"], strict=True)]
    rates = [tokens / statistics.median(times[name]) for name in times]
    report.at_least(
        "ours, traced / CTranslate2", statistics.median(ratios), DEMAND, "×",
        f"{rates[0]:.0f} : {rates[1]:.0f} tokens/s; rounds {min(ratios):.2f} … {max(ratios):.2f}",
    )  # fmt: skip
