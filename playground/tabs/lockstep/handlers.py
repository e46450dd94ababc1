"""The handlers of the Two models tab: one text read by two models, and what an adapter changes of its base."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from playground import catalog
from playground.components.gaze import as_index
from playground.components.live_bus import FrameLog, frame
from playground.engines import prompts
from playground.engines.loading import ModelSlot
from playground.errors import PromptTooLongError
from playground.i18n import Translator
from playground.panels import wording
from playground.panels.figures.lockstep import lockstep_figure
from playground.panels.lockstep import frames
from playground.runs.late import pairs_of
from playground.tabs.newest import Requests, newest
from playground.tabs.shell import reported
from playground.tabs.visitor import Visitor
from playground.views.lockstep import Lockstep, lockstep, next_words
from playground.views.low_rank import LowRank, low_rank

if TYPE_CHECKING:
    from playground.engines.huggingface.pair import Pair

MOST_TOKENS = 256
STRONGEST = 2.0
WAITING = ("lockstep.whole", "lockstep.headline")
EXAMPLE_TEXT = 'The old man opened the door. "I see that you have come by train," said Holmes to the visitor.'
Channels = dict[str, object]


class LockstepSession(Visitor):
    """What one visitor has on the tab.

    Attributes:
        text: as it was read last; `token` is the place on show, from 1.
        second, scale: the second model, and how strongly its adapter is on.
        frames, waiting, requests: as of InsideSession.
    """

    def __init__(self) -> None:
        self.text = ""
        self.second, self.scale = "adapter", 1.0
        self.token = 0
        self.frames = FrameLog()
        self.waiting = set(WAITING)
        self.requests = Requests()

    def __deepcopy__(self, memo: object) -> "LockstepSession":
        """Gradio copies the initial state for every visitor."""
        return LockstepSession()


class LockstepTab:
    """The handlers of the tab. Holds what all visitors share: the model and the language."""

    def __init__(self, slot: ModelSlot, t: Translator) -> None:
        self.slot = slot
        self.t = t

    def failed(self, session: LockstepSession, words: str, ends_run: bool) -> Channels:
        return {"lockstep.notice": wording.notice(words, "bad")}

    def renew(self, session: LockstepSession) -> None:
        """The visitor has come to another model: what was read is read anew when the tab is opened."""
        session.text = ""

    def first_frame(self) -> Channels:
        """Both panels of words wait for the model."""
        waiting = {"parts": [self.t("lockstep.waiting", name=self.slot.display_name)]}
        return {channel: waiting for channel in WAITING}  # noqa: C420

    # ---- events --------------------------------------------------------------------------------------------------

    @reported(*WAITING)
    def open(self, session: LockstepSession, text: str, second: str, scale: float) -> Iterator[str]:
        """The tab was opened: fill it, the first time."""
        if not session.text:
            yield from self.look(session, text, second, scale)

    @reported(*WAITING)
    @newest("look")
    def look(self, session: LockstepSession, text: str, second: str, scale: float) -> Iterator[str]:
        """A text, another second model, or another scale."""
        scale = catalog.check_number("scale", scale, 0.0, STRONGEST)
        pair = pairs_of(self.slot).pair(second, scale)
        is_other = text != session.text
        shown, ids = self.read(pair, text)
        session.text, session.second, session.scale = text, second, scale
        if is_other or not 0 < session.token < len(ids):
            session.token = shown[0].apart(1)[0].index
        yield frame(self.all(session, pair, shown, ids))

    @reported(*WAITING)
    @newest("look")
    def pick(self, session: LockstepSession, picked: Any) -> Iterator[str]:
        """The person looks at a token of the text."""
        index = as_index(picked)
        if session.text and index is not None:
            pair = pairs_of(self.slot).pair(session.second, session.scale)
            shown, ids = self.read(pair, session.text)
            session.token = max(1, min(index, len(ids) - 1))
            yield frame(self.all(session, pair, shown, ids, whole=False))

    @reported(*WAITING)
    def resync(self, session: LockstepSession) -> Iterator[str]:
        """The page has missed something: all of it again."""
        if session.text:
            pair = pairs_of(self.slot).pair(session.second, session.scale)
            shown, ids = self.read(pair, session.text)
            yield frame(self.all(session, pair, shown, ids))

    # ---- panels --------------------------------------------------------------------------------------------------

    def read(self, pair: "Pair", text: str) -> tuple[tuple[Lockstep, Any, Any], tuple[int, ...]]:
        """The text under both: the view, both models' logits, and its ids. Raises PromptTooLongError and others of
        `prompts.read`; a text of one token gets the end of text before it."""
        ids = prompts.read(text, pair.first)
        if len(ids) == 1:
            ids = (*(pair.first.model.eos_ids[:1] or ids), *ids)
        limit = min(MOST_TOKENS, pair.first.model.context_length, pair.second.context_length)
        if len(ids) > limit:
            raise PromptTooLongError(tokens=len(ids), limit=limit)
        first, second = pair.logits(ids)
        return (lockstep(ids, first, second, pair.first.vocabulary), first, second), ids

    def all(
        self, session: LockstepSession, pair: "Pair", shown: tuple[Lockstep, Any, Any], ids: tuple[int, ...],
        whole: bool = True,
    ) -> Channels:  # fmt: skip
        """What the page shows; without the `whole` only what hangs on the token on show."""
        t, (view, first, second), at = self.t, shown, session.token
        vocabulary, names = pair.first.vocabulary, pair.names
        following = next_words(first[at - 1], second[at - 1], vocabulary)
        channels: Channels = {
            "lockstep.notice": wording.notice(""),
            "lockstep.text": frames.text(view, ids, at, vocabulary, t),
            "lockstep.headline": frames.headline(view, at, names, t),
            "lockstep.next": frames.bars(following, ids[at], names, t),
            "lockstep.chart": lockstep_figure(view, at, names, t),
        }
        if whole:
            low = self.low_rank(pair)
            channels |= {
                "lockstep.whole": frames.whole(view, names, t),
                "lockstep.apart": frames.apart(view, t),
                "lockstep.words": frames.words(view, names, t),
                "lockstep.changes": frames.changes(low, pair.scale, t),
                "lockstep.matrices": frames.matrices(low, t),
            }
        return channels

    def low_rank(self, pair: "Pair") -> LowRank | None:
        if pair.adapter is None:
            return None
        module = pair.first.model.module
        return low_rank(
            (
                (delta.name, delta.matrix(pair.scale), pair.weight_of(delta), delta.rank, delta.parameters)
                for delta in pair.adapter.deltas
            ),
            sum(weight.numel() for weight in module.parameters()),
        )
