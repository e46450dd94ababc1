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
from typing import Any, cast

import torch
from torch import Tensor
from transformers import Cache
from transformers.masking_utils import create_causal_mask, create_sliding_window_causal_mask

from playground.engines.huggingface import device, positions
from playground.engines.huggingface.backend import Backend, HuggingFaceModel
from playground.engines.huggingface.cache_shape import CacheShape, cache_shape, held_bytes
from playground.engines.huggingface.twin import eager_twin, final_norm, is_eager
from playground.errors import NothingToInspectError, PromptTooLongError

_KEPT_BYTES = 192 * 2**20  # of attention weights of the texts looked at last
_SAME = 1e-3  # by how much two ways of computing the same attention may differ
_NO_ATTENTION = ("linear_attention", "conv", "mamba", "recurrent", "moe", "mlp")


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
        self.model: HuggingFaceModel = backend.reference  # of a rounded model the same weights in float32
        self.twin = eager_twin(self.model.module)
        self._config = self.twin.config.get_text_config()
        self._layers: tuple[int, ...] | None = None
        self._shape: CacheShape | None = None
        self._lock = threading.RLock()
        self._kept: OrderedDict[tuple[int, ...], Tensor] = OrderedDict()

    # ---- masks ---------------------------------------------------------------------------------------------------

    @property
    def windows(self) -> tuple[int | None, ...]:
        """Per layer the sliding window, in tokens, or None where a token sees everything before it."""
        return windows_of(self._config)

    def windows_in_use(self, layers: int) -> list[int | None]:
        """The windows of so many layers with attention: of all, or of those that hybrids have."""
        if layers == len(self.windows):
            return list(self.windows)
        return [self.windows[kept.layer] for kept in self.cache_shape.layers]

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
                found.append(seen(mask[:, 0]).cpu())

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

    def _with(self, cache: Cache) -> dict[str, Cache]:
        """The cache under the name that a forward of this model takes it by."""
        return {self.model.cache_argument: cache}

    # ---- padding -------------------------------------------------------------------------------------------------

    @property
    def pad_id(self) -> int:
        """The id that fills up: the model's padding token, if it can read that, else an end of text, else 0."""
        own = getattr(self._config, "pad_token_id", None)
        named = [own] if isinstance(own, int) else []
        return next((i for i in (*named, *self.model.eos_ids) if 0 <= i < self.model.readable), 0)

    @torch.inference_mode()
    def padded_logits(self, ids: Tensor, attention_mask: Tensor, with_mask: bool, with_positions: bool) -> Tensor:
        """(B, L, V): the logits of the generating model for a padded batch, mask and position ids told or not."""
        arguments: dict[str, Any] = {}
        if with_mask:
            arguments["attention_mask"] = attention_mask
        if with_positions and self._takes_positions:
            arguments["position_ids"] = position_ids(attention_mask)
        # a cache, as in `generate`: without one, position ids that start anew would be taken for packed texts
        cache = self.model.new_cache()
        with self._lock:
            return cast(Tensor, self.model.module(input_ids=ids, **self._with(cache), **arguments).logits.float())

    # ---- attention -----------------------------------------------------------------------------------------------

    def attentions(self, ids: Sequence[int]) -> Tensor:
        """(attention_layers, heads, n, n): the weights of every head, rows are queries. Those of the last few texts
        are kept.

        Raises PromptTooLongError; NothingToInspectError if the architecture gives no attention weights, or if the twin
        that gives them does not compute what the model computes.
        """
        self._check_length(ids)
        key = tuple(ids)
        with self._lock:
            if key in self._kept and not self.model.changes:
                self._kept.move_to_end(key)
                return self._kept[key]
            weights = self._attentions(key)
            self._kept[key] = weights
            while sum(w.nbytes for w in self._kept.values()) > _KEPT_BYTES and len(self._kept) > 1:
                self._kept.popitem(last=False)
            return weights

    @torch.inference_mode()
    def _attentions(self, ids: tuple[int, ...]) -> Tensor:
        output = self.twin(
            input_ids=torch.tensor([ids]), output_attentions=True, use_cache=False, **self.model.places(0, len(ids))
        )
        found = torch.stack([self._weights(layer)[0] for layer in self._of_its_layers(output.attentions)])
        looks_ahead = bool(found.triu(1).any()) or bool((found.sum(-1) > 1 + _SAME).any())
        if looks_ahead or not self._is_the_models_own(ids, output.logits[0]):
            raise NothingToInspectError(name=self.model.name, what="attention weights")
        return found

    def _is_the_models_own(self, ids: Sequence[int], logits: Tensor) -> bool:
        """Whether the twin's logits (n, V) are the generating model's."""
        own = self.model.logits(ids)
        return bool((logits.float() - own).abs().max() <= _SAME * own.abs().max().clamp(min=1))

    @property
    def attention_layers(self) -> tuple[int, ...]:
        """Which of the model's layers give attention weights, from 0: all, but for hybrids, which have layers of other
        kinds between. Raises NothingToInspectError where none does."""
        if self._layers is None:
            self._layers = self._found_layers()
        return self._layers

    @torch.inference_mode()
    def _found_layers(self) -> tuple[int, ...]:
        with self._lock:
            given = self.twin(input_ids=torch.zeros(1, 2, dtype=torch.long), output_attentions=True, use_cache=False)
        count, total = len(given.attentions or ()), self._config.num_hidden_layers
        kinds = getattr(self._config, "layer_types", None) or ["full_attention"] * total
        with_keys = tuple(kept.layer for kept in self.cache_shape.layers)
        if is_eager(self.twin) and count == total:
            return tuple(i for i, kind in enumerate(kinds) if kind not in _NO_ATTENTION)
        if is_eager(self.twin) and count == len(with_keys) > 0:
            return with_keys
        raise NothingToInspectError(name=self.model.name, what="attention weights")

    def _of_its_layers(self, attentions: Any) -> Sequence[Any]:
        layers = self.attention_layers
        found = [attentions[i] for i in layers] if len(attentions) > len(layers) else list(attentions)
        shapes = {None if layer is None else tuple(layer.shape[:3]) for layer in found}
        if len(found) != len(layers) or len(shapes) != 1 or None in shapes:
            raise NothingToInspectError(name=self.model.name, what="attention weights")
        return found

    @staticmethod
    def _weights(layer: Tensor) -> Tensor:
        return layer.to(torch.float32)

    def grow(self, ids: Sequence[int], new: int, choose: Callable[[Tensor], int]) -> Iterator[Growth]:
        """Feed a prompt, then up to `new` tokens that `choose` takes of the logits (V,): each with its attention.

        Ends after an end-of-text token. Raises PromptTooLongError, NothingToInspectError.
        """
        self._check_length(ids)
        fed: tuple[int, ...] = tuple(ids)
        read, cache = fed, self.model.new_cache()
        self.attentions(fed)  # is compared with the model itself
        while True:
            length = len(read)
            if positions.starts_anew(self.twin, torch.tensor([read]), self._with(cache)):
                cache = self.model.new_cache()
                logits, rows = self._feed(read, cache, 0)
            else:
                logits, rows = self._feed(fed, cache, length - len(fed))
            yield Growth(fed, rows[:, :, -len(fed) :])
            if new <= 0 or length >= self.model.context_length or fed[-1] in self.model.eos_ids:
                return
            fed = (choose(logits),)
            read += fed
            new -= 1

    @torch.inference_mode()
    def _feed(self, ids: tuple[int, ...], cache: Cache, position: int) -> tuple[Tensor, Tensor]:
        length = position + len(ids)
        with self._lock:
            output = self.twin(
                input_ids=torch.tensor([ids]), use_cache=True, output_attentions=True, **self._with(cache),
                **self.model.places(position, length),
            )  # fmt: skip
        # a layer with a window hands out its last keys only: the ones before it have no weight
        rows = [
            torch.nn.functional.pad(self._weights(layer)[0], (length - layer.shape[-1], 0))
            for layer in self._of_its_layers(output.attentions)
        ]
        return output.logits[0, -1].float(), torch.stack(rows)

    # ---- hidden states and the lens ----------------------------------------------------------------------------

    @torch.inference_mode()
    def hidden_states(self, ids: Sequence[int]) -> tuple[list[Tensor], Tensor]:
        """The states (n, d) that enter each block, then the normed last one; and the logits (n, V) beside them: the
        twin's, or the generating model's where the twin does not compute the same."""
        self._check_length(ids)
        output = self._with_states(self.twin, ids)
        if not self._is_the_models_own(ids, output.logits[0]):
            output = self._with_states(self.model.module, ids)
        if not output.hidden_states:
            raise NothingToInspectError(name=self.model.name, what="hidden states")
        return [state[0].float() for state in output.hidden_states], output.logits[0].float()

    def _with_states(self, module: Any, ids: Sequence[int]) -> Any:
        with self._lock:
            return module(
                input_ids=torch.tensor([ids]), output_hidden_states=True, use_cache=False,
                **self.model.places(0, len(ids)),
            )  # fmt: skip

    @torch.inference_mode()
    def logits(self, ids: Sequence[int]) -> Tensor:
        """(n, V): of the generating model itself, as it is; of a rounded one in float32."""
        return self.model.logits(ids)

    @torch.inference_mode()
    def lens(self, ids: Sequence[int], start: int = 0, end: int | None = None) -> list[Tensor]:
        """Per layer the logits (positions, V) that final norm and LM head make of its state; the last are the model's
        own. Of the positions from `start` to `end`: for all of a long text they may be more than fits into memory.

        Raises NothingToInspectError where these two parts don't give the model's own logits at the last layer.
        """
        all_states, all_logits = self.hidden_states(ids)
        states, logits = [state[start:end] for state in all_states], all_logits[start:end]
        norm, head = final_norm(self.twin), self.twin.get_output_embeddings()
        if norm is None or float((self._there(head, states[-1]) - logits).abs().max()) > 1e-3:
            raise NothingToInspectError(name=self.model.name, what="logit lens")
        return [*(self._there(lambda state: head(norm(state)), state) for state in states[:-1]), logits]

    def _there(self, part: Callable[[Tensor], Tensor], state: Tensor) -> Tensor:
        """What a part of the twin makes of a state, wherever its weights are."""
        return part(state.to(self.twin.dtype).to(device.of(self.twin))).float().cpu()

    # ---- the KV cache ----------------------------------------------------------------------------------------------

    @property
    def cache_shape(self) -> CacheShape:
        """What the cache of the generating model keeps, read off a real one."""
        if self._shape is None:
            self._shape = cache_shape(self.backend.model)
        return self._shape

    @torch.inference_mode()
    def cache_cost(self, ids: Sequence[int]) -> tuple[int, float, float]:
        """Bytes of the real cache after the text; seconds for its last token with the cache, and for all without."""
        self._check_length(ids)
        model, last = self.backend.model, len(ids) - 1
        module, cache = model.module, model.new_cache()
        with self._lock:
            if last:
                model.forward(torch.tensor([ids[:-1]]), cache, 0)
            start = time.perf_counter()
            model.forward(torch.tensor([ids[-1:]]), cache, last)
            middle = time.perf_counter()
            module(input_ids=torch.tensor([ids]), use_cache=False, **model.places(0, len(ids)))
            end = time.perf_counter()
        return held_bytes(cache), middle - start, end - middle

    def _check_length(self, ids: Sequence[int]) -> None:
        if len(ids) > self.model.context_length:
            raise PromptTooLongError(tokens=len(ids), limit=self.model.context_length)


def _attention_modules(module: Any) -> list[Any]:
    """The self-attention of every layer, in order."""
    return [
        m
        for m in module.modules()
        if type(m).__name__.endswith("Attention")
        and hasattr(m, "layer_idx")
        and not getattr(m, "is_cross_attention", 0)
    ]


def windows_of(config: Any) -> tuple[int | None, ...]:
    """Per layer the sliding window that a config asks for, or None."""
    window, layers = getattr(config, "sliding_window", None), config.num_hidden_layers
    kinds = getattr(config, "layer_types", None) or ["sliding_attention" if window else "full_attention"] * layers
    if getattr(config, "attention_layers", None) and hasattr(config, "window_size"):  # GPT-Neo
        window, kinds = config.window_size, config.attention_layers
    return tuple(window if kind in ("sliding_attention", "local") else None for kind in kinds)


def built_mask(config: Any, attention_mask: Tensor, window: int | None) -> Tensor:
    """(B, L, L) bool: what transformers' mask functions build for eager attention under `config`."""
    eager = copy.deepcopy(config)
    eager._attn_implementation = "eager"
    if window is not None:
        eager.sliding_window = window
    embeds = torch.empty(*attention_mask.shape, 1)
    build = create_causal_mask if window is None else create_sliding_window_causal_mask
    # the fourth is the cache, by place: its name differs between releases (kv_cache.cache_argument)
    mask = build(eager, embeds, attention_mask, None)
    return seen(mask[:, 0])


def seen(mask: Tensor) -> Tensor:
    """Which keys a causal mask (B, L, L) of any kind lets through.

    What is added to a score may be a position bias (ALiBi); only the lowest numbers of the type, and -inf, block. Of
    truth values some architectures mark what is seen, MPT what is blocked: the last key is in the first query's future.
    """
    if mask.dtype != torch.bool:
        return mask > torch.finfo(mask.dtype).min / 2
    marks_blocked = mask.shape[-1] > 1 and bool(mask[..., 0, -1].all())
    return ~mask if marks_blocked else mask


def position_ids(attention_mask: Tensor) -> Tensor:
    """(B, L): as `generate` numbers a padded batch: from 0 at each text's first real token, padding 0."""
    return (attention_mask.long().cumsum(-1) - 1).masked_fill(attention_mask == 0, 0)
