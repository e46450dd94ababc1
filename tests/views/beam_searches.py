"""Searches over hand-made tables, for the tests of the beam views."""

from typing import Any

import torch

from playground.decoding.beam_steps import BeamStrategy
from playground.decoding.beam_trace import BeamTrace
from playground.decoding.trace import GenerationRequest
from playground.runs.strategies import STRATEGIES


def searched(model: Any, strategy: BeamStrategy, new: int, prompt: tuple[int, ...] = (0,)) -> BeamTrace:
    trace = BeamTrace(prompt, strategy, new)
    for step in strategy.decode(model, GenerationRequest(prompt, strategy, new)):
        trace = trace.appended(step)
    return trace


def script_of(trace: BeamTrace, model: str, eos_ids: tuple[int, ...], finds_stop_strings: bool = True) -> str | None:
    """The script that the catalogue has for a search."""
    return STRATEGIES[trace.strategy.name].script(trace, model, eos_ids, finds_stop_strings)


def random_rows(seed: int, vocab_size: int = 7) -> list[list[float]]:
    """A table in which some things are likely and nothing is impossible."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(vocab_size, vocab_size, generator=generator) * 1.5
    return torch.softmax(logits, dim=-1).tolist()
