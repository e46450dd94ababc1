"""Looking inside a model: masks, attention weights and hidden states, on a twin that shares its weights.

The model that generates is never touched: its attention returns no weights, and stays as fast as it was. The twin is
the same network with the same tensors, but with transformers' eager attention, which does return them.
"""

import copy
import inspect
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, cast

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.masking_utils import create_causal_mask, create_sliding_window_causal_mask

from playground.backends.huggingface import Backend, HuggingFaceModel
from playground.errors import NothingToInspectError, PromptTooLongError

_KEPT_BYTES = 192 * 2**20  # of attention weights of the texts looked at last


@dataclass(frozen=True)
class CacheShape:
    """What a KV cache keeps: per layer a key and a value for each key-value head and token.

    Attributes:
        layers, heads, kv_heads, head_size: of the model; query heads share keys where kv_heads is smaller.
        value_bytes: of one number, 4 for float32.
        windows: per layer the most tokens kept, or None for all.
    """

    layers: int
    heads: int
    kv_heads: int
    head_size: int
    value_bytes: int
    windows: tuple[int | None, ...]


@dataclass(frozen=True)
class Growth:
    """Tokens that were fed, and each one's attention.

    Attributes:
        token_ids: of the tokens, in order.
        rows: (layers, heads, tokens, keys): the newest rows of every head.
    """

    token_ids: tuple[int, ...]
    rows: Tensor


class Inspection:
    """A model laid open. Shared by all sessions; one look at a time, with a lock of its own."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.model: HuggingFaceModel = backend.model
        self.twin = eager_twin(backend.model.module)
        self._config = self.twin.config.get_text_config()
        self._lock = threading.RLock()
        self._kept: OrderedDict[tuple[int, ...], Tensor] = OrderedDict()

    # ---- masks ---------------------------------------------------------------------------------------------------

    @property
    def windows(self) -> tuple[int | None, ...]:
        """Per layer the sliding window, in tokens, or None where a token sees everything before it."""
        return windows_of(self._config)

    def mask(self, attention_mask: Tensor, window: int | None) -> Tensor:
        """(B, L, L) bool: which keys a query sees, as transformers' own mask functions say for (B, L) tokens."""
        return built_mask(self._config, attention_mask, window)

    @torch.inference_mode()
    def masks_in_use(self, ids: Tensor, attention_mask: Tensor) -> list[Tensor]:
        """Per layer the mask (B, L, L) that reached its attention in a real forward pass, True where a key is seen."""
        found: list[Tensor] = []

        def note(module: Any, args: Any, kwargs: dict[str, Any]) -> None:
            mask = kwargs.get("attention_mask")
            if isinstance(mask, Tensor) and mask.ndim == 4:
                found.append(mask[:, 0] == 0 if mask.dtype != torch.bool else mask[:, 0])

        with self._lock:
            hooks = [m.register_forward_pre_hook(note, with_kwargs=True) for m in _attention_modules(self.twin)]
            try:
                self.twin(input_ids=ids, attention_mask=attention_mask, **self._positions(attention_mask))
            finally:
                for hook in hooks:
                    hook.remove()
        return found

    def _positions(self, attention_mask: Tensor) -> dict[str, Tensor]:
        return {"position_ids": position_ids(attention_mask)} if self._takes_positions else {}

    @property
    def _takes_positions(self) -> bool:
        return "position_ids" in inspect.signature(self.twin.forward).parameters

    # ---- padding -------------------------------------------------------------------------------------------------

    @property
    def pad_id(self) -> int:
        """The id that fills up: the model's padding token, else an end of text, else 0."""
        own = getattr(self._config, "pad_token_id", None)
        return int(own) if own is not None else self.model.eos_ids[0] if self.model.eos_ids else 0

    @torch.inference_mode()
    def padded_logits(self, ids: Tensor, attention_mask: Tensor, with_mask: bool, with_positions: bool) -> Tensor:
        """(B, L, V): the logits of the generating model for a padded batch, mask and position ids told or not."""
        arguments: dict[str, Any] = {}
        if with_mask:
            arguments["attention_mask"] = attention_mask
        if with_positions and self._takes_positions:
            arguments["position_ids"] = position_ids(attention_mask)
        # a cache, as in `generate`: without one, position ids that start anew would be taken for packed texts
        cache = DynamicCache(config=self.model.module.config)
        with self._lock:
            return cast(Tensor, self.model.module(input_ids=ids, past_key_values=cache, **arguments).logits.float())

    # ---- attention -----------------------------------------------------------------------------------------------

    def attentions(self, ids: Sequence[int]) -> Tensor:
        """(layers, heads, n, n): the weights of every head, rows are queries. Those of the last few texts are kept.

        Raises PromptTooLongError; NothingToInspectError if the architecture gives no attention weights.
        """
        self._check_length(ids)
        key = tuple(ids)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            weights = self._attentions(key)
            self._kept[key] = weights
            while sum(w.nbytes for w in self._kept.values()) > _KEPT_BYTES and len(self._kept) > 1:
                self._kept.popitem(last=False)
            return weights

    @torch.inference_mode()
    def _attentions(self, ids: tuple[int, ...]) -> Tensor:
        output = self.twin(input_ids=torch.tensor([ids]), output_attentions=True, use_cache=False)
        return torch.stack([self._weights(layer)[0] for layer in self._of_all_layers(output.attentions)])

    def _of_all_layers(self, attentions: Any) -> Sequence[Any]:
        if not attentions or any(layer is None or layer.ndim != 4 for layer in attentions):
            raise NothingToInspectError(name=self.model.name, what="attention weights")
        return cast(Sequence[Any], attentions)

    @staticmethod
    def _weights(layer: Tensor) -> Tensor:
        return layer.to(torch.float32)

    def grow(self, ids: Sequence[int], new: int, choose: Callable[[Tensor], int]) -> Iterator[Growth]:
        """Feed a prompt, then up to `new` tokens that `choose` takes of the logits (V,): each with its attention.

        Ends after an end-of-text token. Raises PromptTooLongError, NothingToInspectError.
        """
        self._check_length(ids)
        cache = DynamicCache(config=self.twin.config)
        fed: tuple[int, ...] = tuple(ids)
        length = 0
        while True:
            logits, rows = self._feed(fed, cache, length)
            length += len(fed)
            yield Growth(fed, rows)
            if new <= 0 or length >= self.model.context_length or fed[-1] in self.model.eos_ids:
                return
            fed = (choose(logits),)
            new -= 1

    @torch.inference_mode()
    def _feed(self, ids: tuple[int, ...], cache: DynamicCache, position: int) -> tuple[Tensor, Tensor]:
        arguments: dict[str, Any] = {}
        if self._takes_positions:
            arguments["position_ids"] = torch.arange(position, position + len(ids))[None]
        with self._lock:
            output = self.twin(
                input_ids=torch.tensor([ids]), past_key_values=cache, use_cache=True, output_attentions=True,
                **arguments,
            )  # fmt: skip
        length = position + len(ids)
        # a layer with a window hands out its last keys only: the ones before it have no weight
        rows = [
            torch.nn.functional.pad(self._weights(layer)[0], (length - layer.shape[-1], 0))
            for layer in self._of_all_layers(output.attentions)
        ]
        return output.logits[0, -1].float(), torch.stack(rows)

    # ---- hidden states and the lens ----------------------------------------------------------------------------

    @torch.inference_mode()
    def hidden_states(self, ids: Sequence[int]) -> tuple[list[Tensor], Tensor]:
        """The states (n, d) that enter each block, then the normed last one; and the twin's logits (n, V)."""
        self._check_length(ids)
        with self._lock:
            output = self.twin(input_ids=torch.tensor([ids]), output_hidden_states=True, use_cache=False)
        if not output.hidden_states:
            raise NothingToInspectError(name=self.model.name, what="hidden states")
        return [state[0].float() for state in output.hidden_states], output.logits[0].float()

    @torch.inference_mode()
    def logits(self, ids: Sequence[int]) -> Tensor:
        """(n, V): of the generating model itself, as it is."""
        self._check_length(ids)
        with self._lock:
            return cast(Tensor, self.model.module(input_ids=torch.tensor([ids]), use_cache=False).logits[0].float())

    @torch.inference_mode()
    def lens(self, ids: Sequence[int], start: int = 0, end: int | None = None) -> list[Tensor]:
        """Per layer the logits (positions, V) that final norm and LM head make of its state; the last are the model's
        own. Of the positions from `start` to `end`: for all of a long text they may be more than fits into memory.

        Raises NothingToInspectError where these two parts don't give the model's own logits at the last layer.
        """
        all_states, all_logits = self.hidden_states(ids)
        states, logits = [state[start:end] for state in all_states], all_logits[start:end]
        norm, head = final_norm(self.twin), self.twin.get_output_embeddings()
        if norm is None or float((head(states[-1]) - logits).abs().max()) > 1e-3:
            raise NothingToInspectError(name=self.model.name, what="logit lens")
        return [*(head(norm(state)) for state in states[:-1]), logits]

    # ---- the KV cache ----------------------------------------------------------------------------------------------

    @property
    def cache_shape(self) -> CacheShape:
        config = self._config
        heads = config.num_attention_heads
        return CacheShape(
            layers=config.num_hidden_layers,
            heads=heads,
            kv_heads=getattr(config, "num_key_value_heads", None) or heads,
            head_size=getattr(config, "head_dim", None) or config.hidden_size // heads,
            value_bytes=next(self.twin.parameters()).element_size(),
            windows=self.windows,
        )

    @torch.inference_mode()
    def cache_cost(self, ids: Sequence[int]) -> tuple[int, float, float]:
        """Bytes of the real cache after the text; seconds for its last token with the cache, and for all without."""
        self._check_length(ids)
        module, cache = self.model.module, DynamicCache(config=self.model.module.config)
        with self._lock:
            if len(ids) > 1:
                module(input_ids=torch.tensor([ids[:-1]]), past_key_values=cache, use_cache=True)
            start = time.perf_counter()
            module(input_ids=torch.tensor([ids[-1:]]), past_key_values=cache, use_cache=True)
            middle = time.perf_counter()
            module(input_ids=torch.tensor([ids]), use_cache=False)
            end = time.perf_counter()
        size = sum(t.nbytes for layer in cache.layers for t in (layer.keys, layer.values))
        return size, middle - start, end - middle

    def _check_length(self, ids: Sequence[int]) -> None:
        if len(ids) > self.model.context_length:
            raise PromptTooLongError(tokens=len(ids), limit=self.model.context_length)


def eager_twin(module: Any) -> Any:
    """The same network around the same tensors, with an eager attention and a config of its own."""
    shared = {id(tensor): tensor for tensor in chain(module.parameters(), module.buffers())}
    twin = copy.deepcopy(module, shared)
    twin.set_attn_implementation("eager")
    return twin.eval()


def _attention_modules(module: Any) -> list[Any]:
    """The self-attention of every layer, in order."""
    return [
        m
        for m in module.modules()
        if type(m).__name__.endswith("Attention")
        and hasattr(m, "layer_idx")
        and not getattr(m, "is_cross_attention", 0)
    ]


def final_norm(module: Any) -> Any:
    """The norm before the LM head, or None where it is not found under a known name."""
    base = module.base_model
    return next((found for name in ("ln_f", "norm", "final_layer_norm") if (found := getattr(base, name, None))), None)


def windows_of(config: Any) -> tuple[int | None, ...]:
    """Per layer the sliding window that a config asks for, or None."""
    window, layers = getattr(config, "sliding_window", None), config.num_hidden_layers
    kinds = getattr(config, "layer_types", None) or ["sliding_attention" if window else "full_attention"] * layers
    return tuple(window if kind == "sliding_attention" else None for kind in kinds)


def built_mask(config: Any, attention_mask: Tensor, window: int | None) -> Tensor:
    """(B, L, L) bool: what transformers' mask functions build for eager attention under `config`."""
    eager = copy.deepcopy(config)
    eager._attn_implementation = "eager"
    if window is not None:
        eager.sliding_window = window
    embeds = torch.empty(*attention_mask.shape, 1)
    build = create_causal_mask if window is None else create_sliding_window_causal_mask
    mask = build(config=eager, inputs_embeds=embeds, attention_mask=attention_mask, past_key_values=None)
    return cast(Tensor, mask[:, 0] == 0)


def position_ids(attention_mask: Tensor) -> Tensor:
    """(B, L): as `generate` numbers a padded batch: from 0 at each text's first real token, padding 0."""
    return (attention_mask.long().cumsum(-1) - 1).masked_fill(attention_mask == 0, 0)
