"""The session of the Tokenizer tab: what one visitor has typed, chosen and stepped to."""

import threading
from dataclasses import replace

from playground.components.live_bus import FrameLog
from playground.panels.tokenizer.replay import Replaying
from playground.panels.tokenizer.training import Training
from playground.tabs.look_links import Looking
from playground.tokenization.segments import Segmentation
from playground.tokenization.text_tokenizer import TextTokenizer

KEPT_FRAMES = 4  # typing sends one frame a key: what lies further back has long arrived


class TokenizerSession(Looking):
    """Lives in a `gr.State`; two events of one visitor may use it at the same time.

    Attributes:
        segmentation: of the text on show, by `tokenizer`.
        frames: what was sent to the page lately.
        waiting: the channels on which the page says that something is on its way.
        chosen: the token that was clicked last.
        refused: whether the newest text stands unread, for want of the tokenizer that was named: the notice says so.
        finds: whether examples are looked for in the text.
        replaying, training: what the sections of these names have on show.
    """

    def __init__(self, segmentation: Segmentation, tokenizer: TextTokenizer) -> None:
        self.segmentation = segmentation
        self.tokenizer = tokenizer
        self.frames = FrameLog(KEPT_FRAMES)
        self.waiting: set[str] = set()
        self.chosen = 0
        self.refused = False
        self.finds = False
        self.replaying: Replaying | None = None
        self.training: Training | None = None
        self._texts = 0
        self._sections = 0
        self._lock = threading.Lock()

    def __deepcopy__(self, memo: object) -> "TokenizerSession":
        """Gradio copies the initial state for every visitor: tokenizers and segmentations are frozen."""
        fresh = TokenizerSession(self.segmentation, self.tokenizer)
        fresh.replaying = replace(self.replaying) if self.replaying else None
        return fresh

    def new_text(self) -> int:
        """The number of a text that came in: of two answers the one to the later text is right."""
        with self._lock:
            self._texts += 1
            return self._texts

    def take(self, number: int, segmentation: Segmentation, tokenizer: TextTokenizer) -> bool:
        """Put text `number` on show, unless a later one has come in: then say no."""
        with self._lock:
            if number != self._texts:
                return False
            self.segmentation, self.tokenizer, self.refused = segmentation, tokenizer, False
            self.chosen = min(self.chosen, max(0, len(segmentation.tokens) - 1))
            return True

    def refuse(self, number: int) -> bool:
        """Text `number` can't be read, unless a later one has come in, which nobody is to be told about: then no."""
        with self._lock:
            self.refused = self.refused or number == self._texts
            return number == self._texts

    def new_section(self) -> int:
        """The number of a look at a section, and `is_newest` whether no other has begun since."""
        with self._lock:
            self._sections += 1
            return self._sections

    def is_newest(self, number: int) -> bool:
        return number == self._sections
