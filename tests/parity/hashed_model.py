"""A language model that is a formula: exact logits from a hash of the last ids, the same on any release and machine."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from playground.decoding.rows import Desk, Row

WORD = 2**64 - 1


def _mix(number: int) -> int:
    """splitmix64's finaliser."""
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & WORD
    return number ^ (number >> 31)


@dataclass(frozen=True)
class Hashed:
    """Logits that depend on the last three ids and on how many there are.

    Attributes:
        spread: a logit lies between 0 and this; a power of two, so that every logit is an exact float32.
        eos_bias: added to the logits of eos_ids; a multiple of 1/1024.
    """

    seed: int
    vocab_size: int
    eos_ids: tuple[int, ...] = ()
    eos_bias: float = 0.0
    spread: int = 8

    def logits(self, ids: Sequence[int]) -> Tensor:
        """(V,) float32, of the token that follows."""
        return self._logits(len(ids), tuple(ids[-3:]))

    @lru_cache(maxsize=4096)  # noqa: B019 - a cache of the class; its instances live as long as the tests
    def _logits(self, length: int, last_ids: tuple[int, ...]) -> Tensor:
        state = _mix(self.seed * 1_000_003 + length)
        for i in last_ids:
            state = _mix(state ^ (i + 1) * 0x9E3779B97F4A7C15 & WORD)
        values = [_mix(state + token * 0x9E3779B97F4A7C15 & WORD) >> 44 for token in range(self.vocab_size)]
        row = np.array(values, dtype=np.float64) * (self.spread / 2**20)
        row[list(self.eos_ids)] += self.eos_bias
        return torch.tensor(row, dtype=torch.float32)


@dataclass(eq=False)
class HashedModel:
    """The formula as a LanguageModel.

    Attributes:
        rows: how many sequences went through it, pass by pass.
    """

    hashed: Hashed
    name: str = "hashed"
    context_length: int = 1024
    cache_bytes: int = 0
    rows: list[int] = field(default_factory=list)

    @property
    def vocab_size(self) -> int:
        return self.hashed.vocab_size

    @property
    def eos_ids(self) -> tuple[int, ...]:
        return self.hashed.eos_ids

    def prefill(self, prompt_ids: Sequence[int], taken_ids: Sequence[int] = ()) -> "HashedState":
        return HashedState(self, [(*prompt_ids, *taken_ids)])


class HashedState:
    def __init__(self, model: HashedModel, sequences: list[tuple[int, ...]]) -> None:
        self.model = model
        self.sequences = sequences
        self.logits = torch.stack([model.hashed.logits(ids) for ids in sequences])
        model.rows.append(len(sequences))

    def advance(self, parents: Sequence[int], token_ids: Sequence[int]) -> "HashedState":
        return HashedState(self.model, [(*self.sequences[p], t) for p, t in zip(parents, token_ids, strict=True)])

    def row(self, index: int, desk: Desk) -> Row:
        return Row(self.logits[index])

    def release(self) -> None:
        pass
