"""Causal language models of transformers behind the seam: how they are loaded, and their forward pass."""

import inspect
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, Cache, GenerationConfig

from playground.engines.huggingface import (
    checkpoint,
    device,
    gguf_file,
    lora,
    model_files,
    positions,
    rounding,
    wide_products,
)
from playground.engines.huggingface.card import licence
from playground.engines.huggingface.context import context_length
from playground.engines.huggingface.head import Head
from playground.engines.huggingface.kv_cache import (
    StatefulError,
    cache_argument,
    is_reordered_by_generate,
    keeps_keys_alone,
    new_cache,
    own_cache,
)
from playground.engines.huggingface.lean import make_lean, pays
from playground.engines.huggingface.state import Answer, HuggingFaceState, KeptCaches
from playground.engines.huggingface.tokenizer import HuggingFaceTokenizer, vocabulary_of
from playground.engines.loading import shown_name
from playground.engines.protocol import Capabilities, Info
from playground.errors import ModelUnavailableError, PromptTooLongError, UnreadableTokenError
from playground.i18n import say
from playground.settings import ASSETS, Dtype, How, in_repository
from playground.vocabulary import Vocabulary

logger = logging.getLogger(__name__)
_AS_IT_IS = How()
_SCORED_BYTES = 32 * 2**20


IN_TRANSFORMERS = Capabilities(scores=True, generates=True, opens=True)


@dataclass(frozen=True)
class Backend:
    """A loaded model with its tokenizer, its vocabulary as text, and what to say about it: an Engine."""

    model: "HuggingFaceModel"
    tokenizer: HuggingFaceTokenizer
    vocabulary: Vocabulary
    info: Info
    in_float32: "HuggingFaceModel | None" = None
    can: Capabilities = IN_TRANSFORMERS
    adapter: lora.Adapter | None = None
    base: "Backend | None" = None

    @property
    def reference(self) -> "HuggingFaceModel":
        """The same weights in float32: the model itself, if it is not rounded."""
        return self.in_float32 or self.model

    def rounded(self, dtype: rounding.Rounded) -> "HuggingFaceModel":
        """The model in fewer bits: itself, or that of a copy. Raises rounding.NoInt8Error."""
        return self.model if self.info.dtype == dtype else in_fewer_bits(self, dtype).model

    @property
    def base_name(self) -> str:
        """The base of its adapter as a reader of the page would write it; "" without one."""
        if self.adapter is None:
            return ""
        folder = Path(self.adapter.base).resolve()
        return in_repository(folder) if folder.is_relative_to(ASSETS.parent) else self.adapter.base

    def at_scale(self, scale: float) -> "Backend":
        """The same base with the adapter `scale` times as strong as it was trained; every weight is shared. Raises
        ModelUnavailableError for a model without an adapter."""
        if self.adapter is None or self.base is None:
            raise ModelUnavailableError(name=self.info.name, reason=say("unfit.no_adapter"))
        name = f"{self.info.name} × {scale:g}"
        model = HuggingFaceModel(lora.adapted(self.base.model.module, self.adapter, scale), name, exact=True)
        model.share(self.base.model)
        return replace(self, model=model, info=replace(self.info, name=name))


def load(
    name_or_path: str, display_name: str | None = None, how: How = _AS_IT_IS
) -> Backend:  # fmt: skip
    """Load a causal language model, in float32, from a folder or the Hub (its cache, where there is no network).

    The folder of a LoRA adapter is its base with the adapter on it.

    Raises ModelUnavailableError, with the reason, whatever goes wrong: the files are somebody else's.
    """
    name = name_or_path
    if model_files.is_adapter(name):
        if how.dtype != "float32":
            raise ModelUnavailableError(name=name, reason=say("unfit.adapter_in_float"))
        from playground.engines.huggingface import adapters  # which puts it on what this module loads

        return adapters.of_folder(name, display_name)
    try:
        device.check(how.device)
        model_files.check(name)
        source, in_file = gguf_file.source(name)
        config = AutoConfig.from_pretrained(source, trust_remote_code=False, **in_file)
        checkpoint.check_config(name, config)
        tokenizer = checkpoint.read_tokenizer(
            name, lambda: AutoTokenizer.from_pretrained(source, trust_remote_code=False, **in_file)
        )
        lost = _take_off_lost_padding(config)
        module, loading = AutoModelForCausalLM.from_pretrained(
            source, config=config, dtype=torch.float32, trust_remote_code=False, output_loading_info=True,
            ignore_mismatched_sizes=True, **in_file,
        )  # fmt: skip  # mismatched sizes are told by their names: transformers' own error is a table
        checkpoint.check_weights(name, config, loading)
        unused = checkpoint.check_unused(name, module, loading)
        size = sum(tensor.nbytes for tensor in device.chain_of_tensors(module))
        module.to(device.choose(rounding.device_for(how), size))
        backend = from_parts(
            module, tokenizer, display_name or shown_name(name), lost, how.exact or how.dtype != "float32"
        )
        backend = backend if how.dtype == "float32" else in_fewer_bits(backend, how.dtype)
        checkpoint.check_reading(name, backend.model)
        if in_file:
            said = gguf_file.told(name)
            info = replace(backend.info, unused=unused, licence=said.licence, packed=said.packed)
        else:
            info = replace(backend.info, unused=unused, licence=licence(name))
        return replace(backend, info=info)
    except ModelUnavailableError:
        raise
    except device.NoDeviceError as error:
        reason = say("unfit.no_device", device=error.wanted, present=", ".join(error.present))
        raise ModelUnavailableError(name=name, reason=reason) from error
    except rounding.NoInt8Error as error:
        raise ModelUnavailableError(name=name, reason=say("unfit.no_integers")) from error
    except Exception as error:
        raise ModelUnavailableError(name=name, reason=model_files.unloaded(name, error)) from error


def in_fewer_bits(backend: Backend, dtype: rounding.Rounded) -> Backend:
    """A Backend of the same weights, rounded; the float32 one stays in it. Raises rounding.NoInt8Error."""
    plain = backend.reference
    model = HuggingFaceModel(rounding.rounded(plain.module, dtype), plain.name, dtype=dtype)
    model.beside_bytes = plain.bytes
    return replace(backend, model=model, info=replace(backend.info, dtype=dtype), in_float32=plain)


def _take_off_lost_padding(config: Any) -> tuple[str, ...]:
    """A padding token outside the embedding, with which no architecture can be built; what was taken off, by name."""
    text = config.get_text_config()
    lost, size = (getattr(text, name, None) for name in ("pad_token_id", "vocab_size"))
    if not isinstance(lost, int) or not isinstance(size, int) or 0 <= lost < size:
        return ()
    for one in (config, text):
        one.pad_token_id = None
    return (f"pad_token_id {lost}",)


def from_parts(
    module: Any, tokenizer: Any, name: str, ignored: tuple[str, ...] = (), exact: bool = False
) -> Backend:  # fmt: skip
    """A Backend around a transformers model and tokenizer already in memory; `ignored` as of Info, `exact` as of
    HuggingFaceModel."""
    model = HuggingFaceModel(module, name, exact)
    ignored += tuple(f"eos_token_id {i}" for i in model.lost_eos_ids)
    pad = getattr(module.config.get_text_config(), "pad_token_id", None)
    if isinstance(pad, int) and not 0 <= pad < model.readable:
        ignored += (f"pad_token_id {pad}",)
    if ignored:
        logger.warning("%s: ignored, for there is no such token: %s", name, ", ".join(ignored))
    config = module.config.get_text_config()
    info = Info(
        name=name,
        parameters=sum(p.numel() for p in module.parameters()),
        vocab_size=model.vocab_size,
        context_length=model.context_length,
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        ignored=ignored,
        device=str(model.device),
    )
    return Backend(
        model, HuggingFaceTokenizer(tokenizer, model.readable), vocabulary_of(tokenizer, model.vocab_size), info
    )


class HuggingFaceModel:
    """A transformers causal LM as a LanguageModel. Shared by all sessions and read-only but for kept KV caches.

    One forward pass at a time: a lock inside, so that every caller may be a thread of its own.

    Attributes:
        changes: whether somebody may train its weights while it is shared: what is kept of it would be of other ones.
    """

    changes = False

    def __init__(self, module: Any, name: str, exact: bool = False, dtype: Dtype = "float32") -> None:
        """Changes the module where it has a lean forward pass that pays (see `lean`), unless `exact`. `dtype` says
        how it has been rounded (`rounding`)."""
        self.module = module.eval()
        self.device = device.of(module)
        device.bridge(module)
        self.name = name
        # What the repository recommends (sampling on, a top-k …) must not creep into verification: settings are ours.
        ends = module.generation_config.eos_token_id
        named: tuple[int, ...] = () if ends is None else tuple(ends) if isinstance(ends, list) else (ends,)
        self.vocab_size: int = module.get_output_embeddings().weight.shape[0]
        self.readable: int = module.get_input_embeddings().weight.shape[0]  # ids that it has an embedding for
        self.eos_ids: tuple[int, ...] = tuple(i for i in named if 0 <= i < self.vocab_size)
        self.lost_eos_ids = tuple(i for i in named if i not in self.eos_ids)  # named, but there is no such token
        module.generation_config = GenerationConfig(eos_token_id=list(self.eos_ids) or None)
        self.context_length: int = context_length(module)
        accepted = inspect.signature(module.forward).parameters
        argument = cache_argument(module)
        if argument is None:
            raise ModelUnavailableError(name=name, reason=say("unfit.no_cache"))
        self.cache_argument = argument
        self._extra = {"logits_to_keep": 1} if "logits_to_keep" in accepted else {}
        self._takes_positions = "position_ids" in accepted
        positions.keep_apart(self.module)
        try:
            self._own_cache = own_cache(self.module, self.places(0, 1))
        except StatefulError as error:
            raise ModelUnavailableError(name=name, reason=say("unfit.stateful")) from error
        except Exception as error:
            said = f"{type(error).__name__}: {model_files.first_line(error)}"
            raise ModelUnavailableError(name=name, reason=say("unfit.unread", error=said)) from error
        self.dtype = dtype
        self.shared_bytes = 0  # of weights that another model has already
        self.beside_bytes = 0  # of the float32 weights that are kept with rounded ones
        self.packed_bytes = make_lean(module) if not exact and pays(module) else 0
        self.head = Head(module)
        self._forward_lock = threading.Lock()
        self.kept = KeptCaches()
        self._in_pieces = wide_products.InPieces()

    @property
    def kernels(self) -> str:
        """What it runs on besides transformers' own kernels in float32: "packed", "bfloat16", "int8", or ""."""
        return self.dtype if self.dtype != "float32" else "packed" if self.packed_bytes else ""

    @property
    def slack(self) -> float:
        """What a log-probability may differ by, in nats, between a row alone and among others, or between one pass and
        several, because of rounding: last bits are larger in bfloat16, and in int8 one may cross a step of 1 / 127."""
        return {"float32": 0.0, "bfloat16": 0.2, "int8": 0.1}[self.dtype]

    def let_change(self) -> None:
        """From now on no cache is kept for a later run, and of every step the whole row of logits."""
        self.changes, self.head.width = True, 0

    def prefill(self, prompt_ids: Sequence[int], taken_ids: Sequence[int] = ()) -> "HuggingFaceState":
        """Read a prompt and the tokens already taken after it, B = 1, reusing the KV cache of an earlier run.

        Only a run of the same prompt is gone on with (at any point), and what is missing is fed as it was taken, one
        token at a time: so the logits are bit for bit those of a run that never stopped. Reusing what two different
        prompts share would save a pass, at the price of other last bits (about 1e-5 over a vocabulary).
        Raises PromptTooLongError beyond the context length, UnreadableTokenError for an id that the model has no
        embedding for, ValueError without a prompt.
        """
        ids = (*prompt_ids, *taken_ids)
        prompt_length = len(prompt_ids)
        if not prompt_length:
            raise ValueError("prefill needs at least one token id")
        if len(ids) > self.context_length:
            raise PromptTooLongError(tokens=len(ids), limit=self.context_length)
        self.check(ids)
        state, shared = self.kept.take(ids, prompt_length)
        if state is None:
            cache = self.new_cache()
            answer = self.forward(torch.tensor([prompt_ids]), cache, 0)
            state = HuggingFaceState(self, cache, tuple(prompt_ids), prompt_length, answer, answer)
        else:
            state = state.cropped(shared)
        for token_id in ids[shared or prompt_length :]:
            state = state.advance([0], [token_id])
        return state

    def share(self, other: "HuggingFaceModel") -> None:
        """Its weights are the other's, which has been counted already."""
        self.shared_bytes = sum(int(tensor.nbytes) for tensor in device.chain_of_tensors(other.module))

    @property
    def bytes(self) -> int:
        """What the weights take, those laid out anew for a faster pass and those kept in float32 included."""
        return (
            sum(int(tensor.nbytes) for tensor in device.chain_of_tensors(self.module))
            + self.packed_bytes
            + self.beside_bytes
            - self.shared_bytes
        )

    @property
    def step_bytes(self) -> int:
        """What a step keeps: the hidden state that the head read, or the whole row of logits."""
        return 4 * (self.head.width or self.vocab_size)

    @cached_property
    def cache_bytes(self) -> int:
        """What one token takes, by a token read; 0 for a cache that does not show its keys and values."""
        cache = self.new_cache()
        self.forward(torch.zeros(1, 1, dtype=torch.long), cache, 0)
        kept = (getattr(layer, name, None) for layer in getattr(cache, "layers", ()) for name in ("keys", "values"))
        return sum(tensor.nbytes for tensor in kept if isinstance(tensor, Tensor))

    @property
    def searches_in_generate(self) -> bool:
        """Whether beam search in `generate` is right for this architecture: it keeps the whole cache in order."""
        return is_reordered_by_generate(self._own_cache)

    @property
    def reads_at_once(self) -> bool:
        """Whether one pass over a text gives the numbers that reading it token by token gives: not where positions
        switch, and with recurrent states only roughly."""
        return (
            self.dtype == "float32"
            and self._own_cache is None
            and keeps_keys_alone(self.new_cache())
            and not positions.switches(self.module)
        )

    def new_cache(self) -> Cache:
        """An empty one, of the kind that the architecture works on."""
        return self._own_cache() if self._own_cache else new_cache(self.module.config)

    @torch.inference_mode()
    def forward(self, input_ids: Tensor, cache: Cache, position: int) -> "Answer":
        """The logits after input_ids (B, L), the first of which stands at `position`.

        The call has the shape of `generate`'s own (last logits only, positions named, no mask for unpadded rows), so
        the numbers are the same to the last bit. `cache` grows by L.
        """
        arguments: dict[str, Any] = dict(self._extra)
        for name, places in self.places(position, position + input_ids.shape[1]).items():
            arguments[name] = places.expand(input_ids.shape)
        is_wide = not self.packed_bytes and len(input_ids) in wide_products.ROWS  # the lean head needs no pieces
        in_pieces = self._in_pieces if is_wide else nullcontext()
        with self._forward_lock, in_pieces, self.head.listening() as heard:
            output = self.module(input_ids=input_ids, use_cache=True, **{self.cache_argument: cache}, **arguments)
        return Answer(output.logits[:, -1].to(copy=True, dtype=torch.float32), self.head.read_of(output, heard))

    def check(self, ids: Sequence[int], size: int | None = None) -> None:
        """Raises UnreadableTokenError for an id that the model has no embedding for, or that is not below `size`."""
        size = min(self.readable, size or self.readable)
        for i in ids:
            if not 0 <= i < size:
                raise UnreadableTokenError(token=f"<id {i}>", token_id=i, last=size - 1)

    @torch.inference_mode()
    def logits(self, ids: Sequence[int]) -> Tensor:
        """(n, V) float32: after each id, from one pass over the text without a cache. Raises PromptTooLongError."""
        if len(ids) > self.context_length:
            raise PromptTooLongError(tokens=len(ids), limit=self.context_length)
        with self._forward_lock:
            output = self.module(input_ids=torch.tensor([list(ids)]), use_cache=False, **self.places(0, len(ids)))
        return cast(Tensor, output.logits[0].float())

    def places(self, start: int, end: int) -> dict[str, Tensor]:
        """The positions from `start` to `end` as `generate` names them: from 0, whatever the architecture counts from
        by itself (RoBERTa begins after its padding token)."""
        return {"position_ids": torch.arange(start, end)[None]} if self._takes_positions else {}

    def logprobs(self, ids: Sequence[int]) -> tuple[float, ...]:
        """The natural-log probability of each id but the first, after all those before it. Raises as `read`."""
        found: list[float] = []
        for rows in self.read(ids):
            taken = torch.tensor(ids[len(found) + 1 : len(found) + 1 + len(rows)])
            found += torch.log_softmax(rows, dim=-1).gather(1, taken[:, None])[:, 0].tolist()
        return tuple(found)

    def read(self, ids: Sequence[int]) -> Iterator[Tensor]:
        """The logits (n, V) float32 before each id but the first, some rows after the others: at most as much at a time
        as keeps them within _SCORED_BYTES, where the positions allow that. Raises PromptTooLongError,
        UnreadableTokenError."""
        if len(ids) > self.context_length:
            raise PromptTooLongError(tokens=len(ids), limit=self.context_length)
        self.check(ids, self.vocab_size)
        at_once = max(1, _SCORED_BYTES // (4 * self.vocab_size))
        if positions.switches(self.module):
            at_once = len(ids)  # what the first tokens are read as depends on how many follow
        cache = self.new_cache()
        for start in range(0, len(ids) - 1, at_once):
            end = min(start + at_once, len(ids) - 1)
            with self._forward_lock, torch.inference_mode():
                output = self.module(
                    input_ids=torch.tensor([ids[start:end]]), use_cache=True, **{self.cache_argument: cache},
                    **self.places(start, end),
                )  # fmt: skip
            yield output.logits[0].float()
