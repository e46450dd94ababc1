"""States: sequences in a KV cache with their next-token logits, and the caches kept for later runs."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from transformers import Cache

from playground.decoding.rows import Desk, Row
from playground.engines.huggingface import positions
from playground.engines.huggingface.kv_cache import (
    GrowingLayer,
    fan_out,
    reorder,
)
from playground.errors import PromptTooLongError

if TYPE_CHECKING:
    from playground.engines.huggingface.backend import HuggingFaceModel

_KEPT_CACHES = 8
_KEPT_CACHE_BYTES = 512 * 2**20


class Answer(NamedTuple):
    """What a forward pass says of the next token: logits (B, V) float32, and what the head had read for them (B, 1, d)
    where they can be made again from it."""

    logits: Tensor
    read: Tensor | None


@dataclass(eq=False)
class HuggingFaceState:
    """B sequences of equal length in a KV cache, with their next-token logits.

    Attributes:
        ids: the first row's ids, all of them in the cache.
        prompt_length: how many of them are the prompt.
        at_prompt: what the model said after the prompt (B = 1).
        answer: what it said last.
        at_once: how many tokens were read in one pass: the prompt, or all up to where the positions switched.
        every_row: (B, L), the ids of all rows; None where they are all the first row's.
    """

    model: "HuggingFaceModel"
    cache: Cache
    ids: tuple[int, ...]
    prompt_length: int
    at_prompt: Answer
    answer: Answer
    at_once: int = 0
    every_row: Tensor | None = field(default=None, repr=False)
    _spent: bool = field(default=False, repr=False)

    def __post_init__(self) -> None:
        self.at_once = self.at_once or self.prompt_length

    @property
    def logits(self) -> Tensor:
        """(B, V) float32, of the token that follows."""
        return self.answer.logits

    def row(self, index: int, desk: Desk) -> Row:
        """The logits of one row, which are made again when they are wanted after they have left the desk."""
        logits, read = self.answer
        own = logits[index] if len(logits) == 1 else logits[index].clone()  # a view would hold the rows of all
        if read is None:
            return Row(own)
        head = self.model.head
        return Row(own, lambda: head.logits(read)[index, -1].clone(), desk, read.nbytes // len(read))

    @property
    def rows(self) -> Tensor:
        """(B, L): the ids of all rows."""
        return torch.tensor([self.ids] * len(self.logits)) if self.every_row is None else self.every_row

    def advance(self, parents: Sequence[int], token_ids: Sequence[int]) -> "HuggingFaceState":
        """One token more per row. Raises PromptTooLongError when the context is full."""
        length = len(self.ids)
        if length >= self.model.context_length:
            raise PromptTooLongError(tokens=length + 1, limit=self.model.context_length)
        self._spent = True
        new = torch.tensor(list(token_ids))[:, None]
        rows = torch.cat([self.rows[list(parents)], new], dim=1)
        cache, at_once = self.cache, self.at_once
        if positions.starts_anew(self.model.module, rows, {self.model.cache_argument: cache}):
            cache, at_once = self.model.new_cache(), length + 1
            answer = self.model.forward(rows, cache, 0)
        else:
            self._reorder(list(parents))
            answer = self.model.forward(new, cache, length)
        ids = (*self.ids, token_ids[0]) if parents[0] == 0 else tuple(rows[0].tolist())
        return HuggingFaceState(
            self.model, cache, ids, self.prompt_length, self.at_prompt, answer, at_once=at_once, every_row=rows
        )

    @torch.inference_mode()
    def _reorder(self, parents: list[int]) -> None:
        """Let row i of the cache be what row parents[i] was; nothing is moved that stays as it is."""
        rows = self.logits.shape[0]
        if rows == 1 and len(parents) > 1:
            fan_out(self.cache, len(parents))
        elif parents != list(range(rows)):
            reorder(self.cache, torch.tensor(parents))

    def release(self) -> None:
        """Keep the cache for a later prefill. Does nothing when the state has been consumed already."""
        if not self._spent:
            self._spent = True
            if not self.model.changes:
                self.model.kept.put(self)

    def cropped(self, length: int) -> "HuggingFaceState":
        """All but the first `length` tokens forgotten. Its logits are right only at the prompt's end or its own, and
        it must go on from anywhere else. Consumes this state."""
        if length < len(self.ids):
            self.cache.crop(length - len(self.ids))
        answer = self.at_prompt if length == self.prompt_length else self.answer
        return replace(self, ids=self.ids[:length], every_row=self.rows[:, :length], answer=answer, _spent=False)

    @property
    def is_reusable(self) -> bool:
        """Whether the cache is one sequence and can be cut at any point (sliding windows can't)."""
        return self.logits.shape[0] == 1 and all(type(layer) is GrowingLayer for layer in self.cache.layers)

    @property
    def bytes(self) -> int:
        return sum(layer.bytes for layer in self.cache.layers)


class KeptCaches:
    """The KV caches of the last few runs. Each is handed out to one prefill at a time."""

    def __init__(self) -> None:
        self._states: list[HuggingFaceState] = []  # least recently kept first
        self._lock = threading.Lock()

    def put(self, state: HuggingFaceState) -> None:
        if not state.is_reusable or state.bytes > _KEPT_CACHE_BYTES:
            return
        with self._lock:
            self._states.append(state)
            while len(self._states) > _KEPT_CACHES or sum(s.bytes for s in self._states) > _KEPT_CACHE_BYTES:
                self._states.pop(0)

    def take(self, ids: tuple[int, ...], prompt_length: int) -> tuple["HuggingFaceState | None", int]:
        """The kept state that saves most, removed from the pool, and how many of its tokens to go on from."""
        with self._lock:
            found = [(_reusable(state, ids, prompt_length), state) for state in self._states]
            shared, best = max(found, key=lambda pair: pair[0], default=(0, None))
            if best is None or shared == 0:
                return None, 0
            self._states.remove(best)
            return best, shared


def _reusable(state: HuggingFaceState, ids: tuple[int, ...], prompt_length: int) -> int:
    """How many tokens of `state` a run over `ids` may go on from; all of `ids` only where the logits are at hand."""
    if state.prompt_length != prompt_length:
        return 0
    whole, common = len(state.ids), 0
    for ours, theirs in zip(state.ids, ids, strict=False):
        if ours != theirs:
            break
        common += 1
    if common == len(ids) and common not in (prompt_length, whole):
        common -= 1  # the last token is fed again, to get its logits
    return common if common >= state.at_once else 0  # what was read in one pass can't be had in part
