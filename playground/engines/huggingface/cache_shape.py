"""The shape of a KV cache: read off a real one, because configurations name only some of what is kept."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from playground.engines.huggingface.backend import HuggingFaceModel


@dataclass(frozen=True)
class KeptLayer:
    """A layer that keeps a key and a value for each head and token.

    Attributes:
        layer: which of the model's, from 0.
        kv_heads, key_size, value_size: numbers a token: kv_heads × (key_size + value_size).
        window: the most tokens seen, or None for all; one fewer is kept.
    """

    layer: int
    kv_heads: int
    key_size: int
    value_size: int
    window: int | None


@dataclass(frozen=True)
class CacheShape:
    """What a KV cache keeps.

    Attributes:
        layers: those with keys and values.
        all_layers: how many the model has.
        heads: query heads a layer; they share keys where there are fewer key-value heads.
        value_bytes: of one number, 4 for float32.
        state_bytes: of everything whose size does not depend on the length: recurrent and convolution states.
        is_latent: what is kept is not keys and values, but the one vector a token that those of all heads are made of
            (multi-head latent attention).
    """

    layers: tuple[KeptLayer, ...]
    all_layers: int
    heads: int
    value_bytes: int
    state_bytes: int
    is_latent: bool


@torch.inference_mode()
def cache_shape(model: HuggingFaceModel) -> CacheShape:
    """Of the cache after two tokens."""
    config, cache = model.module.config.get_text_config(), model.new_cache()
    model.forward(torch.zeros(1, 2, dtype=torch.long), cache, 0)
    layers = tuple(
        KeptLayer(i, keys.shape[1], keys.shape[-1], values.shape[-1], _window(layer))
        for i, layer in enumerate(cache.layers)
        for keys, values in [_keys_and_values(layer)]
        if keys is not None and values is not None
    )
    latent = getattr(config, "kv_lora_rank", None)
    return CacheShape(
        layers=layers,
        all_layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        value_bytes=next(model.module.parameters()).element_size(),
        state_bytes=sum(t.nbytes for t in _tensors(cache)) - sum(t.nbytes for t in _by_token(cache)),
        is_latent=bool(layers) and latent is not None and layers[0].kv_heads == 1 and layers[0].key_size == latent,
    )


def held_bytes(cache: Any) -> int:
    """Bytes of all that a cache holds: keys, values and states."""
    return sum(tensor.nbytes for tensor in _tensors(cache))


def _by_token(cache: Any) -> list[Tensor]:
    return [t for layer in cache.layers for t in _keys_and_values(layer) if t is not None]


def _keys_and_values(layer: Any) -> tuple[Tensor | None, Tensor | None]:
    keys, values = getattr(layer, "keys", None), getattr(layer, "values", None)
    if keys is None or values is None or not keys.numel():
        return None, None
    return keys, values


def _tensors(cache: Any) -> list[Tensor]:
    """Of a cache and its layers; a layer's buffers with room to grow are not counted, its keys and values are."""
    found: list[Tensor] = _by_token(cache)
    states = [getattr(cache, "linear_cache", ())]
    for layer in cache.layers:
        states += [getattr(layer, name, {}).values() for name in ("conv_states", "recurrent_states")]
        states.append((getattr(layer, "indexer_keys", None),))
    return found + [state for group in states for state in group if isinstance(state, Tensor)]


def _window(layer: Any) -> int | None:
    return int(layer.sliding_window) if getattr(layer, "is_sliding", False) else None
