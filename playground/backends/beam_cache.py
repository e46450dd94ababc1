"""The KV cache of several rows that continue one prompt: grown in place, reordered only from where the rows part.

transformers' DynamicLayer copies all keys and values for every token (`cat`), and again for every reordering.
"""

from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

ROOM = 64  # tokens to grow by


class RowsLayer(DynamicLayer):  # type: ignore[misc]  # transformers is Any at this seam
    """One layer's keys and values, (B, heads, length, d) views of larger buffers.

    Attributes:
        shared: how many leading tokens all rows have in common, to the last bit.
    """

    def __init__(self, layer: DynamicLayer, rows: int) -> None:
        """`rows` copies of a layer that holds one sequence."""
        super().__init__()
        self.lazy_initialization(layer.keys, layer.values)
        self.shared = layer.keys.shape[-2]
        self._buffers = [_copied(tensor, rows) for tensor in (layer.keys, layer.values)]
        self._show(self.shared)

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        start = self.keys.shape[-2]
        end = start + key_states.shape[-2]
        for place, states in enumerate((key_states, value_states)):
            if end > self._buffers[place].shape[-2]:
                self._buffers[place] = _copied(self._buffers[place][:, :, :start], len(states))
            self._buffers[place][:, :, start:end] = states
        self._show(end)
        return self.keys, self.values

    def batch_select_indices(self, indices: Tensor) -> None:
        """Let row i be what row indices[i] was. Of as many rows as before only those that change are touched, and of
        them only what follows the prompt."""
        length, count = self.keys.shape[-2], self.keys.shape[0]
        if len(indices) != count:
            self._buffers = [buffer[indices] for buffer in self._buffers]
        else:
            changed = (indices != torch.arange(count)).nonzero()[:, 0]
            for buffer in self._buffers:
                part = buffer[:, :, self.shared : length]
                part[changed] = part[indices[changed]]  # the right side is a copy, so rows may trade places
        self._show(length)

    def _show(self, length: int) -> None:
        self.keys, self.values = (buffer[:, :, :length] for buffer in self._buffers)


def fan_out(cache: DynamicCache, rows: int) -> None:
    """Let a cache of one sequence hold it `rows` times."""
    if all(type(layer) is DynamicLayer for layer in cache.layers):
        cache.layers = [RowsLayer(layer, rows) for layer in cache.layers]
    else:  # sliding windows and the like
        cache.batch_repeat_interleave(rows)


def _copied(tensor: Tensor, rows: int) -> Tensor:
    """The same keys or values in a buffer of `rows` rows with room to grow."""
    _, heads, length, size = tensor.shape
    buffer = tensor.new_empty((rows, heads, length + ROOM, size))
    buffer[:, :, :length] = tensor
    return buffer
