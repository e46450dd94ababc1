"""A KV cache with room to grow: a new token is written into it, where transformers' own copies the whole for each."""

from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

_ROOM = 128  # tokens, or a quarter of what is there


def new_cache(config: Any) -> DynamicCache:
    """An empty cache for a model of this configuration. Layers with a window of their own stay transformers'."""
    cache = DynamicCache(config=config)
    cache.layers = [GrowingLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


class GrowingLayer(DynamicLayer):
    """Keys and values (B, heads, length, head size) as views of larger buffers: what a model reads is the same."""

    keys: Tensor
    values: Tensor

    def __init__(self) -> None:
        super().__init__()
        self._buffers: tuple[Tensor, Tensor] | None = None

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Append (B, heads, new, head size); return all keys and values."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start = self.get_seq_length()
        end = start + key_states.shape[-2]
        if self._buffers is None or end > self._buffers[0].shape[-2]:
            room = end + max(_ROOM, end // 4)
            self._buffers = (
                self._grown(self.keys, key_states, start, room), self._grown(self.values, value_states, start, room)
            )  # fmt: skip
        keys, values = self._buffers
        keys[..., start:end, :] = key_states
        values[..., start:end, :] = value_states
        self.keys, self.values = keys[..., :end, :], values[..., :end, :]
        return self.keys, self.values

    @staticmethod
    def _grown(present: Tensor, like: Tensor, length: int, room: int) -> Tensor:
        batch, heads, _, size = like.shape
        buffer = torch.empty(batch, heads, room, size, dtype=like.dtype, device=like.device)
        if length:
            buffer[..., :length, :] = present
        return buffer

    @property
    def bytes(self) -> int:
        """What the buffers take."""
        return sum(buffer.nbytes for buffer in self._buffers or ())

    def reset(self) -> None:
        self._buffers = None
        super().reset()

    def batch_repeat_interleave(self, repeats: int) -> None:
        self._buffers = None
        super().batch_repeat_interleave(repeats)

    def batch_select_indices(self, indices: Tensor) -> None:
        self._buffers = None
        super().batch_select_indices(indices)
