"""The forward pass written out: every station from token ids to probabilities, from a model's weights alone.

It uses a model's tensors and none of its code, so that comparing it with the library says something.
"""

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from playground.engines.huggingface import positions
from playground.errors import NothingToInspectError

BLOCKED = -math.inf
_LLAMA_STYLE = {"llama", "mistral", "qwen2", "qwen3"}


@dataclass(frozen=True)
class Station:
    """One place on the way.

    Attributes:
        name: what is computed here ("token_embedding", "scores" …).
        block: its block, from 0; None before the first and after the last.
        values: (n, width), or (heads, n, width) where heads are apart; n tokens.
    """

    name: str
    block: int | None
    values: Tensor


def family(module: Any) -> str | None:
    """ "gpt2" or "llama" (and what is built like it); None for an architecture that is not known here."""
    kind = module.config.model_type
    if kind == "gpt2" and not module.config.add_cross_attention:
        return "gpt2"
    return "llama" if kind in _LLAMA_STYLE else None


@torch.inference_mode()
def forward(module: Any, ids: Sequence[int], windows: Sequence[int | None]) -> Iterator[Station]:
    """The stations for a text of n tokens, one after the other: all at once they may be more than fits into memory.

    Raises NothingToInspectError, before the first, for an unknown architecture.
    """
    kind = family(module)
    if kind is None:
        raise NothingToInspectError(name=type(module).__name__, what="forward pass")
    for station in (_gpt2 if kind == "gpt2" else _llama)(module, torch.tensor(ids), windows):
        yield replace(station, values=station.values.cpu())


# ---- GPT-2 -------------------------------------------------------------------------------------------------------


def _gpt2(module: Any, ids: Tensor, windows: Sequence[int | None]) -> Iterator[Station]:
    base, config = module.transformer, module.config
    tokens, positions = base.wte.weight.detach()[ids], base.wpe.weight.detach()[: len(ids)]
    yield Station("token_embedding", None, tokens)
    yield Station("position_embedding", None, positions)
    x = tokens + positions
    yield Station("embedding", None, x)
    for i, block in enumerate(base.h):
        normed = _layer_norm(x, block.ln_1)
        yield Station("norm_attention", i, normed)
        mixed = _affine(normed, block.attn.c_attn)  # (n, 3 d)
        q, k, v = (_heads(part, config.n_head) for part in mixed.chunk(3, dim=-1))
        scale = 1.0
        if config.scale_attn_weights:
            scale /= math.sqrt(q.shape[-1])
        if config.scale_attn_by_inverse_layer_idx:
            scale /= i + 1
        heads = yield from _attention(i, q, k, v, scale, windows[i])
        out = _affine(heads, block.attn.c_proj)
        yield Station("projection", i, out)
        x = x + out
        yield Station("residual_attention", i, x)
        normed = _layer_norm(x, block.ln_2)
        yield Station("norm_mlp", i, normed)
        hidden = _activation(config.activation_function)(_affine(normed, block.mlp.c_fc))
        yield Station("mlp_hidden", i, hidden)
        out = _affine(hidden, block.mlp.c_proj)
        yield Station("mlp", i, out)
        x = x + out
        yield Station("residual_mlp", i, x)
    x = _layer_norm(x, base.ln_f)
    yield from _head(module, x)


def _affine(x: Tensor, layer: Any) -> Tensor:
    """x W + b; GPT-2 keeps W as (in, out)."""
    return torch.addmm(layer.bias, x, layer.weight) + _change(x, layer)


def _change(x: Tensor, layer: Any) -> Tensor | float:
    """What a LoRA adapter on the layer adds (lora.py): s (x Aᵀ) Bᵀ; 0 without one."""
    return (x @ layer.lora_a.T) @ layer.lora_b.T * layer.lora_scaling if hasattr(layer, "lora_a") else 0.0


def _layer_norm(x: Tensor, norm: Any) -> Tensor:
    """Every token's vector to mean 0 and variance 1, then scaled and shifted."""
    return F.layer_norm(x, (x.shape[-1],), norm.weight, norm.bias, norm.eps)


# ---- Llama -------------------------------------------------------------------------------------------------------


def _llama(module: Any, ids: Tensor, windows: Sequence[int | None]) -> Iterator[Station]:
    base, config = module.model, module.config
    x = base.embed_tokens.weight.detach()[ids]
    yield Station("token_embedding", None, x)
    cos, sin = _rotation(len(ids), base.rotary_emb)
    for i, block in enumerate(base.layers):
        attention, mlp = block.self_attn, block.mlp
        normed = _rms_norm(x, block.input_layernorm)
        yield Station("norm_attention", i, normed)
        q, k, v = (
            _heads(_linear(normed, projection), count)
            for projection, count in (
                (attention.q_proj, config.num_attention_heads),
                (attention.k_proj, config.num_key_value_heads),
                (attention.v_proj, config.num_key_value_heads),
            )
        )
        if hasattr(attention, "q_norm"):  # Qwen3 norms every head's query and key
            q, k = _rms_norm(q, attention.q_norm), _rms_norm(k, attention.k_norm)
        q, k = q * cos + _half_turned(q) * sin, k * cos + _half_turned(k) * sin
        heads = yield from _attention(i, q, k, v, 1 / math.sqrt(q.shape[-1]), windows[i], rotated=True)
        out = _linear(heads, attention.o_proj)
        yield Station("projection", i, out)
        x = x + out
        yield Station("residual_attention", i, x)
        normed = _rms_norm(x, block.post_attention_layernorm)
        yield Station("norm_mlp", i, normed)
        hidden = _activation(config.hidden_act)(_linear(normed, mlp.gate_proj)) * _linear(normed, mlp.up_proj)
        yield Station("mlp_gated", i, hidden)
        out = _linear(hidden, mlp.down_proj)
        yield Station("mlp", i, out)
        x = x + out
        yield Station("residual_mlp", i, x)
    x = _rms_norm(x, base.norm)
    yield from _head(module, x)


def _rms_norm(x: Tensor, norm: Any) -> Tensor:
    """Every token's vector to a mean square of 1, then scaled."""
    scaled = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + norm.variance_epsilon)
    return cast(Tensor, norm.weight * scaled)


def _rotation(length: int, rotary: Any) -> tuple[Tensor, Tensor]:
    """(n, head size) cosines and sines of the angle by which each position turns each pair of numbers."""
    if positions.switches(rotary) and length > _original_length(rotary.config):
        raise NothingToInspectError(name=rotary.rope_type, what="forward pass")
    angles = torch.arange(length).to(rotary.inv_freq)[:, None] * rotary.inv_freq[None]
    angles = torch.cat([angles, angles], dim=-1)
    return angles.cos() * rotary.attention_scaling, angles.sin() * rotary.attention_scaling


def _original_length(config: Any) -> int:
    """Up to how many tokens the table of positions is the one that the model begins with."""
    return int(config.rope_parameters.get("original_max_position_embeddings") or config.max_position_embeddings)


def _half_turned(x: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return torch.cat([-second, first], dim=-1)


# ---- what they share ---------------------------------------------------------------------------------------------


def _attention(
    block: int, q: Tensor, k: Tensor, v: Tensor, scale: float, window: int | None, rotated: bool = False
) -> Generator[Station, None, Tensor]:
    """From queries, keys and values (heads, n, head size) to the heads' outputs side by side (n, d), returned."""
    yield Station("query_rotated" if rotated else "query", block, q)
    yield Station("key_rotated" if rotated else "key", block, k)
    yield Station("value", block, v)
    shared = q.shape[0] // k.shape[0]  # query heads that share a key-value head
    k, v = k.repeat_interleave(shared, dim=0), v.repeat_interleave(shared, dim=0)
    scores = q @ k.transpose(-1, -2) * scale
    yield Station("scores", block, scores)
    ahead = ~_visible(q.shape[1], window).to(scores.device)
    scores = scores.masked_fill(ahead, BLOCKED)  # before the softmax: rows still sum to 1
    yield Station("masked", block, scores)
    weights = torch.softmax(scores, dim=-1)
    yield Station("weights", block, weights)
    heads = (weights @ v).transpose(0, 1).flatten(1)
    yield Station("heads", block, heads)
    return heads


def _visible(length: int, window: int | None) -> Tensor:
    """(n, n) bool: a query sees itself and the keys before it, `window` of them at most."""
    behind = torch.arange(length)[:, None] - torch.arange(length)[None]
    return (behind >= 0) & (behind < (window or length))


def _head(module: Any, normed: Tensor) -> Iterator[Station]:
    yield Station("final_norm", None, normed)
    logits = _linear(normed, module.lm_head)
    yield Station("logits", None, logits)
    yield Station("probabilities", None, torch.softmax(logits, dim=-1))


def _linear(x: Tensor, layer: Any) -> Tensor:
    return F.linear(x, layer.weight, layer.bias) + _change(x, layer)


def _heads(x: Tensor, count: int) -> Tensor:
    """(n, count × size) -> (count, n, size)."""
    return x.reshape(len(x), count, -1).transpose(0, 1)


def _gelu_new(x: Tensor) -> Tensor:
    """GPT-2's own formula for x Φ(x), Φ the normal distribution function."""
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x.pow(3))))


def _activation(name: str) -> Callable[[Tensor], Tensor]:
    """Raises NothingToInspectError for one that is not written out here."""
    known: dict[str, Callable[[Tensor], Tensor]] = {
        "gelu_new": _gelu_new,
        "gelu_pytorch_tanh": lambda x: F.gelu(x, approximate="tanh"),
        "gelu": F.gelu,
        "relu": F.relu,
        "silu": F.silu,
    }
    if name not in known:
        raise NothingToInspectError(name=name, what="activation")
    return known[name]
