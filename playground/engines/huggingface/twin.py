"""A twin of a model: the same network around the same tensors, with an attention that hands out its weights."""

import copy
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from playground.engines.huggingface import device, positions


def twin(module: Any) -> Any:
    """The same network around the same tensors: its mode, configurations and hooks are its own to change."""
    return copy.deepcopy(module, {id(tensor): tensor for tensor in chain(module.parameters(), module.buffers())})


def eager_twin(module: Any) -> Any:
    """The same network with transformers' eager attention and a config of its own. Whether that is what came of it
    has to be looked at: an architecture without one comes back as it is."""
    copied = twin(module)
    if copied.config._attn_implementation != "eager":
        if module._can_set_attn_implementation():
            copied.set_attn_implementation("eager")
        else:  # it is chosen when the network is built (Falcon)
            copied = _built_anew(module) or copied
    return copied.eval()


def is_eager(twin: Any) -> bool:
    """Whether the attention in use is the one that computes its weights."""
    return bool(twin.config.get_text_config()._attn_implementation == "eager")


def _built_anew(module: Any) -> Any | None:
    """A network of the same class, without weights, that is given the tensors of the first; None if it can't be."""
    try:
        with torch.device("meta"):
            twin = type(module)._from_config(copy.deepcopy(module.config), attn_implementation="eager")
    except (ValueError, ImportError):
        return None
    parts, own_parts = dict(twin.named_modules()), dict(module.named_modules())
    if parts.keys() != own_parts.keys():
        return None
    for name, part in parts.items():
        own = own_parts[name]
        part._parameters, part._buffers = dict(own._parameters), dict(own._buffers)
        for key, value in vars(own).items():
            if isinstance(value, Tensor):
                setattr(part, key, value)
    positions.keep_apart(twin)
    device.bridge(twin)
    return twin


def final_norm(module: Any) -> Any:
    """The norm before the LM head, or None where it is not found under a known name."""
    base = module.base_model
    places = (base, getattr(base, "decoder", None))
    names = (
        "ln_f",
        "norm",
        "final_layer_norm",
        "final_layernorm",
        "norm_f",
        "embedding_norm",
        "layer_norm",
        "layernorm",
    )
    found = (getattr(place, name, None) for place in places if place is not None for name in names)
    return next((norm for norm in found if norm is not None), None)
