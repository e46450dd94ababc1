"""Late: the modules that import transformers, for which the page does not wait; imported once, before any handler runs.

The thread that loads the model calls `load` first of all. Two threads that import such modules at the same time get in
each other's way (Python breaks a deadlock of its import locks by handing out a module that is not complete yet: an
ImportError); so nothing else that the page imports does import one. `late.verification` and the others wait for `load`.
"""

import importlib
import threading
from typing import TYPE_CHECKING, Any

from playground.engines.loading import ModelSlot
from playground.engines.protocol import runs_in_transformers
from playground.errors import NothingToInspectError

if TYPE_CHECKING:
    from playground.engines.huggingface import family as family
    from playground.engines.huggingface import hub_tokenizers as hub_tokenizers
    from playground.engines.huggingface import inspection as inspection
    from playground.engines.huggingface import pair as pair
    from playground.engines.huggingface import rounding as rounding
    from playground.engines.huggingface import transparent as transparent
    from playground.engines.huggingface.backend import Backend
    from playground.runs.verification import beams, clouds, generate, lanes, lockstep, texts

    beam_verification, lane_verification, text_verification, verification = beams, lanes, texts, generate
    cloud_verification, lockstep_verification = clouds, lockstep

MODULES = {
    "beam_verification": "playground.runs.verification.beams",
    "cloud_verification": "playground.runs.verification.clouds",
    "lane_verification": "playground.runs.verification.lanes",
    "lockstep_verification": "playground.runs.verification.lockstep",
    "text_verification": "playground.runs.verification.texts",
    "verification": "playground.runs.verification.generate",
    **{
        name: f"playground.engines.huggingface.{name}"
        for name in ("family", "hub_tokenizers", "inspection", "pair", "rounding", "transparent")
    },
}
_lock = threading.Lock()  # whoever comes second waits for the whole import


def load() -> None:
    """Import all of them; the second call does nothing. Raises ImportError if one can't be imported."""
    with _lock:
        globals().update({name: importlib.import_module(path) for name, path in MODULES.items()})


def inspection_of(slot: ModelSlot) -> "inspection.Inspection":
    """The model laid open, once for all visitors, made by the first who asks. Waits for the model.

    Raises ModelUnavailableError, NothingToInspectError where the engine shows nothing of its inside.
    """
    backend = slot.get()

    def opened() -> "inspection.Inspection":
        load()
        if not runs_in_transformers(backend):
            raise NothingToInspectError(name=backend.info.name, what="hidden states")
        return inspection.Inspection(backend)

    return slot.once("inspection", opened)


def plain_of(slot: ModelSlot) -> "Backend":
    """The model on transformers' own kernels, once for all visitors. Waits for the model.

    Raises ModelUnavailableError; NothingToInspectError for an engine without weights here, RoundedModelError.
    """
    backend = slot.get()

    def made() -> "Backend":
        load()
        return pair.plain(backend)

    return slot.once("plain", made)


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Asked for one of MODULES before it is there."""
        if name not in MODULES:
            raise AttributeError(name)
        load()
        return globals()[name]
