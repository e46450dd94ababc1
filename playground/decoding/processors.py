"""Logits processors: pure functions that reshape or cut a row of logits, each exactly as transformers computes it.

Every processor maps `context` (B, L) int64 and `logits` (B, V) float32 to new logits (B, V); it never writes into
its input. A removed token has the logit -inf. A neutral value returns the input itself: an exact no-op.
`name` is the argument of `generate` that switches the processor on, `value` what to pass there. A truncating one keeps
`min_tokens_to_keep` tokens at least: 1, and more only in beam sampling, where every beam needs several candidates.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

import torch
from torch import Tensor

REMOVED = -float("inf")


class Processor(Protocol):
    """A named, parametrised function of the context and the logits of the next token.

    `truncates` says whether it cuts the tail: removes tokens by how probable they are.
    """

    name: ClassVar[str]
    truncates: ClassVar[bool]

    @property
    def value(self) -> float: ...

    @property
    def is_neutral(self) -> bool: ...

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor: ...


def _require(holds: bool, name: str, rule: str, value: float) -> None:
    if not holds:
        raise ValueError(f"{name} must be {rule}, got {value}")


@dataclass(frozen=True)
class RepetitionPenalty:
    """Divide the positive and multiply the negative logits of every token that already occurs, prompt included.

    Keskar et al. 2019 (CTRL); transformers `RepetitionPenaltyLogitsProcessor`. Each distinct id is penalised once.
    Raises ValueError unless the penalty is > 0.
    """

    value: float
    name: ClassVar[str] = "repetition_penalty"
    truncates: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _require(self.value > 0, self.name, "> 0 (1 is off)", self.value)

    @property
    def is_neutral(self) -> bool:
        return self.value == 1

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
class NoRepeatNGram:
    """Remove every token that would complete an n-gram which the prompt or the output already contains.

    Paulus et al. 2017; transformers `NoRepeatNGramLogitsProcessor`. n = 1 bans every token seen so far.
    Raises ValueError unless n >= 0.
    """

    value: int
    name: ClassVar[str] = "no_repeat_ngram_size"
    truncates: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _require(self.value >= 0, self.name, ">= 0 (0 is off)", self.value)

    @property
    def is_neutral(self) -> bool:
        return self.value == 0

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
class MinNewTokens:
    """Remove the ids that end a text until `value` tokens have been generated.

    transformers `MinNewTokensLengthLogitsProcessor`. Raises ValueError unless the number is >= 0.

    Attributes:
        prompt_length: how many tokens of the context are the prompt.
        eos_ids: the ids that end a text.
    """

    value: int
    prompt_length: int
    eos_ids: tuple[int, ...]
    name: ClassVar[str] = "min_new_tokens"
    truncates: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _require(self.value >= 0, self.name, ">= 0 (0 is off)", self.value)

    @property
    def is_neutral(self) -> bool:
        return self.value == 0 or not self.eos_ids

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        if self.is_neutral or context.shape[-1] - self.prompt_length >= self.value:
            return logits
        ends = torch.zeros(logits.shape[-1], dtype=torch.bool)
        ends[[i for i in self.eos_ids if i < logits.shape[-1]]] = True
        return logits.masked_fill(ends, REMOVED)


@dataclass(frozen=True)
class Temperature:
    """Divide the logits by T: below 1 the distribution sharpens, above 1 it flattens.

    Ackley et al. 1985; transformers `TemperatureLogitsWarper`. Raises ValueError unless T > 0.
    """

    value: float
    name: ClassVar[str] = "temperature"
    truncates: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _require(self.value > 0, self.name, "> 0 (for T → 0 take greedy)", self.value)

    @property
    def is_neutral(self) -> bool:
        return self.value == 1

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        return logits if self.is_neutral else logits / self.value


@dataclass(frozen=True)
class TopK:
    """Keep the k most probable tokens; every token that ties with the k-th is kept too.

    Fan et al. 2018; transformers `TopKLogitsWarper`. Raises ValueError unless k >= 0.
    """

    value: int
    min_tokens_to_keep: int = 1
    name: ClassVar[str] = "top_k"
    truncates: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _require(self.value >= 0, self.name, ">= 0 (0 is off)", self.value)

    @property
    def is_neutral(self) -> bool:
        return self.value == 0

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        if self.is_neutral:
            return logits
        k = min(max(self.value, self.min_tokens_to_keep), logits.shape[-1])
        kth_value = torch.topk(logits, k)[0][..., -1, None]
        return logits.masked_fill(logits < kth_value, REMOVED)


@dataclass(frozen=True)
class TopP:
    """Nucleus: keep the smallest set of most probable tokens whose total probability reaches p.

    Holtzman et al. 2019; transformers `TopPLogitsWarper`: sorted ascending, a token goes if the mass up to and
    including it is <= 1 - p; the most probable token always stays. Raises ValueError unless 0 <= p <= 1.
    """

    value: float
    min_tokens_to_keep: int = 1
    name: ClassVar[str] = "top_p"
    truncates: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _require(0 <= self.value <= 1, self.name, "between 0 and 1 (1 is off)", self.value)

    @property
    def is_neutral(self) -> bool:
        return self.value == 1

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        if self.is_neutral:
            return logits
        ascending, order = torch.sort(logits, descending=False)
        tail = ascending.softmax(dim=-1).cumsum(dim=-1) <= (1 - self.value)
        tail[..., -self.min_tokens_to_keep :] = False
        return logits.masked_fill(tail.scatter(1, order, tail), REMOVED)


@dataclass(frozen=True)
class MinP:
    """Keep the tokens at least min_p times as probable as the most probable one.

    Nguyen et al. 2024; transformers `MinPLogitsWarper`. Raises ValueError unless 0 <= min_p <= 1.
    """

    value: float
    min_tokens_to_keep: int = 1
    name: ClassVar[str] = "min_p"
    truncates: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _require(0 <= self.value <= 1, self.name, "between 0 and 1 (0 is off)", self.value)

    @property
    def is_neutral(self) -> bool:
        return self.value == 0

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        if self.is_neutral:
            return logits
        probabilities = torch.softmax(logits, dim=-1)
        rare = probabilities < self.value * probabilities.amax(dim=-1, keepdim=True)
        kept = min(self.min_tokens_to_keep, logits.shape[-1])
        rare.scatter_(-1, torch.topk(probabilities, kept, dim=-1).indices, False)
        return logits.masked_fill(rare, REMOVED)


@dataclass(frozen=True)
class TypicalP:
    """Locally typical: keep the tokens whose surprisal is closest to the entropy, until their mass reaches p.

    Meister et al. 2022; transformers `TypicalLogitsWarper`: the token that crosses the mass stays, with its ties.
    It may remove the most probable token. Raises ValueError unless 0 < p <= 1.
    """

    value: float
    min_tokens_to_keep: int = 1
    name: ClassVar[str] = "typical_p"
    truncates: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _require(0 < self.value <= 1, self.name, "above 0 and at most 1 (1 is off)", self.value)

    @property
    def is_neutral(self) -> bool:
        return self.value == 1

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        if self.is_neutral:
            return logits
        logprobs = torch.log_softmax(logits, dim=-1)
        entropy = -(logprobs * logprobs.exp()).nansum(-1, keepdim=True)
        distances, order = torch.sort(torch.abs(-logprobs - entropy), descending=False)
        cumulative = logits.gather(-1, order).softmax(dim=-1).cumsum(dim=-1)
        last = (cumulative < self.value).sum(dim=1).clamp(max=logits.shape[-1] - 1)
        atypical = distances > distances.gather(1, last.view(-1, 1))
        atypical[..., : self.min_tokens_to_keep] = False
        return logits.masked_fill(atypical.scatter(1, order, atypical), REMOVED)


# The order in which transformers applies them (`_get_logits_processor`), greedy search only the first two.
TRANSFORMERS_ORDER: tuple[Callable[..., Processor], ...] = (
    RepetitionPenalty,
    NoRepeatNGram,
    Temperature,
    TopK,
    TopP,
    MinP,
    TypicalP,
)


def keeping(processors: Sequence[Processor], min_tokens_to_keep: int) -> tuple[Processor, ...]:
    """The same processors, those that truncate keeping at least so many tokens of every row."""
    return tuple(
        replace(p, min_tokens_to_keep=min_tokens_to_keep) if isinstance(p, (TopK, TopP, MinP, TypicalP)) else p
        for p in processors
    )
