"""What all handlers of the Attention tab use: the model laid open, and where a handler's answers go."""

from typing import TYPE_CHECKING, Any

import gradio as gr

from playground.components.live_bus import Frame
from playground.engines.loading import ModelSlot
from playground.i18n import Translator
from playground.panels import wording
from playground.runs.late import inspection_of
from playground.tabs.attention.session import AttentionSession
from playground.tabs.brought import TALES, Brought
from playground.vocabulary import Vocabulary

if TYPE_CHECKING:
    from playground.engines.huggingface.inspection import Inspection

Update = tuple[Any, Any, Any]  # a frame for the bus, the HeadGrid, the HeatMap


def on_the_bus(made: Frame) -> Update:
    return made, gr.skip(), gr.skip()


class AttentionBase:
    """Holds what all visitors share: the model and the language."""

    def __init__(
        self, slot: ModelSlot, first_vocabulary: Vocabulary, t: Translator, brought: Brought = TALES
    ) -> None:  # fmt: skip
        self.slot = slot
        self.brought = brought
        self.first_vocabulary = first_vocabulary
        self.t = t

    def failed(self, session: AttentionSession, words: str, ends_run: bool) -> dict[str, object]:
        return {"attention.notice": wording.notice(words, "bad")}

    def inspection(self) -> "Inspection":
        """The model laid open. Waits for it; raises ModelUnavailableError."""
        return inspection_of(self.slot)
