"""Position tables that switch with the length of the text: what `generate` does there, and no text disturbs another.

Two kinds of rotary positions depend on how long the text is. "longrope" (Phi-3) has a table for short texts and one for
long ones; "dynamic" stretches its table with every token beyond the original length. transformers keeps the table of
the last call in the model, where texts that are read in turns, or in two threads, would find each other's.
"""

import copy
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

_SWITCHING = ("dynamic", "longrope")


def switches(module: Any) -> bool:
    """Whether the model reads a token differently according to how long the text is."""
    return any(_is_switching(part) for part in module.modules())


def keep_apart(module: Any) -> None:
    """Let every call work out its table for itself, from the original one: the same numbers as in a model that has
    read nothing else, whoever else reads. Done in place; does nothing to models whose table never changes."""
    for part in module.modules():
        if _is_switching(part):
            part.forward = partial(_from_the_original, part)


def starts_anew(module: Any, ids: Tensor, cache: Mapping[str, Any]) -> bool:
    """Whether `generate` throws the cache away before the last of these ids (B, L), all others being in it, and reads
    the whole text again: asked of the model's own preparation of a step. `cache` stands under its argument's name."""
    if "prepare_inputs_for_generation" not in _own_methods(type(module)):
        return False
    prepared = module.prepare_inputs_for_generation(
        ids, next_sequence_length=1, use_cache=True, attention_mask=None,
        position_ids=torch.arange(ids.shape[1])[None], **cache,
    )  # fmt: skip
    is_dropped = all(prepared.get(name) is None for name in cache)
    return bool(is_dropped and prepared["input_ids"].shape[1] == ids.shape[1] > 1)


def _own_methods(kind: type) -> set[str]:
    """What the classes of one architecture define; not what all models inherit from transformers' base classes."""
    own = [c for c in kind.__mro__ if ".models." in c.__module__ or not c.__module__.startswith("transformers.")]
    return {name for c in own for name in vars(c)}


def _is_switching(part: Any) -> bool:
    kinds = getattr(part, "rope_type", None)
    found = kinds.values() if isinstance(kinds, dict) else (kinds,)
    return hasattr(part, "original_max_seq_len") and any(kind in _SWITCHING for kind in found)


def _from_the_original(rotary: Any, *args: Any, **kwargs: Any) -> Any:
    """One call of a rotary embedding on a copy of its own, whose table starts from the original."""
    own = copy.copy(rotary)
    own._buffers = {
        name: None if buffer is None else rotary._buffers.get(_original(name), buffer).clone()
        for name, buffer in rotary._buffers.items()
    }
    own.max_seq_len_cached = own.original_max_seq_len
    return type(rotary).forward(own, *args, **kwargs)


def _original(name: str) -> str:
    """The buffer that holds what `name` was at first: "inv_freq" → "original_inv_freq"."""
    return name if "original" in name else name.replace("inv_freq", "original_inv_freq")
