"""A KV cache with room to grow: a new token is written into it, where transformers' own copies the whole for each."""

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer

_ROOM = 128  # tokens, or a quarter of what is there
_NAMES = ("cache", "past_key_values")  # of a cache, in transformers 5.24 and before


class StatefulError(Exception):
    """An architecture keeps what it has read in itself."""


def new_cache(config: Any) -> DynamicCache:
    """An empty cache for a model of this configuration. Layers with a window of their own, and those that keep a state
    in place of keys and values, stay transformers'."""
    cache = DynamicCache(config=config)
    cache.layers = [GrowingLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


def cache_argument(module: Any) -> str | None:
    """What this model's forward calls its KV cache: `cache` from transformers 5.24 on, `past_key_values` before.

    None for an architecture that keeps no keys in any layer (Mamba).
    """
    accepted = inspect.signature(module.forward).parameters
    name = next((name for name in _NAMES if name in accepted), None)
    return None if name is None or all(DynamicCache(config=module.config).is_linear) else name


@torch.inference_mode()
def own_cache(module: Any, places: Mapping[str, Tensor]) -> type[Cache] | None:
    """The class of cache that an architecture makes for itself, or None where it takes transformers' DynamicCache.

    Reads one token, which stands where `places` say, by the forward's own name for positions. Raises StatefulError
    for an architecture that keeps what it has read in itself, not in its cache: texts read in turns would mix.
    """
    before = _plain_tensors(module)
    output = module(input_ids=torch.zeros(1, 1, dtype=torch.long), use_cache=True, **places)
    made = next((output[name] for name in _NAMES if name in output), None)
    if _plain_tensors(module) - before:
        raise StatefulError
    if module._supports_default_dynamic_cache():
        return None
    return type(made) if isinstance(made, Cache) else None


def keeps_keys_alone(cache: Cache) -> bool:
    """Whether every layer keeps keys and values, and none a recurrent state."""
    return all(isinstance(layer, DynamicLayer) and not hasattr(layer, "recurrent_states") for layer in cache.layers)


def _plain_tensors(module: Any) -> set[tuple[str, str]]:
    """Where the parts of a model hold tensors that are neither weights nor buffers."""
    return {
        (name, key) for name, part in module.named_modules() for key, v in vars(part).items() if isinstance(v, Tensor)
    }


def is_reordered_by_generate(kind: type[Cache] | None) -> bool:
    """Whether beam search in `generate` keeps a cache of this class in order. A class that selects rows in a way of its
    own and leaves `reorder_cache` as it was, as MiniMax's, keeps a part of it in the old order."""
    return kind is None or "reorder_cache" in vars(kind) or "batch_select_indices" not in vars(kind)


def fan_out(cache: Cache, rows: int) -> None:
    """Let a cache of one sequence hold it `rows` times."""
    if type(cache) is not DynamicCache:
        cache.batch_repeat_interleave(rows)
        return
    for layer in cache.layers:
        if isinstance(layer, GrowingLayer):
            layer.batch_repeat_interleave(rows)
        else:
            layer.reorder_cache(torch.zeros(rows, dtype=torch.long))


def reorder(cache: Cache, parents: Tensor) -> None:
    """Let row i of a cache be what row parents[i] was: keys and values, windows and recurrent states alike."""
    if type(cache) is not DynamicCache:
        cache.batch_select_indices(parents)
        return
    for layer in cache.layers:
        if isinstance(layer, GrowingLayer):
            layer.batch_select_indices(parents)
        else:
            layer.reorder_cache(parents)


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

    def append(self, key_states: Tensor, value_states: Tensor, start: int) -> tuple[Tensor, Tensor]:
        """`update` of a layer that holds `start` tokens, at least one."""
        end = start + key_states.shape[-2]
        buffers = self._buffers
        if not buffers or end > buffers[0].shape[-2]:
            return self.update(key_states, value_states)
        keys, values = buffers
        keys[..., start:end, :] = key_states
        values[..., start:end, :] = value_states
        self.keys, self.values = keys[..., :end, :], values[..., :end, :]
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
