"""Processors: pure functions that reshape or cut a row of logits; here what they share, and the best known of them.

Every processor maps `context` (B, L) int64 and `logits` (B, V) float32 to new logits (B, V); it never writes into
its input. A removed token has the logit -inf. A neutral value returns the input itself: an exact no-op.
Those that transformers has are exactly as it computes them; the others name the convention they follow.
`processors_*.py` hold the rest, one idea a file. A truncating one keeps `min_tokens_to_keep` tokens at least: 1, and
more only in beam sampling, where every beam needs several candidates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from playground.decoding.rows import Row

REMOVED = -float("inf")
Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
Self = TypeVar("Self")


class NotRecordedError(ValueError):
    """The processor needs numbers that the step does not hold, such as the logits after a negative prompt."""


@dataclass(frozen=True, eq=False)
class Situation:
    """What a processor may need to know of a step besides context and logits. A fact of the step, recorded with it.

    Attributes:
        prompt_length: how many ids of the context are the prompt.
        eos_ids: ids that end a text.
        seed: of the run; a processor with chances of its own (XTC) has a stream of its own made of it.
        guidance: the logits after the negative prompt and the tokens taken, where they were computed.
        states: what stateful processors (mirostat) carry from step to step, by name.
    """

    prompt_length: int = 0
    eos_ids: tuple[int, ...] = ()
    seed: int = 0
    guidance: Row | None = None
    states: Mapping[str, float] = field(default_factory=dict)


class Processor(Protocol):
    """A named, parametrised function of the context and the logits of the next token.

    `name` is that of its setting in the catalogue. `truncates` says whether it removes tokens by how probable they are.
    """

    name: ClassVar[str]
    truncates: ClassVar[bool]

    @property
    def value(self) -> float:
        """Its main setting; of a list, how many entries it has."""
        ...

    @property
    def is_neutral(self) -> bool: ...

    @property
    def arguments(self) -> Mapping[str, object] | None:
        """The arguments with which `generate` does the same; None if it has none."""
        ...

    def at(self, situation: Situation) -> "Processor":
        """The same processor, knowing the situation of a step. Equal to this one."""
        ...

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor: ...


@runtime_checkable
class Stateful(Protocol):
    """A processor that carries a number from step to step."""

    @property
    def first_state(self) -> float:
        """The number before the first token."""
        ...

    def state_after(self, state: float, before: Tensor, token_id: int) -> float:
        """The number after `token_id` was taken, given the logits (V,) that came into the processor."""
        ...


def is_stateful(processor: object) -> bool:
    """Whether it is Stateful: as isinstance says, which looks through the protocol each time and takes as long as a
    cut-off."""
    return hasattr(processor, "state_after")


class _Switched:
    """What all processors have in common: off at one value, an exact no-op; most need not know the situation."""

    neutral: ClassVar[float] = 0

    @property
    def is_neutral(self) -> bool:
        value: float = self.value  # type: ignore[attr-defined]
        return value == self.neutral

    def at(self: Self, situation: Situation) -> Self:
        return self


class InTransformers(_Switched):
    """A processor that `generate` switches on by an argument of the same name."""

    @property
    def arguments(self) -> Mapping[str, object] | None:
        return {self.name: self.value}  # type: ignore[attr-defined]


class OfTheCommunity(_Switched):
    """A processor that `generate` does not have."""

    @property
    def arguments(self) -> Mapping[str, object] | None:
        return None


def without(logits: Tensor, removed: Bools) -> Tensor:
    """New logits, with -inf where `removed` (B, V) holds. In numpy, as all elementwise work here: for a few rows torch
    spends most of its time waking threads."""
    left = logits.numpy().copy()
    left[removed] = REMOVED
    return torch.from_numpy(left)


def require(holds: bool, name: str, rule: str, value: object) -> None:
    if not holds:
        raise ValueError(f"{name} must be {rule}, got {value}")


@dataclass(frozen=True)
class RepetitionPenalty(InTransformers):
    """Divide the positive and multiply the negative logits of every token that already occurs, prompt included.

    Keskar et al. 2019 (CTRL); transformers `RepetitionPenaltyLogitsProcessor`. Each distinct id is penalised once.
    Raises ValueError unless the penalty is > 0.
    """

    value: float
    name: ClassVar[str] = "repetition_penalty"
    truncates: ClassVar[bool] = False
    neutral: ClassVar[float] = 1

    def __post_init__(self) -> None:
        require(self.value > 0, self.name, "> 0 (1 is off)", self.value)

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        if self.is_neutral:
            return logits
        size = logits.shape[-1]
        ids = context.clamp(max=size)  # an id that the model embeds but can't say meets the spare column
        padded = torch.nn.functional.pad(logits, (0, 1))
        seen = padded.gather(1, ids)  # (B, L)
        penalised = torch.where(seen < 0, seen * self.value, seen / self.value)
        return padded.scatter(1, ids, penalised)[:, :size]


@dataclass(frozen=True)
class NoRepeatNGram(InTransformers):
    """Remove every token that would complete an n-gram which the prompt or the output already contains.

    Paulus et al. 2017; transformers `NoRepeatNGramLogitsProcessor`. n = 1 bans every token seen so far.
    Raises ValueError unless n >= 0.
    """

    value: int
    name: ClassVar[str] = "no_repeat_ngram_size"
    truncates: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require(self.value >= 0, self.name, ">= 0 (0 is off)", self.value)

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        length, n = context.shape[-1], self.value
        if self.is_neutral or length < n:
            return logits
        suffix = context[:, length + 1 - n :]  # (B, n - 1)
        windows = context.unfold(1, n, 1)  # (B, L - n + 1, n)
        matches = (windows[..., :-1] == suffix.unsqueeze(1)).all(dim=-1)
        rows, columns = matches.nonzero(as_tuple=True)
        size = logits.shape[-1]
        banned = logits.new_zeros(
            (logits.shape[0], size + 1), dtype=torch.bool
        )  # a spare column for ids without a logit
        banned[rows, windows[rows, columns, -1].clamp(max=size)] = True
        return logits.masked_fill(banned[:, :size], REMOVED)


@dataclass(frozen=True)
class MinNewTokens(InTransformers):
    """Remove the ids that end a text until `value` tokens have been generated.

    transformers `MinNewTokensLengthLogitsProcessor`. Raises ValueError unless the number is >= 0.

    Attributes:
        prompt_length: how many tokens of the context are the prompt.
        eos_ids: the ids that end a text. Both come from the situation of a step where they are not given.
    """

    value: int
    prompt_length: int = field(default=0, compare=False)
    eos_ids: tuple[int, ...] = field(default=(), compare=False)
    name: ClassVar[str] = "min_new_tokens"
    truncates: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require(self.value >= 0, self.name, ">= 0 (0 is off)", self.value)

    def at(self, situation: Situation) -> "MinNewTokens":
        if self.eos_ids:
            return self
        return replace(self, prompt_length=situation.prompt_length, eos_ids=situation.eos_ids)

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        if self.is_neutral or context.shape[-1] - self.prompt_length >= self.value:
            return logits
        known = [i for i in self.eos_ids if i < logits.shape[-1]]
        if not known:
            return logits
        left = logits.numpy().copy()
        left[:, known] = REMOVED
        return torch.from_numpy(left)


@dataclass(frozen=True)
class Temperature(InTransformers):
    """Divide the logits by T: below 1 the distribution sharpens, above 1 it flattens.

    Ackley et al. 1985; transformers `TemperatureLogitsWarper`. Raises ValueError unless T > 0.
    """

    value: float
    name: ClassVar[str] = "temperature"
    truncates: ClassVar[bool] = False
    neutral: ClassVar[float] = 1

    def __post_init__(self) -> None:
        require(self.value > 0, self.name, "> 0 (for T → 0 take greedy)", self.value)

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        return logits if self.is_neutral else torch.from_numpy(logits.numpy() / self.value)


@dataclass(frozen=True)
class TopK(InTransformers):
    """Keep the k most probable tokens; every token that ties with the k-th is kept too.

    Fan et al. 2018; transformers `TopKLogitsWarper`. Raises ValueError unless k >= 0.
    """

    value: int
    min_tokens_to_keep: int = 1
    name: ClassVar[str] = "top_k"
    truncates: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require(self.value >= 0, self.name, ">= 0 (0 is off)", self.value)

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        if self.is_neutral:
            return logits
        k = min(max(self.value, self.min_tokens_to_keep), logits.shape[-1])
        kth_value = torch.topk(logits, k)[0][..., -1, None]
        return without(logits, logits.numpy() < kth_value.numpy())


@dataclass(frozen=True)
class TopP(InTransformers):
    """Nucleus: keep the smallest set of most probable tokens whose total probability reaches p.

    Holtzman et al. 2019; transformers `TopPLogitsWarper`: sorted ascending, a token goes if the mass up to and
    including it is <= 1 - p; the most probable token always stays. Raises ValueError unless 0 <= p <= 1.
    """

    value: float
    min_tokens_to_keep: int = 1
    name: ClassVar[str] = "top_p"
    truncates: ClassVar[bool] = True
    neutral: ClassVar[float] = 1

    def __post_init__(self) -> None:
        require(0 <= self.value <= 1, self.name, "between 0 and 1 (1 is off)", self.value)

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        if self.is_neutral:
            return logits
        rows = logits.numpy()
        ascending = np.sort(rows, axis=-1)
        tail = torch.from_numpy(ascending).softmax(dim=-1).cumsum(dim=-1) <= (1 - self.value)
        tail[..., -self.min_tokens_to_keep :] = False
        first_kept = tail.sum(dim=-1, keepdim=True).numpy()  # the tail is a prefix of the ascending row
        border = np.take_along_axis(ascending, first_kept, axis=-1)
        last_removed = np.take_along_axis(ascending, np.maximum(first_kept - 1, 0), axis=-1)
        if not np.all((first_kept == 0) | (last_removed < border)):  # a tie at the border: which goes, the order says
            order = torch.sort(logits, descending=False).indices
            return logits.masked_fill(tail.scatter(1, order, tail), REMOVED)
        return without(logits, rows < border)


@dataclass(frozen=True)
class MinP(InTransformers):
    """Keep the tokens at least min_p times as probable as the most probable one.

    Nguyen et al. 2024; transformers `MinPLogitsWarper`. Raises ValueError unless 0 <= min_p <= 1.
    """

    value: float
    min_tokens_to_keep: int = 1
    name: ClassVar[str] = "min_p"
    truncates: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require(0 <= self.value <= 1, self.name, "between 0 and 1 (0 is off)", self.value)

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        if self.is_neutral:
            return logits
        probabilities = torch.softmax(logits, dim=-1)
        rare = probabilities.numpy() < self.value * probabilities.numpy().max(axis=-1, keepdims=True)
        if self.min_tokens_to_keep > 1:  # the most probable one stays by itself
            kept = torch.topk(probabilities, min(self.min_tokens_to_keep, logits.shape[-1]), dim=-1).indices
            np.put_along_axis(rare, kept.numpy(), False, axis=-1)
        return without(logits, rare)


@dataclass(frozen=True)
class TypicalP(InTransformers):
    """Locally typical: keep the tokens whose surprisal is closest to the entropy, until their mass reaches p.

    Meister et al. 2022; transformers `TypicalLogitsWarper`: the token that crosses the mass stays, with its ties.
    It may remove the most probable token. Raises ValueError unless 0 < p <= 1.
    """

    value: float
    min_tokens_to_keep: int = 1
    name: ClassVar[str] = "typical_p"
    truncates: ClassVar[bool] = True
    neutral: ClassVar[float] = 1

    def __post_init__(self) -> None:
        require(0 < self.value <= 1, self.name, "above 0 and at most 1 (1 is off)", self.value)

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        if self.is_neutral:
            return logits
        logprobs = torch.log_softmax(logits, dim=-1)
        entropy = -(logprobs * logprobs.exp()).nansum(-1, keepdim=True)
        distances = torch.abs(-logprobs - entropy)
        order = torch.from_numpy(np.argsort(distances.numpy(), axis=-1))
        cumulative = logits.gather(-1, order).softmax(dim=-1).cumsum(dim=-1)
        last = (cumulative < self.value).sum(dim=-1, keepdim=True).clamp(max=logits.shape[-1] - 1)
        atypical = distances.numpy() > distances.gather(-1, order.gather(-1, last)).numpy()
        if self.min_tokens_to_keep > 1:  # the most typical one stays by itself
            kept = torch.sort(distances, descending=False).indices[..., : self.min_tokens_to_keep]
            np.put_along_axis(atypical, kept.numpy(), False, axis=-1)
        return without(logits, atypical)


def keeping(processors: Sequence[Processor], min_tokens_to_keep: int) -> tuple[Processor, ...]:
    """The same processors, those that truncate keeping at least so many tokens of every row."""
    return tuple(
        replace(p, min_tokens_to_keep=min_tokens_to_keep) if isinstance(p, (TopK, TopP, MinP, TypicalP)) else p
        for p in processors
    )
