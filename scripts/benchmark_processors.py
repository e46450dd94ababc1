"""Processors: the cost of each on a row of 50,257 logits, as a ratio to transformers' own class in the same run."""

import statistics
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from benchmark_report import Report
from torch import Tensor
from transformers.generation import logits_process as theirs

from playground import catalog
from playground.decoding import pipeline
from playground.decoding.processors import Situation
from playground.decoding.rows import Row

V, LENGTH = 50_257, 256
EOS = [V - 1]
LISTED: dict[str, Any] = {"sequence_bias": [[[5], 2.5], [[1, 2], 1.5]], "bad_words_ids": [[7], [8, 9]]}
COMMON = ("temperature", "top_k", "top_p", "min_p")
# transformers' class for the value at which each slider starts
ORACLES: dict[str, Callable[[], Any]] = {
    "sequence_bias": lambda: theirs.SequenceBiasLogitsProcessor(LISTED["sequence_bias"]),
    "repetition_penalty": lambda: theirs.RepetitionPenaltyLogitsProcessor(1.2),
    "no_repeat_ngram_size": lambda: theirs.NoRepeatNGramLogitsProcessor(2),
    "bad_words_ids": lambda: theirs.NoBadWordsLogitsProcessor(LISTED["bad_words_ids"], EOS),
    "min_new_tokens": lambda: theirs.MinNewTokensLengthLogitsProcessor(LENGTH - 5, 20, EOS),
    "exponential_decay_length_penalty": lambda: theirs.ExponentialDecayLengthPenalty((0, 1.05), EOS, LENGTH - 5),
    "suppress_tokens": lambda: theirs.SuppressTokensLogitsProcessor([1, 2, 3]),
    "temperature": lambda: theirs.TemperatureLogitsWarper(0.8),
    "top_h": lambda: theirs.TopHLogitsWarper(0.4),
    "top_k": lambda: theirs.TopKLogitsWarper(40),
    "top_p": lambda: theirs.TopPLogitsWarper(0.9),
    "min_p": lambda: theirs.MinPLogitsWarper(0.05),
    "typical_p": lambda: theirs.TypicalLogitsWarper(0.9),
    "epsilon_cutoff": lambda: theirs.EpsilonLogitsWarper(0.01),
    "eta_cutoff": lambda: theirs.EtaLogitsWarper(0.01),
    "watermark_bias": lambda: theirs.WatermarkLogitsProcessor(V, "cpu", 0.25, 2.0),
    "renormalize_logits": theirs.LogitNormalization,
}


def measure(report: Report) -> None:
    warnings.simplefilter("ignore")
    rounds = 5 if report.is_smoke else 40
    report.section(f"Processors: one row of {V:,} logits, {LENGTH} tokens of context, {rounds} rounds in turns")
    generator = torch.Generator().manual_seed(0)
    ranks = torch.randperm(V, generator=generator) + 1
    logits = (-1.3 * ranks.log())[None] + torch.randn(1, V, generator=generator) * 0.3  # peaked, as a model's
    context = torch.randint(0, 2000, (1, LENGTH), generator=generator)
    situation = Situation(LENGTH - 5, tuple(EOS), 0, Row(logits[0].flip(0).contiguous()))
    values = {
        **{p.name: p.start for p in catalog.MAIN if p.name != "dynatemp_range"},
        **LISTED,
        "suppress_tokens": [1, 2, 3],
    }
    for processor in catalog.processors(values):
        name, ours = processor.name, processor.at(situation)
        if name not in ORACLES:
            own = _milliseconds(partial(ours, context, logits), rounds)
            report.figure(f"{name}: transformers has none", f"{statistics.median(own):.2f} ms")
            continue
        oracle = ORACLES[name]()
        report.invariant(
            f"{name}: bit for bit", torch.equal(ours(context, logits), oracle(context, logits.clone())), "equal"
        )
        mine, other = _in_turns(partial(ours, context, logits), partial(oracle, context, logits), rounds)
        note = f"{mine:.3f} : {other:.3f} ms"
        report.at_most(f"{name}: ours / transformers", mine / other, 1.0 if name in COMMON else 1.2, "×", note)
    everything = catalog.processors({**values, "top_h": 0.9, "epsilon_cutoff": 1e-5, "eta_cutoff": 1e-5, "top_k": 2000})
    step = _milliseconds(lambda: pipeline.run(everything, context, logits, situation), rounds)
    report.at_most(f"a step with all {len(everything)} on", statistics.median(step), 40, "ms")


def _in_turns(ours: Callable[[], Tensor], other: Callable[[], Tensor], rounds: int) -> tuple[float, float]:
    """Medians in ms, each of five calls at a time."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 2):
        order = (0, 1) if number % 2 else (1, 0)
        for side in order:
            taken = _once((ours, other)[side])
            if number > 1:
                times[side].append(taken)
    return statistics.median(times[0]), statistics.median(times[1])


def _once(work: Callable[[], object], calls: int = 5) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        work()
    return 1000 * (time.perf_counter() - start) / calls


def _milliseconds(work: Callable[[], object], rounds: int) -> list[float]:
    work()
    return [_once(work, 1) for _ in range(rounds)]
