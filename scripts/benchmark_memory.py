"""Memory of a trace: the bytes of logits that the longest run of a real model keeps."""

import gc

import benchmark_models as models
import torch
from benchmark_report import Report

from playground import catalog, engine
from playground.decoding.trace import TRACE_BYTES, GenerationRequest, longest_run

SIZES = (8192, 50257, 151936)  # ours, GPT-2's, Qwen's


def rows_in_memory(vocab_size: int) -> int:
    """Bytes behind all live tensors with V in the last place, one byte counted once however many views it has."""
    storages = {}
    for thing in gc.get_objects():
        if type(thing) is torch.Tensor and thing.dim() and thing.shape[-1] == vocab_size:
            storage = thing.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
    return sum(storages.values())


def measure(report: Report) -> None:
    report.section("Memory: raw logits kept by the longest run")
    for vocab_size in SIZES[:2] if report.is_smoke else SIZES:
        longest = longest_run(vocab_size)
        steps = min(longest, 40) if report.is_smoke else longest
        model = models.build(vocab_size, context=steps + 8, n_layer=1, n_head=1, n_embd=8).model
        strategy = catalog.sampling({"temperature": 0.8, "top_p": 0.9}, True, 0)
        gc.collect()
        before = rows_in_memory(vocab_size)
        *_, trace = engine.generate(model, GenerationRequest((1, 2, 3), strategy, steps))
        for step in trace.steps:
            _ = step.reading  # as the page does: its cache must not hold on to a row
        gc.collect()
        kept = rows_in_memory(vocab_size) - before
        per_step = kept / len(trace.steps)
        ratio = per_step / (4 * vocab_size)
        report.figure(f"V = {vocab_size:,}: bytes a step / 4 V", f"{ratio:.2f} ×", f"{steps} steps")
        report.invariant(
            f"V = {vocab_size:,}: the longest run, {longest} steps, in {TRACE_BYTES / 2**20:.0f} MiB",
            per_step * longest <= TRACE_BYTES, f"{per_step * longest / 2**20:.1f} MiB",
        )  # fmt: skip
        del trace, model, step
