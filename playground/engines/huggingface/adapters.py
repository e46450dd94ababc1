"""Adapters put on loaded models: on the base that an adapter's folder names, or on a model that is here already."""

from dataclasses import replace

from playground.engines.huggingface import lora
from playground.engines.huggingface.backend import Backend, from_parts, load
from playground.engines.huggingface.card import licence
from playground.engines.protocol import Engine
from playground.errors import ModelUnavailableError, NothingToInspectError
from playground.i18n import say
from playground.settings import How


def of_folder(folder: str, name: str | None = None) -> Backend:
    """The adapter of a folder on the base that it names, which is loaded for it. Raises ModelUnavailableError."""
    adapter = lora.read(folder)
    base = load(adapter.base, how=How(exact=True))  # on the processor, where its changes are
    return _on(base, adapter, name or f"{base.info.name} + {adapter.name}", folder)


def put(base: Engine, folder: str, name: str) -> Backend:
    """A loaded model with the adapter of a folder, at the scale that it was trained at; every weight is shared, and the
    model is left alone.

    Raises ModelUnavailableError for a folder that is none, or of another model, and beside a rounded one;
    NothingToInspectError for an engine without weights here.
    """
    if not isinstance(base, Backend):
        raise NothingToInspectError(name=base.info.name, what="weights")
    if base.info.dtype != "float32":
        raise ModelUnavailableError(name=name, reason=say("unfit.adapter_in_float"))
    found = _on(base, lora.read(folder), name, folder)
    found.model.share(base.model)
    return found


def _on(base: Backend, adapter: lora.Adapter, name: str, folder: str) -> Backend:
    module = lora.adapted(base.model.module, adapter)
    backend = from_parts(module, base.tokenizer.tokenizer, name, base.info.ignored, exact=True)
    info = replace(backend.info, unused=base.info.unused, licence=licence(folder))
    return replace(backend, info=info, adapter=adapter, base=base)
