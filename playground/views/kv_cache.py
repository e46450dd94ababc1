"""The KV cache: what is kept, how many bytes that is, and what computing it anew at every step would cost."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class CacheSize:
    """bytes = Σ over layers (numbers a token × tokens kept) × value_bytes + state_bytes.

    Attributes:
        layers: how many keep keys and values.
        state_bytes: of states whose size does not depend on the length.
        per_token: bytes that one more token adds, as long as no window is full.
        total: bytes for all tokens, windows respected.
        has_windows: whether some layer keeps fewer tokens than there are.
    """

    layers: int
    value_bytes: int
    state_bytes: int
    tokens: int
    per_token: int
    total: int
    has_windows: bool


def cache_size(
    windows: Sequence[int | None], numbers: Sequence[int], value_bytes: int, tokens: int, state_bytes: int = 0
) -> CacheSize:
    """For every layer that keeps keys its window (None where it keeps all tokens) and its numbers a token, those of
    the keys and values of all its heads."""
    # a layer with a window of w keeps the w - 1 tokens that the next one may still see
    kept = [tokens if window is None else min(tokens, window - 1) for window in windows]
    return CacheSize(
        layers=len(windows),
        value_bytes=value_bytes,
        state_bytes=state_bytes,
        tokens=tokens,
        per_token=value_bytes * sum(numbers),
        total=value_bytes * sum(a * b for a, b in zip(numbers, kept, strict=True)) + state_bytes,
        has_windows=any(k < tokens for k in kept),
    )


@dataclass(frozen=True)
class Work:
    """Tokens that have to be computed up to each step of a run, in all.

    Attributes:
        with_cache: the prompt once, then one a step.
        without: the whole text at every step.
    """

    with_cache: tuple[int, ...]
    without: tuple[int, ...]

    @property
    def times(self) -> float:
        """How many times as much work it is without a cache, at the end."""
        return self.without[-1] / self.with_cache[-1]


def work(prompt: int, steps: int) -> Work:
    """For a prompt of so many tokens and `steps` new ones (the first comes with the prompt's pass)."""
    lengths = [prompt + step for step in range(steps)]
    without, total = [], 0
    for length in lengths:
        total += length
        without.append(total)
    return Work(tuple(lengths), tuple(without))
