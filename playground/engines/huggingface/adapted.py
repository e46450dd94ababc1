"""A model with an adapter: the low-rank changes of an adapter's folder, added to the weights of its base (peft)."""

from typing import Any

from playground.engines.huggingface import backend
from playground.engines.huggingface.backend import Backend
from playground.settings import How

_AS_IT_IS = How()


def load(base: str, adapter: str, display_name: str, how: How = _AS_IT_IS) -> Backend:
    """The base in float32, each adapted weight W become W + (alpha / r) B A. Raises ModelUnavailableError."""

    def added(module: Any) -> Any:
        from peft import PeftModel  # optional, and seconds to import

        return PeftModel.from_pretrained(module, adapter).merge_and_unload()

    return backend.load(base, display_name, how, added)
