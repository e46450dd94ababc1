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


def fan_out(cache: DynamicCache, rows: int) -> None:
    """Let a cache of one sequence hold it `rows` times."""
    for layer in cache.layers:
        layer.batch_repeat_interleave(rows)


class GrowingLayer(DynamicLayer):
    """Keys and values (B, heads, length, head size) as views of larger buffers: what a model reads is the same.

    Attributes:
        shared: how many leading tokens all rows have in common, to the last bit; reordering leaves them alone.
    """

    keys: Tensor
    values: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.shared = 0
        self._buffers: list[Tensor] = []

    @property
    def bytes(self) -> int:
        """What the buffers take."""
        return sum(buffer.nbytes for buffer in self._buffers)

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Append (B, heads, new, head size); return all keys and values."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start = self.get_seq_length()
        end = start + key_states.shape[-2]
        if not self._buffers or end > self._buffers[0].shape[-2]:
            room = end + max(_ROOM, end // 4)
            present = (self.keys, self.values) if start else (None, None)
            pairs = zip((key_states, value_states), present, strict=True)
            self._buffers = [_buffer(states, room, old) for states, old in pairs]
        for buffer, states in zip(self._buffers, (key_states, value_states), strict=True):
            buffer[..., start:end, :] = states
        self._show(end)
        return self.keys, self.values

    def crop(self, tokens_to_remove: int) -> None:
        super().crop(tokens_to_remove)
        self.shared = min(self.shared, self.get_seq_length())

    def reset(self) -> None:
        self.shared, self._buffers = 0, []
        super().reset()

    def batch_repeat_interleave(self, repeats: int) -> None:
        length = self.get_seq_length()
        if length:
            self.shared = length if len(self.keys) == 1 else 0
            self._buffers = [buffer.repeat_interleave(repeats, dim=0) for buffer in self._buffers]
            self._show(length)

    def batch_select_indices(self, indices: Tensor) -> None:
        """Let row i be what row indices[i] was. Of as many rows as before only those that change are touched, and of
        them only what is not shared."""
        length = self.get_seq_length()
        if not length:
            return
        rows = len(self.keys)
        if len(indices) != rows:
            self._buffers = [buffer[indices] for buffer in self._buffers]
        else:
            changed = (indices != torch.arange(rows)).nonzero()[:, 0]
            for buffer in self._buffers:
                part = buffer[..., self.shared : length, :]
                part[changed] = part[indices[changed]]  # the right side is a copy, so rows may trade places
        self._show(length)

    def _show(self, length: int) -> None:
        self.keys, self.values = (buffer[..., :length, :] for buffer in self._buffers)


def _buffer(like: Tensor, room: int, present: Tensor | None) -> Tensor:
    """Room for that many tokens, those of `present` in it."""
    batch, heads, _, size = like.shape
    buffer = torch.empty(batch, heads, room, size, dtype=like.dtype, device=like.device)
    if present is not None:
        buffer[..., : present.shape[-2], :] = present
    return buffer
