"""Two models that read the same tokens, for one text: a base and its adapter at a scale, or two models of any kind."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from playground import settings
from playground.engines.huggingface import backend as huggingface
from playground.engines.huggingface import lora
from playground.engines.huggingface.backend import Backend, HuggingFaceModel
from playground.engines.huggingface.twin import twin
from playground.errors import NothingToInspectError, OtherBaseError, OtherTokensError, RoundedModelError

Second = Literal["adapter", "apprentice"]
SECONDS: tuple[Second, ...] = ("adapter", "apprentice")
_ADAPTER, _APPRENTICE = settings.MODELS / "detective", settings.MODELS / "apprentice"
_KEPT = 4  # scales


@dataclass(frozen=True)
class Pair:
    """Two models with one vocabulary.

    Attributes:
        names: of the first and the second.
        vocabulary: of both; `tokenizer` too.
        adapter: what makes the second of the first, and `scale` how strongly; None for two models.
    """

    names: tuple[str, str]
    first: Backend
    second: HuggingFaceModel
    adapter: lora.Adapter | None
    scale: float

    def logits(self, ids: Sequence[int]) -> tuple[Tensor, Tensor]:
        """(n, V) of each, after every id. Raises PromptTooLongError."""
        return self.first.model.logits(ids).cpu(), self.second.logits(ids).cpu()

    def weight_of(self, delta: lora.Delta) -> Tensor:
        """(out, in): the weight of the first that a change is added to."""
        return lora.weight_of(self.first.model.module, delta).cpu()


class Pairs:
    """The pairs that a loaded model is the first of. Shared by all sessions; the loaded model is left alone."""

    def __init__(self, loaded: Any) -> None:
        """Raises NothingToInspectError for an engine that is no model of transformers here, RoundedModelError for a
        model in fewer bits."""
        if not isinstance(loaded, Backend):
            raise NothingToInspectError(name=loaded.info.name, what="weights")
        if loaded.info.dtype != "float32":
            raise RoundedModelError(name=loaded.info.name, dtype=loaded.info.dtype)
        base = loaded.base or loaded
        self._adapter = loaded.adapter
        # kernels of both alike: a lean pass differs in the last bits
        module = twin(base.model.module)
        self.first = huggingface.from_parts(module, base.tokenizer.tokenizer, base.info.name, exact=True)
        self._seconds: OrderedDict[float, HuggingFaceModel] = OrderedDict()
        self._apprentice: Backend | None = None
        self._lock = threading.Lock()

    def pair(self, second: str, scale: float) -> Pair:
        """The loaded model (the base, where that has an adapter) and the second.

        Raises OtherTokensError where the two don't read the same tokens, OtherBaseError where the adapter was trained
        on another model; ModelUnavailableError.
        """
        with self._lock:
            return self._with_adapter(scale) if second == "adapter" else self._with_apprentice()

    def _with_adapter(self, scale: float) -> Pair:
        if self._adapter is None:
            shipped = lora.read(_ADAPTER)
            if not lora.was_trained_on(self.first.model.module, shipped):
                raise OtherBaseError(first=self.first.info.name, second=shipped.name)
            self._adapter = shipped
        name = self._adapter.name
        if scale not in self._seconds:
            module = lora.adapted(self.first.model.module, self._adapter, scale)
            self._seconds[scale] = HuggingFaceModel(module, name, exact=True)
            while len(self._seconds) > _KEPT:
                self._seconds.popitem(last=False)
        return Pair((self.first.info.name, name), self.first, self._seconds[scale], self._adapter, scale)

    def _with_apprentice(self) -> Pair:
        if self._apprentice is None:
            self._apprentice = huggingface.load(str(_APPRENTICE), how=settings.How(exact=True))
        second = self._apprentice
        if second.vocabulary.pieces != self.first.vocabulary.pieces:
            raise OtherTokensError(first=self.first.info.name, second=second.info.name)
        return Pair((self.first.info.name, second.info.name), self.first, second.model, None, 1.0)
