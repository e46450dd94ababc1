"""Partial rows: what is known of the next token where an engine tells only the most probable ones.

Their log-probabilities are exact, and so is the mass of all others together; how that is spread over them is not known,
but that none has more than the least of those told. So every row that fits lies between two: the flat one, where all
others have the same, and the steep one, where as few as possible have any. What is the same in both is known.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

# Of these it follows from the told tokens alone what they make of a told token, up to the sum of all; the others read
# something else of the row: an entropy, a spread, a tail, another row.
WORK_ON_TOLD: frozenset[str] = frozenset(
    (
        "sequence_bias", "repetition_penalty", "presence_penalty", "frequency_penalty", "dry_multiplier",
        "no_repeat_ngram_size", "bad_words_ids", "min_new_tokens", "suppress_tokens", "temperature", "top_k", "top_p",
        "min_p", "epsilon_cutoff", "watermark_bias", "renormalize_logits",
    )
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Told:
    """The most probable tokens of a row.

    Attributes:
        ids: of the told tokens, at least one.
        logprobs: (N,) float32, of these, in nats; above -inf.
        size: how many tokens there are, V.
    """

    ids: tuple[int, ...]
    logprobs: Tensor
    size: int

    @classmethod
    def of(cls, logits: Tensor, count: int) -> "Told":
        """The `count` most probable tokens of a whole row (V,), those with a chance."""
        logprobs = torch.log_softmax(logits.double(), dim=-1).float()
        best = logprobs.topk(min(count, int((logits > -math.inf).sum())))
        return cls(tuple(best.indices.tolist()), best.values, logits.shape[-1])

    @cached_property
    def mask(self) -> Tensor:
        """(V,) bool: which tokens are told."""
        told = torch.zeros(self.size, dtype=torch.bool)
        told[list(self.ids)] = True
        return told

    def most_probable(self, n: int) -> list[int]:
        """The ids of the n most probable of them; of equals the lowest id comes first."""
        pairs = zip(self.logprobs.tolist(), self.ids, strict=True)
        return [i for _, i in sorted(pairs, key=lambda pair: (-pair[0], pair[1]))[:n]]

    @property
    def rest(self) -> float:
        """The probability of all others together."""
        return max(0.0, 1 - float(self.logprobs.double().exp().sum()))

    @property
    def most(self) -> float:
        """The most that one of the others may have."""
        return min(self.rest, float(self.logprobs.double().exp().min()))

    @cached_property
    def flat(self) -> Tensor:
        """(V,) float32, log-probabilities: every other token has the same."""
        others = self.size - len(self.ids)
        return self._with([self.rest / others] * others if others else [])

    @cached_property
    def steep(self) -> Tensor:
        """(V,) float32, log-probabilities: as few of the others as possible have any."""
        others, left = [], self.rest
        for _ in range(self.size - len(self.ids)):
            others.append(min(self.most, left))
            left = max(0.0, left - others[-1])
        return self._with(others)

    def _with(self, others: Sequence[float]) -> Tensor:
        row = torch.empty(self.size)
        row[~self.mask] = torch.tensor(others, dtype=torch.float64).log().float()
        row[list(self.ids)] = self.logprobs
        return row


@dataclass(frozen=True, eq=False)
class OnlyTold:
    """The last stage of a partial row: a token that was not told can't be taken."""

    name: ClassVar[str] = "told"
    truncates: ClassVar[bool] = False
    is_neutral: ClassVar[bool] = False
    arguments: ClassVar[Mapping[str, object] | None] = None
    told: Told

    @property
    def value(self) -> float:
        return len(self.told.ids)

    def at(self, situation: object) -> "OnlyTold":
        return self

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        return logits.masked_fill(~self.told.mask, -math.inf)
