"""What the sessions of all tabs share: whose they are; one run at a time, begun, current, stopped; what was sent."""

from typing import NamedTuple

from playground.components.live_bus import FrameLog
from playground.engines.loading import ModelSlot
from playground.i18n import Said
from playground.runs.links import Link
from playground.runs.run import Turns


class Asks(NamedTuple):
    """Two parts of an address."""

    run: str = ""
    view: str = ""


class Visitor:
    """Whose a session is.

    Attributes:
        language: in which the visitor is answered; None before their first event.
        model: the name of the model that they have chosen; "" for the first of their language.
        on: the slot of the model that the session was put in order for last; None: as it was made.
        link_query: of the link that was opened last: the door that it came through says it only once.
        link_wants: the model of that link, where it would have to be fetched: a link has nothing fetched by itself.
        arrives: whether that model has just been chosen, and the page still shows another one's.
        came_from: the name of the model that they had before, "" for none.
    """

    language: str | None = None
    model: str = ""
    on: ModelSlot | None = None
    link_query: str = ""
    link_wants: str = ""
    arrives: bool = False
    came_from: str = ""


class Running(Turns, Visitor):
    """One visitor's run in one tab. Two events of one visitor may use it at the same time.

    Attributes:
        frames: what was sent to the page lately.
        waiting: the channels on which the page says that something is on its way.
        leaves_end_off: whether prompts are read without the special tokens that the tokenizer puts behind them.
        told: what the page was told last of how the run stands.
        link: the link that was opened last, or None.
        link_words: what is said of it, until another text is made.
        asks: what the controls ask for, as queries: the run and how the page looks; empty before any event.
    """

    def __init__(self) -> None:
        super().__init__()
        self.frames = FrameLog()
        self.waiting: set[str] = set()
        self.leaves_end_off = False
        self.told: dict[str, object] = {}
        self.link: Link | None = None
        self.link_words: Said | None = None
        self.asks = Asks()
