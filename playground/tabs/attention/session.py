"""What one visitor has on the Attention tab: a batch with its masks, and a text with the head that is looked at."""

from playground.components.live_bus import FrameLog
from playground.examples import BATCH
from playground.runs.run import Turns
from playground.tabs.look_links import Looking
from playground.tabs.newest import Requests

WAITING = ("attention.badge", "attention.lab_words", "attention.sentence", "attention.cache_formula")


class AttentionSession(Turns, Looking):
    """One visitor's Attention tab; two events of one visitor may use it at the same time.

    Attributes:
        texts: the token ids of the batch.
        chosen: number of the text whose masks are shown.
        ids: the text looked at; `layer`, `head` and `query` are what is shown of it.
        single: the head shown before the average, for the way back.
        frames: what was sent to the page lately.
        waiting: the channels on which the page says that something is on its way.
        is_opened: whether the tab has been filled.
        requests: what it was asked for lately.
    """

    def __init__(self) -> None:
        super().__init__()
        self.texts: tuple[tuple[int, ...], ...] = tuple(BATCH.values())
        self.chosen = 1
        self.ids: tuple[int, ...] = ()
        self.layer, self.head, self.query = 0, 0, 0
        self.single = 0
        self.frames = FrameLog()
        self.waiting = set(WAITING)
        self.is_opened = False
        self.requests = Requests()

    def __deepcopy__(self, memo: object) -> "AttentionSession":
        """Gradio copies the initial state for every visitor."""
        return AttentionSession()
