"""Memory of a trace: the bytes that a run keeps, of logits and of what its rows are made again from."""

import gc

import benchmark_models as models
import torch
from benchmark_report import Report

from playground import catalog, engine
from playground.decoding.trace import TRACE_BYTES, GenerationRequest, longest_run

SIZES = (8192, 50257, 151936)  # ours, GPT-2's, Qwen's
WIDTH, STEPS = 1024, 2048  # of a modern small model, and of a long run


def held(width: int) -> int:
    """Bytes behind all live tensors so wide in the last place, one byte counted once however many views it has."""
    storages = {}
    for thing in gc.get_objects():
        if type(thing) is torch.Tensor and not thing.is_mkldnn and thing.dim() and thing.shape[-1] == width:
            storage = thing.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
    return sum(storages.values())


def measure(report: Report) -> None:
    report.section(f"Memory: what a run keeps, width {WIDTH:,}")
    for vocab_size in SIZES[:2] if report.is_smoke else SIZES:
        steps = 40 if report.is_smoke else STEPS
        model = models.build(vocab_size, context=steps + 8, n_layer=1, n_head=16, n_embd=WIDTH, n_inner=8).model
        longest = longest_run(model)
        strategy = catalog.sampling({"temperature": 0.8, "top_p": 0.9}, True, 0)
        gc.collect()
        before = held(vocab_size), held(WIDTH)
        *_, trace = engine.generate(model, GenerationRequest((1, 2, 3), strategy, steps))
        for step in trace.steps:
            _ = step.reading  # as the page does: its cache must not hold on to a row
        gc.collect()
        rows, states = held(vocab_size) - before[0], held(WIDTH) - before[1]
        report.figure(f"V = {vocab_size:,}: rows at hand", f"{rows / 2**20:.1f} MiB", f"after {steps} steps")
        report.figure(f"V = {vocab_size:,}: kept of a step", f"{states / len(trace.steps):,.0f} bytes")
        report.invariant(
            f"V = {vocab_size:,}: {STEPS:,} steps in {TRACE_BYTES / 2**20:.0f} MiB, of {longest:,} at most",
            rows + states / len(trace.steps) * STEPS <= TRACE_BYTES and longest >= STEPS,
            f"{(rows + states / len(trace.steps) * STEPS) / 2**20:.1f} MiB",
        )
        del trace, model, step
