"""Two models for one text, each on transformers' own kernels: with the same tokens or others, perhaps a base and its
adapter."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from playground.engines.huggingface import lora
from playground.engines.huggingface.backend import Backend, HuggingFaceModel
from playground.engines.huggingface.twin import twin
from playground.engines.protocol import Engine
from playground.errors import NothingToInspectError, RoundedModelError


@dataclass(frozen=True)
class Pair:
    """Two models.

    Attributes:
        names: of the first and the second.
        adapter: what makes the second of the first, and `scale` how strongly; None for two models of any other kind.
        is_one: whether both have the same tokens, id by id.
    """

    names: tuple[str, str]
    first: Backend
    second: Backend
    adapter: lora.Adapter | None
    scale: float
    is_one: bool

    @property
    def limit(self) -> int:
        """Tokens that both can read."""
        return min(self.first.model.context_length, self.second.model.context_length)

    def logits(self, first: Sequence[int], second: Sequence[int]) -> tuple[Tensor, Tensor]:
        """(n, V) of each, after every id of its own. Raises PromptTooLongError."""
        return self.first.model.logits(first).cpu(), self.second.model.logits(second).cpu()

    def weight_of(self, delta: lora.Delta) -> Tensor:
        """(out, in): the weight of the first that a change is added to."""
        return lora.weight_of(self.first.model.module, delta).cpu()


def plain(loaded: Engine) -> Backend:
    """A loaded model on transformers' own kernels, on a twin where it has others: two of the same weights then say the
    same to the last bit. The loaded one is left alone.

    Raises NothingToInspectError for an engine that is no model of transformers here, RoundedModelError for a model in
    fewer bits."""
    if not isinstance(loaded, Backend):
        raise NothingToInspectError(name=loaded.info.name, what="weights")
    if loaded.info.dtype != "float32":
        raise RoundedModelError(name=loaded.info.name, dtype=loaded.info.dtype)
    if not loaded.model.packed_bytes:
        return loaded
    return replace(loaded, model=HuggingFaceModel(twin(loaded.model.module), loaded.model.name, exact=True))


def pair(first: Backend, second: Backend, names: tuple[str, str], scale: float = 1.0) -> Pair:
    """Two plain models; `scale` is that of the second's adapter, which has it already."""
    same = first.vocabulary is second.vocabulary or first.vocabulary.pieces == second.vocabulary.pieces
    is_one = same and first.model.vocab_size == second.model.vocab_size
    adapter = second.adapter if second.base is not None and _is_base(first, second.base, second.adapter) else None
    return Pair(names, first, second, adapter, scale, is_one)


def _is_base(one: Backend, base: Backend, adapter: lora.Adapter | None) -> bool:
    """Whether a model is that base: the same tokens, and where the adapter changes most the same weights. Of the same
    size may be a model with other ones: the changes would mean nothing beside them."""
    if adapter is None or one.vocabulary.pieces != base.vocabulary.pieces or one.adapter is not None:
        return False
    module, of_base = one.model.module, base.model.module
    return lora.fits(module, adapter) and all(
        torch.equal(lora.weight_of(module, delta).cpu(), lora.weight_of(of_base, delta).cpu())
        for delta in adapter.deltas
    )
