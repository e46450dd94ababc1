"""What a search has cost, beside how many sequences there are to search."""

import math
from dataclasses import dataclass

from playground.decoding.beam_trace import BeamTrace

READABLE = 9  # digits


@dataclass(frozen=True)
class SearchCost:
    """Sums over the steps so far.

    Attributes:
        vocab_size, length: vocab_size ** length sequences of that length exist; `exist_digits` is how many digits
            that number has, `exist` the number itself, if it is short enough to be read.
        shown: candidates that the step pictures show; `kept` of them went on.
        scored: continuations that got a score (the vocabulary times the real beams, every step).
        forwards, tokens: forward passes, and tokens that went through the model, the prompt's included.
    """

    vocab_size: int
    length: int
    exist_digits: int
    exist: int | None
    shown: int
    kept: int
    scored: int
    forwards: int
    tokens: int


def search_cost(trace: BeamTrace, vocab_size: int) -> SearchCost:
    real = [c for step in trace.steps for c in step.candidates if not c.is_ghost]
    length, total = len(trace.steps), trace.total
    digits = math.floor(length * math.log10(vocab_size)) + 1
    return SearchCost(
        vocab_size=vocab_size,
        length=length,
        exist_digits=digits,
        exist=vocab_size**length if digits <= READABLE else None,
        shown=len(real),
        kept=sum(c.fate == "kept" for c in real),
        scored=total.candidates,
        forwards=total.forwards,
        tokens=total.tokens,
    )
