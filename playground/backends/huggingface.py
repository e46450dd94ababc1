"""Causal language models of transformers behind the seam: forward pass, KV cache and tokenizer."""

import inspect
import json
import threading
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache, GenerationConfig

from playground.backends import wide_products
from playground.backends.kv_cache import GrowingLayer, fan_out, new_cache
from playground.backends.loading import shown_name
from playground.errors import ModelUnavailableError, PromptTooLongError
from playground.tokenization.text_tokenizer import TextTokenizer, from_functions, from_json
from playground.vocabulary import Vocabulary, from_tokenizer_json

_UNBOUNDED_CONTEXT = 2**20  # for architectures without a position limit
_SCORED_BYTES = 32 * 2**20
_KEPT_CACHES = 8
_KEPT_CACHE_BYTES = 512 * 2**20


@dataclass(frozen=True)
class ModelInfo:
    """What is loaded: name, number of parameters, V, context length in tokens, layers, heads per layer."""

    name: str
    parameters: int
    vocab_size: int
    context_length: int
    layers: int
    heads: int


class HuggingFaceTokenizer:
    """A transformers tokenizer: text to ids as the model expects them."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    @property
    def tokenizer(self) -> Any:
        """transformers' own, for what only it can do."""
        return self._tokenizer

    def encode(self, text: str) -> tuple[int, ...]:
        """The ids of a text, with the special tokens that the model's own tokenizer adds."""
        # a lone surrogate (half an emoji, cut by an editor) is no character: encode what UTF-8 can hold
        clean = text.encode("utf-8", errors="replace").decode("utf-8")
        return tuple(self._tokenizer(clean, verbose=False).input_ids)  # its length is checked where it matters

    def encode_inside(self, text: str) -> tuple[int, ...]:
        """The ids of a text that stands inside another: without special tokens."""
        return tuple(self._tokenizer(text, add_special_tokens=False, verbose=False).input_ids)

    def decode(self, token_ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(token_ids), skip_special_tokens=True))

    def text_tokenizer(self, name: str, context_length: int | None) -> TextTokenizer:
        """The same tokenizer with its inner workings (merges, offsets), as the Tokenizer tab shows it."""
        inner = self._tokenizer
        if getattr(inner, "is_fast", False):
            return from_json(name, inner.backend_tokenizer.to_str(), context_length, inner.pad_token_id, False)
        return from_functions(
            name,
            vocabulary_of(inner, len(inner)),
            lambda text, special: list(inner(text, add_special_tokens=special, verbose=False).input_ids),
            lambda ids: str(inner.decode(list(ids), skip_special_tokens=False)),
            context_length,
        )


@dataclass(frozen=True)
class Backend:
    """A loaded model with its tokenizer, its vocabulary as text, and what to say about it."""

    model: "HuggingFaceModel"
    tokenizer: HuggingFaceTokenizer
    vocabulary: Vocabulary
    info: ModelInfo


def load(name_or_path: str, display_name: str | None = None) -> Backend:
    """Load a causal language model, in float32, from a folder or the Hub (its cache, where there is no network).

    Raises ModelUnavailableError, with the reason, whatever goes wrong: the files are somebody else's.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(name_or_path, trust_remote_code=False)
        module = AutoModelForCausalLM.from_pretrained(name_or_path, dtype=torch.float32, trust_remote_code=False)
        return from_parts(module, tokenizer, display_name or shown_name(name_or_path))
    except ModelUnavailableError:
        raise
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelUnavailableError(name=name_or_path, reason=reason[0]) from error


def from_parts(module: Any, tokenizer: Any, name: str) -> Backend:
    """A Backend around a transformers model and tokenizer already in memory."""
    model = HuggingFaceModel(module, name)
    config = module.config.get_text_config()
    info = ModelInfo(
        name=name,
        parameters=sum(p.numel() for p in module.parameters()),
        vocab_size=model.vocab_size,
        context_length=model.context_length,
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
    )
    return Backend(model, HuggingFaceTokenizer(tokenizer), vocabulary_of(tokenizer, model.vocab_size), info)


def vocabulary_of(tokenizer: Any, size: int) -> Vocabulary:
    """The pieces of a tokenizer: from its `tokenizers` file, or id by id where it has none."""
    if getattr(tokenizer, "is_fast", False):
        return from_tokenizer_json(json.loads(tokenizer.backend_tokenizer.to_str()), size)
    known = min(size, len(tokenizer))
    pieces = tuple(str(tokenizer.decode([i])).encode("utf-8", errors="replace") for i in range(known))
    return Vocabulary(pieces, frozenset(tokenizer.all_special_ids))


class HuggingFaceModel:
    """A transformers causal LM as a LanguageModel. Shared by all sessions and read-only but for kept KV caches.

    One forward pass at a time: a lock inside, so that every caller may be a thread of its own.
    """

    def __init__(self, module: Any, name: str) -> None:
        self.module = module.eval()
        self.name = name
        # What the repository recommends (sampling on, a top-k …) must not creep into verification: settings are ours.
        ends = module.generation_config.eos_token_id
        module.generation_config = GenerationConfig(eos_token_id=ends)
        self.eos_ids: tuple[int, ...] = () if ends is None else tuple(ends) if isinstance(ends, list) else (ends,)
        config = module.config.get_text_config()
        self.context_length: int = getattr(config, "max_position_embeddings", None) or _UNBOUNDED_CONTEXT
        self.vocab_size: int = module.get_output_embeddings().weight.shape[0]
        accepted = inspect.signature(module.forward).parameters
        if "past_key_values" not in accepted:
            raise ModelUnavailableError(name=name, reason="its architecture has no key-value cache.")
        self._extra = {"logits_to_keep": 1} if "logits_to_keep" in accepted else {}
        self._takes_positions = "position_ids" in accepted
        self._forward_lock = threading.Lock()
        self._kept = _KeptCaches()
        self._in_pieces = wide_products.InPieces()

    def prefill(self, prompt_ids: Sequence[int], taken_ids: Sequence[int] = ()) -> "HuggingFaceState":
        """Read a prompt and the tokens already taken after it, B = 1, reusing the KV cache of an earlier run.

        Only a run of the same prompt is gone on with (at any point), and what is missing is fed as it was taken, one
        token at a time: so the logits are bit for bit those of a run that never stopped. Reusing what two different
        prompts share would save a pass, at the price of other last bits (about 1e-5 over a vocabulary).
        Raises PromptTooLongError beyond the context length, ValueError without a prompt.
        """
        ids = (*prompt_ids, *taken_ids)
        prompt_length = len(prompt_ids)
        if not prompt_length:
            raise ValueError("prefill needs at least one token id")
        if len(ids) > self.context_length:
            raise PromptTooLongError(tokens=len(ids), limit=self.context_length)
        state, shared = self._kept.take(ids, prompt_length)
        if state is None:
            cache = new_cache(self.module.config)
            logits = self.forward(torch.tensor([prompt_ids]), cache, 0)
            state = HuggingFaceState(self, cache, tuple(prompt_ids), prompt_length, logits, logits)
            shared = prompt_length
        logits = state.prompt_logits if shared == prompt_length else state.logits
        state.crop(shared)
        for position in range(shared, len(ids)):
            logits = self.forward(torch.tensor([ids[position : position + 1]]), state.cache, position)
        return HuggingFaceState(self, state.cache, ids, prompt_length, state.prompt_logits, logits)

    @torch.inference_mode()
    def forward(self, input_ids: Tensor, cache: DynamicCache, position: int) -> Tensor:
        """The float32 logits (B, V) after input_ids (B, L), the first of which stands at `position`.

        The call has the shape of `generate`'s own (last logits only, positions named, no mask for unpadded rows), so
        the numbers are the same to the last bit. `cache` grows by L.
        """
        arguments: dict[str, Any] = dict(self._extra)
        if self._takes_positions:
            arguments["position_ids"] = torch.arange(position, position + input_ids.shape[1]).expand(input_ids.shape)
        with self._forward_lock, self._in_pieces if len(input_ids) in wide_products.ROWS else nullcontext():
            output = self.module(input_ids=input_ids, past_key_values=cache, use_cache=True, **arguments)
        return cast(Tensor, output.logits[:, -1].to(copy=True, dtype=torch.float32))

    @torch.inference_mode()
    def logprobs(self, ids: Sequence[int]) -> tuple[float, ...]:
        """The natural-log probability of each id but the first, after all those before it.

        Reads at most as much at a time as keeps the logits within _SCORED_BYTES. Raises PromptTooLongError.
        """
        if len(ids) > self.context_length:
            raise PromptTooLongError(tokens=len(ids), limit=self.context_length)
        at_once = max(1, _SCORED_BYTES // (4 * self.vocab_size))
        cache, found = DynamicCache(config=self.module.config), []
        for start in range(0, len(ids) - 1, at_once):
            end = min(start + at_once, len(ids) - 1)
            arguments: dict[str, Any] = {}
            if self._takes_positions:
                arguments["position_ids"] = torch.arange(start, end)[None]
            with self._forward_lock:
                output = self.module(
                    input_ids=torch.tensor([ids[start:end]]), past_key_values=cache, use_cache=True, **arguments
                )
            rows = torch.log_softmax(output.logits[0].float(), dim=-1)
            found += rows.gather(1, torch.tensor(ids[start + 1 : end + 1])[:, None])[:, 0].tolist()
        return tuple(found)


@dataclass(eq=False)
class HuggingFaceState:
    """B sequences of equal length in a KV cache, with their next-token logits.

    Attributes:
        ids: the first row's ids, all of them in the cache.
        prompt_length: how many of them were read in one pass.
        prompt_logits: (1, V), the logits after that pass.
        logits: (B, V) float32, of the token that follows.
    """

    model: HuggingFaceModel
    cache: DynamicCache
    ids: tuple[int, ...]
    prompt_length: int
    prompt_logits: Tensor
    logits: Tensor
    _spent: bool = field(default=False, repr=False)

    def advance(self, parents: Sequence[int], token_ids: Sequence[int]) -> "HuggingFaceState":
        """One token more per row. Raises PromptTooLongError when the context is full."""
        length = len(self.ids)
        if length >= self.model.context_length:
            raise PromptTooLongError(tokens=length + 1, limit=self.model.context_length)
        self._spent = True
        self._reorder(list(parents))
        logits = self.model.forward(torch.tensor(list(token_ids))[:, None], self.cache, length)
        ids = (*self.ids, token_ids[0])
        return HuggingFaceState(self.model, self.cache, ids, self.prompt_length, self.prompt_logits, logits)

    @torch.inference_mode()
    def _reorder(self, parents: list[int]) -> None:
        """Let row i of the cache be what row parents[i] was; nothing is moved that stays as it is."""
        rows = self.logits.shape[0]
        if rows == 1 and len(parents) > 1:
            fan_out(self.cache, len(parents))
        elif parents != list(range(rows)):
            self.cache.batch_select_indices(torch.tensor(parents))

    def release(self) -> None:
        """Keep the cache for a later prefill. Does nothing when the state has been consumed already."""
        if not self._spent:
            self._spent = True
            self.model._kept.put(self)

    def crop(self, length: int) -> None:
        """Forget all but the first `length` tokens."""
        if length < len(self.ids):
            self.cache.crop(length - len(self.ids))

    @property
    def is_reusable(self) -> bool:
        """Whether the cache is one sequence and can be cut at any point (sliding windows can't)."""
        return self.logits.shape[0] == 1 and all(type(layer) is GrowingLayer for layer in self.cache.layers)

    @property
    def bytes(self) -> int:
        return sum(layer.bytes for layer in self.cache.layers)


class _KeptCaches:
    """The KV caches of the last few runs. Each is handed out to one prefill at a time."""

    def __init__(self) -> None:
        self._states: list[HuggingFaceState] = []  # least recently kept first
        self._lock = threading.Lock()

    def put(self, state: HuggingFaceState) -> None:
        if not state.is_reusable or state.bytes > _KEPT_CACHE_BYTES:
            return
        with self._lock:
            self._states.append(state)
            while len(self._states) > _KEPT_CACHES or sum(s.bytes for s in self._states) > _KEPT_CACHE_BYTES:
                self._states.pop(0)

    def take(self, ids: tuple[int, ...], prompt_length: int) -> tuple["HuggingFaceState | None", int]:
        """The kept state that saves most, removed from the pool, and how many of its tokens to go on from."""
        with self._lock:
            found = [(_reusable(state, ids, prompt_length), state) for state in self._states]
            shared, best = max(found, key=lambda pair: pair[0], default=(0, None))
            if best is None or shared == 0:
                return None, 0
            self._states.remove(best)
            return best, shared


def _reusable(state: HuggingFaceState, ids: tuple[int, ...], prompt_length: int) -> int:
    """How many tokens of `state` a run over `ids` may go on from; all of `ids` only where the logits are at hand."""
    if state.prompt_length != prompt_length:
        return 0
    common = 0
    for ours, theirs in zip(state.ids, ids, strict=False):
        if ours != theirs:
            break
        common += 1
    if common < prompt_length:
        return 0
    if common == len(ids) and common not in (prompt_length, len(state.ids)):
        return common - 1  # the last token is fed again, to get its logits
    return common
