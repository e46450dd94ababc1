"""Searches over hand-made tables, for the tests of the beam views."""

from typing import Any

import torch

from playground.decoding.beam_steps import BeamStrategy
from playground.decoding.beam_trace import BeamTrace


def searched(model: Any, strategy: BeamStrategy, new: int, prompt: tuple[int, ...] = (0,)) -> BeamTrace:
    trace = BeamTrace(prompt, strategy, new)
    for step in strategy.decode(model, prompt, new):
        trace = trace.appended(step)
    return trace


def random_rows(seed: int, vocab_size: int = 7) -> list[list[float]]:
    """A table in which some things are likely and nothing is impossible."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(vocab_size, vocab_size, generator=generator) * 1.5
    return torch.softmax(logits, dim=-1).tolist()
