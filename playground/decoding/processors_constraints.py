"""Constraints: what a person forbids, wishes for or puts off, by token id; each exactly as transformers computes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from playground.decoding.processors import REMOVED, InTransformers, Situation, require

Ids = tuple[int, ...]
_LARGEST = float(np.finfo(np.float32).max)
_BEYOND = 1e15  # above every logit, and its square, as the processors after it may need it, still in float32


def _biased(context: Tensor, logits: Tensor, sequences: tuple[tuple[Ids, float], ...]) -> Tensor:
    """logits plus the bias of every sequence that its last id would complete, summed in transformers' order."""
    size = logits.shape[-1]
    beyond = [i for ids, _ in sequences for i in ids if i >= size]
    if beyond:
        raise ValueError(f"the vocabulary has {size} ids, so there is no {beyond[0]}")
    last_of = dict(sequences)  # of equal sequences the last one counts
    bias = np.zeros(logits.shape, dtype=np.float32)
    for ids, amount in last_of.items():
        if len(ids) == 1:
            bias[:, ids[0]] = amount
    rows = context.tolist()
    for length in dict.fromkeys(len(ids) for ids in last_of):
        for ids, amount in last_of.items():
            if 1 < len(ids) == length:
                for row, before in enumerate(rows):
                    if tuple(before[-(length - 1) :]) == ids[:-1]:
                        bias[row, ids[-1]] += np.float32(amount)
    return torch.from_numpy(logits.numpy() + bias)


def _check_sequences(sequences: tuple[Ids, ...], name: str) -> None:
    fine = all(ids and all(isinstance(i, int) and i >= 0 for i in ids) for ids in sequences)
    require(fine, name, "sequences of at least one token id >= 0", sequences)


@dataclass(frozen=True)
class SequenceBias(InTransformers):
    """Add a bias to the token that would complete a sequence; to a single token always.

    transformers `SequenceBiasLogitsProcessor`. Raises ValueError for an empty sequence, a negative id or a bias that
    is no number, and when applied to a vocabulary that lacks one of the ids.
    """

    sequences: tuple[tuple[Ids, float], ...]
    name: ClassVar[str] = "sequence_bias"
    truncates: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _check_sequences(tuple(ids for ids, _ in self.sequences), self.name)
        require(all(bias == bias for _, bias in self.sequences), self.name, "biased by numbers", self.sequences)

    @property
    def value(self) -> float:
        return len(self.sequences)

    @property
    def arguments(self) -> Mapping[str, object] | None:
        return {self.name: [[list(ids), float(bias)] for ids, bias in self.sequences]}

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        return logits if self.is_neutral else _biased(context, logits, self.sequences)


@dataclass(frozen=True)
class BadWords(InTransformers):
    """Remove the token that would complete a forbidden sequence. The end-of-text token alone can't be forbidden so.

    transformers `NoBadWordsLogitsProcessor`. Raises ValueError as SequenceBias does.
    """

    sequences: tuple[Ids, ...]
    eos_ids: Ids = field(default=(), compare=False, repr=False)
    name: ClassVar[str] = "bad_words_ids"
    truncates: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _check_sequences(self.sequences, self.name)

    @property
    def value(self) -> float:
        return len(self.sequences)

    @property
    def arguments(self) -> Mapping[str, object] | None:
        return {self.name: [list(ids) for ids in self.sequences]}

    def at(self, situation: Situation) -> "BadWords":
        return replace(self, eos_ids=situation.eos_ids)

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        forbidden = tuple((ids, REMOVED) for ids in self.sequences if not (len(ids) == 1 and ids[0] in self.eos_ids))
        return _biased(context, logits, forbidden) if forbidden else logits


@dataclass(frozen=True)
class SuppressTokens(InTransformers):
    """Remove these tokens at every step. transformers `SuppressTokensLogitsProcessor`; an id that the vocabulary lacks
    is passed over. Raises ValueError for a negative id."""

    token_ids: Ids
    name: ClassVar[str] = "suppress_tokens"
    truncates: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require(all(i >= 0 for i in self.token_ids), self.name, "token ids >= 0", self.token_ids)

    @property
    def value(self) -> float:
        return len(self.token_ids)

    @property
    def arguments(self) -> Mapping[str, object] | None:
        return {self.name: list(self.token_ids)}

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        return logits if self.is_neutral else _forbidden(logits, self.token_ids)


def _forbidden(logits: Tensor, token_ids: Ids) -> Tensor:
    known = [i for i in token_ids if i < logits.shape[-1]]
    if not known:
        return logits
    left = logits.numpy().copy()
    left[:, known] = REMOVED
    return torch.from_numpy(left)


@dataclass(frozen=True)
class ExponentialDecay(InTransformers):
    """From `start` generated tokens on, raise the end-of-text logits by |logit| · (factor^(tokens since) - 1).

    transformers `ExponentialDecayLengthPenalty`; a factor below 1 lowers them. Where transformers leaves float32 (and
    fails, or draws from NaN), what is added stays at a number from which every processor after it can go on.
    Raises ValueError unless the factor is > 0 and the start >= 0.
    """

    value: float
    start: int = 0
    prompt_length: int = field(default=0, compare=False, repr=False)
    eos_ids: Ids = field(default=(), compare=False, repr=False)
    name: ClassVar[str] = "exponential_decay_length_penalty"
    truncates: ClassVar[bool] = False
    neutral: ClassVar[float] = 1

    def __post_init__(self) -> None:
        require(self.value > 0, self.name, "> 0 (1 is off)", self.value)
        require(self.start >= 0, "exponential_decay_start", ">= 0", self.start)

    @property
    def arguments(self) -> Mapping[str, object] | None:
        return {self.name: (self.start, self.value)}

    def at(self, situation: Situation) -> "ExponentialDecay":
        return replace(self, prompt_length=situation.prompt_length, eos_ids=situation.eos_ids)

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        since = context.shape[-1] - self.prompt_length - self.start
        ends = list(self.eos_ids)
        if self.is_neutral or since <= 0 or not ends:
            return logits
        try:
            power = min(float(self.value**since), _LARGEST)
        except OverflowError:
            power = _LARGEST
        factor = np.float32(power - 1)
        rows = logits.numpy()
        own = rows[:, ends]
        penalties = np.zeros_like(rows)
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is replaced
            added = np.abs(own) * factor
        added = np.where(added < _LARGEST / 100, added, np.float32(_BEYOND))
        penalties[:, ends] = np.where(np.isfinite(own), added, np.float32(0))
        return torch.from_numpy(rows + penalties)


@dataclass(frozen=True)
class RenormalizeLogits(InTransformers):
    """Turn the logits into log-probabilities, last of all: what is chosen stays the same, the scores sum to 1.

    transformers `LogitNormalization`. Raises ValueError unless the value is 0 or 1.
    """

    value: int
    name: ClassVar[str] = "renormalize_logits"
    truncates: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require(self.value in (0, 1), self.name, "0 or 1 (0 is off)", self.value)

    @property
    def arguments(self) -> Mapping[str, object] | None:
        return {self.name: bool(self.value)}

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        return logits if self.is_neutral else torch.log_softmax(logits, dim=-1)
