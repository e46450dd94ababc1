"""Beam search: ours, streamed and every candidate recorded, against `generate` on transformers' own kernels."""

import copy
import statistics
import time
from typing import Any

import benchmark_models as models
import torch
from benchmark_report import Report, seconds

from playground import engine
from playground.decoding.beam_search import BeamSearch
from playground.decoding.beam_steps import BeamStep
from playground.engines.huggingface.backend import Backend, HuggingFaceModel

PROMPT_TOKENS = 256
DEMANDS = {5: 0.40, 8: 0.33}  # beams: wall time, ours / generate


def measure(report: Report) -> None:
    prompt, tokens, rounds = (64, 4, 1) if report.is_smoke else (PROMPT_TOKENS, 32, 3)
    shape = {"n_layer": 2} if report.is_smoke else models.GPT2_SMALL
    backend = models.build(50257, spread=0.05, **shape)  # distributions with a head: no last-bit ties among 400,000
    plain = copy.deepcopy(backend.model.module)  # a copy of a lean module is plain
    ids = tuple(backend.tokenizer.encode(models.prompt_of(prompt)))
    for beams in (8,) if report.is_smoke else DEMANDS:
        report.section(f"Beams: GPT-2 small's shape, V = 50,257, {beams} beams, prompt {prompt}, {tokens} new tokens")
        _compare(report, backend, plain, ids, beams, tokens, rounds)


def _compare(
    report: Report, backend: Backend, plain: Any, ids: tuple[int, ...], beams: int, tokens: int, rounds: int
) -> None:  # fmt: skip
    strategy, prompt = BeamSearch(beams), len(ids)
    outputs: list[Any] = []
    steps: list[BeamStep] = []
    times: dict[str, list[float]] = {"generate": [], "ours": [], "prompt": []}
    for _ in range(rounds):
        times["generate"].append(seconds(lambda: outputs.append(generate(plain, ids, beams, tokens))))
        model = HuggingFaceModel(backend.model.module, "fresh")  # has kept no KV cache
        start = time.perf_counter()
        for number, step in enumerate(engine.search(model, strategy, ids, tokens)):
            if number == 0:
                times["prompt"].append(time.perf_counter() - start)
                steps = []
            steps.append(step)
        times["ours"].append(time.perf_counter() - start)
        is_same = [list(h.token_ids) for h in steps[-1].finished] == outputs[-1][:, prompt:].tolist()
        report.invariant("the same sequences as generate, in the same order", is_same, f"{beams} × {tokens} tokens")
    ratios = [ours / theirs for ours, theirs in zip(times["ours"], times["generate"], strict=True)]
    theirs, ours = statistics.median(times["generate"]), statistics.median(times["ours"])
    report.at_most(
        "ours / generate, wall time", statistics.median(ratios), DEMANDS[beams], "×",
        f"{ours:.1f} s against {theirs:.1f} s; rounds {min(ratios):.2f} … {max(ratios):.2f}",
    )  # fmt: skip
    report.figure("prompt until the first step", f"{1000 * statistics.median(times['prompt']):.0f} ms")
    report.figure(
        "our own part of a step", f"{1000 * own_part(backend, strategy, ids, beams):.1f} ms", "no forward pass"
    )


def generate(module: Any, ids: tuple[int, ...], beams: int, tokens: int) -> torch.Tensor:
    prompt = torch.tensor([ids])
    output: torch.Tensor = module.generate(
        prompt, attention_mask=torch.ones_like(prompt), num_beams=beams, num_return_sequences=beams,
        max_new_tokens=tokens, do_sample=False, pad_token_id=0,
    )  # fmt: skip
    return output


class Instant:
    """A model whose passes take no time: what is left is the search."""

    def __init__(self, vocab_size: int, beams: int) -> None:
        self.name, self.vocab_size, self.context_length, self.eos_ids = "instant", vocab_size, 1024, ()
        self.cache_bytes, self.step_bytes = 0, 4 * vocab_size
        self.logits = torch.randn(beams, vocab_size, generator=torch.Generator().manual_seed(0))

    def prefill(self, prompt_ids: Any, taken_ids: Any = ()) -> Any:
        return self

    def advance(self, parents: Any, token_ids: Any) -> Any:
        return self

    def release(self) -> None:
        pass


def own_part(backend: Backend, strategy: BeamSearch, ids: tuple[int, ...], beams: int, tokens: int = 20) -> float:
    model = Instant(backend.info.vocab_size, beams)
    return seconds(lambda: list(engine.search(model, strategy, ids, tokens))) / tokens
