"""A lean forward pass: the same network with fewer and faster kernels, for GPT-2, Llama and their like on a processor.

Two things make transformers' own forward slow here. Its matrix products of a few rows stay far below what memory
allows (oneDNN with a weight packed once reaches it), and between them stands much Python a layer. `make_lean` changes
the loaded module itself, so `generate` and our loop run the same kernels and stay comparable bit for bit.

Numbers differ from transformers' own kernels in the last bits (tests: at most 1e-4 in a logit). The plain weights stay
where they were, for whoever reads them; the packed ones are a second copy of every matrix.
"""

from collections.abc import Callable, Sequence
from functools import cache, wraps
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import (
    DynamicCache,
    GPT2LMHeadModel,
    LlamaForCausalLM,
    MistralForCausalLM,
    Qwen2ForCausalLM,
    Qwen3ForCausalLM,
)
from transformers.cache_utils import DynamicLayer
from transformers.modeling_outputs import CausalLMOutputWithCrossAttentions, CausalLMOutputWithPast
from transformers.pytorch_utils import Conv1D

from playground.engines.huggingface import threads
from playground.engines.huggingface.kv_cache import GrowingLayer, cache_argument

_TANH_GELU = {"gelu_new", "gelu_pytorch_tanh", "gelu_fast"}  # one function under three names
_LLAMA_STYLE = (LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM)
_WIDE = 512  # numbers a token: from here on two threads share a product with profit
_SHARED = 2**21  # rows × width²: from here on, too
_LAID_OUT_FOR = 8  # rows; laid out for one, oneDNN takes 1.5 times as long for one row, and twice for 2 to 8
_TAKEN = {"input_ids", "attention_mask", "position_ids", "past_key_values", "cache", "use_cache", "logits_to_keep"}
_UNREAD = {"tokenizer"}  # `generate` passes it on, where it has stop strings; no forward pass looks at it
# what else `generate` may send along, as long as it asks for nothing
_IDLE = {"return_dict": (None, True), "output_attentions": (None, False), "output_hidden_states": (None, False)}


def make_lean(module: Any) -> int:
    """Give a loaded module a lean forward pass, where it has one; returns the bytes of its packed weights, else 0.

    The module keeps its weights, its name and its own forward pass, which still takes every call that the lean one
    doesn't: padding, training, attention weights asked for, a cache with windows. A copy of the module is plain.
    """
    if is_lean(module):
        return int(module.lean.bytes)
    try:
        weights = _weights(module)
    except (AttributeError, _NotPlainError):
        return 0  # not built as its kind is: it keeps what it has
    if weights is None:
        return 0
    module.__class__ = _lean_class(cast(type, type(module)))
    module.lean = weights
    return weights.bytes


def pays(module: Any) -> bool:
    """Whether it is faster here: a product of a narrow model takes longer to share out between threads than to compute
    (width 256 on two: 0.9 times as fast as transformers' own; alone 1.25), so there it needs to be computed alone."""
    return torch.get_num_threads() == 1 or threads.can_change() or _width(module) >= _WIDE


def _width(module: Any) -> int:
    return int(getattr(module.config, "hidden_size", 0))


def is_lean(module: Any) -> bool:
    return getattr(module, "lean", None) is not None


class _NotPlainError(Exception):
    """A layer of another class than expected: an adapter, a quantised weight."""


class _Packed:
    """A matrix product with the weight laid out as oneDNN wants it. Inductor uses the same two operators."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        """weight (out, in)."""
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous(), _LAID_OUT_FOR)
        self.bias = None if bias is None else bias.detach()
        self.bytes = weight.nbytes
        self._product = torch.ops.mkldnn._linear_pointwise.default
        self._sum = torch.ops.mkldnn._linear_pointwise.binary

    def __call__(self, x: Tensor) -> Tensor:
        return self._product(x, self.weight, self.bias, "none", [], "")  # type: ignore[no-any-return]

    def gelu(self, x: Tensor) -> Tensor:
        """The product and GPT-2's GELU (its tanh form) in one kernel."""
        return self._product(x, self.weight, self.bias, "gelu", [], "tanh")  # type: ignore[no-any-return]

    def plus(self, x: Tensor, other: Tensor) -> Tensor:
        """The product and the residual stream in one kernel."""
        return self._sum(x, other, self.weight, self.bias, "add")  # type: ignore[no-any-return]


def _packed(*layers: Any) -> _Packed:
    """The layers' weights below each other, as one product."""
    if not all(type(layer) in (torch.nn.Linear, Conv1D) for layer in layers):
        raise _NotPlainError
    weights = [layer.weight.T if type(layer) is Conv1D else layer.weight for layer in layers]
    biases = [layer.bias for layer in layers]
    if not all(w.dtype == torch.float32 and w.device.type == "cpu" for w in weights):
        raise _NotPlainError
    with torch.inference_mode():
        bias = None if any(b is None for b in biases) else torch.cat(list(biases))
        return _Packed(torch.cat(weights) if len(weights) > 1 else weights[0], bias)


def is_available() -> bool:
    """Whether this build of torch has oneDNN and its operators for packed weights."""
    operators = torch.ops.mkldnn
    return bool(torch.backends.mkldnn.is_available()) and all(  # type: ignore[no-untyped-call]
        hasattr(operators, name) for name in ("_reorder_linear_weight", "_linear_pointwise")
    )


# ---- the module ------------------------------------------------------------------------------------------------------


class _Weights:
    """The packed weights of a module and its lean pass. A deep copy of it is nothing: what is packed can't be copied,
    and a copy of the module has weights of its own."""

    def __init__(self, module: Any, blocks: Sequence[Any], head: _Packed) -> None:
        self.module = module
        self.blocks = blocks
        self.head = head
        self.width = _width(module)
        self.output = CausalLMOutputWithPast
        self.cache_argument = str(cache_argument(module))

    def __deepcopy__(self, memo: object) -> None:
        return None

    def is_small(self, rows: int) -> bool:
        """Whether a pass over so many rows is better computed by one thread."""
        return self.width < _WIDE and rows * self.width**2 <= _SHARED

    @torch.inference_mode()
    def logits(self, read: Tensor) -> Tensor:
        """(B, L, V) from what the head reads (B, L, d): by as many threads, whoever asks."""
        count = threads.alone() if self.is_small(read.shape[0] * read.shape[1]) else 0
        try:
            return self.head(read)
        finally:
            threads.again(count)

    @property
    def bytes(self) -> int:
        return int(self.head.bytes + sum(block.bytes for block in self.blocks))

    def hidden(self, ids: Tensor, positions: Tensor, keys: "_Keys") -> Tensor:
        """(B, L, d): what the head reads."""
        raise NotImplementedError


@cache
def _lean_class(base: type) -> type:
    """The class of the module, its forward pass lean where it can be. Its name stays: pages and files say it."""
    plain: Callable[..., Any] = base.forward  # type: ignore[attr-defined]

    @wraps(plain)
    def forward(self: Any, *arguments: Any, **named: Any) -> Any:
        if self.lean is None or arguments or not _is_lean_call(self.lean, named):
            return plain(self, *arguments, **named)
        return _forward(self.lean, named)

    made = type(base.__name__, (base,), {"forward": forward, "lean": None, "__module__": base.__module__})
    made.__qualname__ = base.__qualname__
    return made


def _is_lean_call(weights: _Weights, named: dict[str, Any]) -> bool:
    ids, mask, cached = (named.get(name) for name in ("input_ids", "attention_mask", weights.cache_argument))
    if ids is None or ids.ndim != 2 or torch.is_grad_enabled():
        return False
    for name, value in named.items():
        if name not in _TAKEN | _UNREAD and not any(value is idle for idle in _IDLE.get(name, (None,))):
            return False
    if mask is not None and (mask.ndim != 2 or not bool(mask.all())):
        return False
    if cached is None:
        return True
    return type(cached) is DynamicCache and all(type(layer) in (DynamicLayer, GrowingLayer) for layer in cached.layers)


def _forward(weights: _Weights, named: dict[str, Any]) -> Any:
    ids, positions, kept = named["input_ids"], named.get("position_ids"), named.get("logits_to_keep", 0)
    cached, use_cache = named.get(weights.cache_argument), named.get("use_cache")
    if cached is None and (weights.module.config.use_cache if use_cache is None else use_cache):
        cached = DynamicCache(config=weights.module.config)
    length = ids.shape[1]
    keys = _Keys(cached, length)
    if positions is None:
        positions = torch.arange(keys.before, keys.before + length)[None]
    count = threads.alone() if weights.is_small(ids.numel()) else 0
    try:
        hidden = weights.hidden(ids, positions, keys)
    finally:
        threads.again(count)
    read = hidden[:, slice(-kept, None) if isinstance(kept, int) else kept]
    output = weights.output(logits=weights.logits(read), **{weights.cache_argument: cached})
    output.head_input = read
    return output


class _Keys:
    """The keys and values of one pass: those of the cache, and which of them a query sees."""

    def __init__(self, cached: DynamicCache | None, length: int) -> None:
        self.cached = cached
        self.before = 0 if cached is None else cached.get_seq_length()
        # a query sees itself and what stands before it; a triangle is enough where nothing stands before the first
        self.is_triangle = length > 1 and not self.before
        self.mask: Tensor | None = None
        if length > 1 and self.before:
            self.mask = torch.ones(length, self.before + length, dtype=torch.bool).tril(self.before)

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
        """q (B, heads, L, size), k and v (B, kv heads, L, size) -> (B, L, heads · size)."""
        if self.cached is not None:
            k, v = self._kept(layer, k, v)
        rows, heads, length, size = q.shape
        shared = heads // k.shape[1]
        if shared > 1 and length == 1:  # the query heads that share a key are rows of one product
            out = F.scaled_dot_product_attention(q.view(rows, -1, shared, size), k, v, scale=scale)
            return out.reshape(rows, 1, heads * size)
        if shared > 1:
            k, v = k.repeat_interleave(shared, dim=1), v.repeat_interleave(shared, dim=1)
        out = F.scaled_dot_product_attention(q, k, v, self.mask, is_causal=self.is_triangle, scale=scale)
        return out.transpose(1, 2).reshape(rows, length, heads * size)

    def _kept(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """All keys and values, the new ones written behind the others; where there is room, without a detour."""
        layers = self.cached.layers  # type: ignore[union-attr]
        if self.before and layer < len(layers) and type(layers[layer]) is GrowingLayer:
            return layers[layer].append(k, v, self.before)  # type: ignore[no-any-return]
        return self.cached.update(k, v, layer)  # type: ignore[union-attr, no-any-return]


def _weights(module: Any) -> _Weights | None:
    """The packed weights of a module that has a lean pass, or None."""
    config = module.config
    if not is_available() or config._attn_implementation != "sdpa":
        return None
    kind = type(module)  # a subclass may compute something else
    if kind is GPT2LMHeadModel and not config.add_cross_attention and not config.reorder_and_upcast_attn:
        return _GPT2(module)
    if kind in _LLAMA_STYLE and not _has_windows(config):
        return _Llama(module)
    return None


def _has_windows(config: Any) -> bool:
    kinds = getattr(config, "layer_types", None) or ()
    return any(kind != "full_attention" for kind in kinds) or (
        not kinds and bool(getattr(config, "sliding_window", None))
    )


# ---- GPT-2 -----------------------------------------------------------------------------------------------------------


class _GPT2(_Weights):
    def __init__(self, module: Any) -> None:
        super().__init__(module, [_GPT2Block(block) for block in module.transformer.h], _packed(module.lm_head))
        self.base = module.transformer
        self.last_norm = _LayerNorm(self.base.ln_f)
        self.tables = self.base.wte.weight, self.base.wpe.weight
        self.output = CausalLMOutputWithCrossAttentions

    def hidden(self, ids: Tensor, positions: Tensor, keys: _Keys) -> Tensor:
        x = torch.embedding(self.tables[0], ids) + torch.embedding(self.tables[1], positions)
        for i, block in enumerate(self.blocks):
            x = block(i, x, keys)
        return self.last_norm(x)


class _GPT2Block:
    def __init__(self, block: Any) -> None:
        attention, mlp = block.attn, block.mlp
        self.norms = _LayerNorm(block.ln_1), _LayerNorm(block.ln_2)
        self.heads, self.scale = attention.num_heads, attention.scaling
        self.into_heads, self.out_of_heads = _packed(attention.c_attn), _packed(attention.c_proj)
        self.up, self.down = _packed(mlp.c_fc), _packed(mlp.c_proj)
        self.activation = mlp.act
        self.is_tanh_gelu = attention.config.activation_function in _TANH_GELU
        self.bytes = sum(p.bytes for p in (self.into_heads, self.out_of_heads, self.up, self.down))

    def __call__(self, layer: int, x: Tensor, keys: _Keys) -> Tensor:
        rows, length, width = x.shape
        mixed = self.into_heads(self.norms[0](x))
        q, k, v = mixed.view(rows, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        x = self.out_of_heads.plus(keys.attend(layer, q, k, v, self.scale), x)
        normed = self.norms[1](x)
        wide = self.up.gelu(normed) if self.is_tanh_gelu else self.activation(self.up(normed))
        return self.down.plus(wide, x)


class _LayerNorm:
    """The norm's own numbers at hand: every look into a module costs as much as a small product."""

    def __init__(self, norm: Any) -> None:
        self.arguments = (norm.normalized_shape, norm.weight, norm.bias, norm.eps)

    def __call__(self, x: Tensor) -> Tensor:
        return torch.layer_norm(x, *self.arguments)


# ---- Llama -----------------------------------------------------------------------------------------------------------


class _Llama(_Weights):
    def __init__(self, module: Any) -> None:
        super().__init__(module, [_LlamaBlock(block) for block in module.model.layers], _packed(module.lm_head))
        self.base = module.model

    def hidden(self, ids: Tensor, positions: Tensor, keys: _Keys) -> Tensor:
        x = F.embedding(ids, self.base.embed_tokens.weight)
        cos, sin = (turn[:, None] for turn in self.base.rotary_emb(x, position_ids=positions))  # (B or 1, 1, L, size)
        for i, block in enumerate(self.blocks):
            x = block(i, x, cos, sin, keys)
        return _rms_norm(x, self.base.norm)


class _LlamaBlock:
    def __init__(self, block: Any) -> None:
        attention, mlp = block.self_attn, block.mlp
        self.norms = block.input_layernorm, block.post_attention_layernorm
        self.head_norms = (attention.q_norm, attention.k_norm) if hasattr(attention, "q_norm") else None
        self.size, self.scale = attention.head_dim, attention.scaling
        self.into_heads = _packed(attention.q_proj, attention.k_proj, attention.v_proj)
        self.out_of_heads = _packed(attention.o_proj)
        self.gate_and_up, self.down = _packed(mlp.gate_proj, mlp.up_proj), _packed(mlp.down_proj)
        self.activation = mlp.act_fn
        self.key_heads = attention.k_proj.out_features // self.size
        self.query_heads = attention.q_proj.out_features // self.size
        self.bytes = sum(p.bytes for p in (self.into_heads, self.out_of_heads, self.gate_and_up, self.down))

    def __call__(self, layer: int, x: Tensor, cos: Tensor, sin: Tensor, keys: _Keys) -> Tensor:
        rows, length, _ = x.shape
        mixed = self.into_heads(_rms_norm(x, self.norms[0]))
        heads = mixed.view(rows, length, -1, self.size).transpose(1, 2)
        q, k, v = heads.tensor_split((self.query_heads, self.query_heads + self.key_heads), dim=1)
        if self.head_norms:
            q, k = _rms_norm(q, self.head_norms[0]), _rms_norm(k, self.head_norms[1])
        q, k = _turned(q, cos, sin), _turned(k, cos, sin)
        x = self.out_of_heads.plus(keys.attend(layer, q, k, v, self.scale), x)
        gate, up = self.gate_and_up(_rms_norm(x, self.norms[1])).chunk(2, dim=-1)
        return self.down.plus(self.activation(gate) * up, x)


def _rms_norm(x: Tensor, norm: Any) -> Tensor:
    return F.rms_norm(x, norm.weight.shape, norm.weight, norm.variance_epsilon)


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-second, first], dim=-1) * sin
