"""The one Inspection of the loaded model, shared by the Attention tab, the Inside tab and the endpoints."""

from typing import TYPE_CHECKING

from playground.backends.loading import ModelSlot

if TYPE_CHECKING:
    from playground.backends.inspection import Inspection


def inspection_of(slot: ModelSlot) -> "Inspection":
    """The model laid open, made by the first who asks. Waits for the model; raises ModelUnavailableError."""
    from playground.backends.inspection import Inspection  # imports transformers, for which the page does not wait

    backend = slot.get()
    return slot.once("inspection", lambda: Inspection(backend))
