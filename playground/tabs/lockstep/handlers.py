"""The handlers of the Two models tab: one text under two models of the shelf, and what an adapter changes of a base."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from playground import catalog
from playground.components.gaze import as_index
from playground.components.live_bus import Frame, FrameLog, frame
from playground.engines import prompts
from playground.engines.loading import ModelSlot
from playground.engines.shelf import Shelf, split
from playground.errors import InvalidArgumentError, PromptTooLongError
from playground.i18n import Translator
from playground.panels import arrival, wording
from playground.panels.figures.lockstep import lockstep_figure
from playground.panels.lockstep import frames
from playground.runs import late
from playground.tabs.brought import TALES, Brought
from playground.tabs.lockstep.sides import OFF, Sides, at_first, choices
from playground.tabs.look_links import Looking
from playground.tabs.newest import Requests, newest
from playground.tabs.shell import reported
from playground.views.lockstep import Lockstep, Word, lockstep, next_words
from playground.views.lockstep_pieces import Reading, next_spellings, pieces
from playground.views.low_rank import LowRank, low_rank

if TYPE_CHECKING:
    from playground.engines.huggingface.backend import Backend
    from playground.engines.huggingface.pair import Pair

MOST_TOKENS = 256
STRONGEST = 2.0
PATIENCE, TICK = 1.0, 0.25  # seconds: what comes sooner needs no line; how often one looks
BADGE = "lockstep.badge"
WAITING = ("lockstep.whole", "lockstep.headline", BADGE)
Channels = dict[str, object]


class LockstepSession(Looking):
    """What one visitor has on the tab.

    Attributes:
        text: as it was read last; `token` is the place on show, from 1.
        sides, scale: the two models, and how strongly the second's adapter is on.
        is_opened: whether the tab has been filled.
        frames, waiting, requests: as of InsideSession.
    """

    def __init__(self) -> None:
        self.text = ""
        self.sides, self.scale = Sides("", ""), 1.0
        self.token = 0
        self.is_opened = False
        self.frames = FrameLog()
        self.waiting = set(WAITING)
        self.requests = Requests()

    def __deepcopy__(self, memo: object) -> "LockstepSession":
        """Gradio copies the initial state for every visitor."""
        return LockstepSession()


@dataclass(frozen=True)
class Shown:
    """A text under two models: the view, the pair, and the text as each reads it."""

    view: Lockstep
    pair: "Pair"
    readings: tuple[Reading, Reading]

    def next_words(self, at: int) -> tuple[Word, ...]:
        """Before the place on show."""
        place, (first, second) = self.view.places[at - 1], self.readings
        if not self.view.is_one:
            return next_spellings(first, second, place)
        row = place.rows[0]
        return next_words(first.logits[row], second.logits[row], first.vocabulary, taken=place.tokens[0][0])


class LockstepTab:
    """The handlers of the tab. Holds what all visitors share: the models and the language; `slot` is that of the model
    of the page, with which the tab begins."""

    def __init__(self, slot: ModelSlot, t: Translator, brought: Brought = TALES, shelf: Shelf | None = None) -> None:
        self.slot = slot
        self.t = t
        self.brought = brought
        self.shelf = shelf or Shelf.of(slot)

    def failed(self, session: LockstepSession, words: str, ends_run: bool) -> Channels:
        return {"lockstep.notice": wording.notice(words, "bad")}

    def renew(self, session: LockstepSession) -> None:
        """The visitor has come to another model: what was read is read anew when the tab is opened."""
        session.text = ""

    def at_first(self) -> Sides:
        return at_first(self.shelf, self.slot.name)

    def first_frame(self) -> Channels:
        """What is on its way."""
        name = self.slot.display_name
        waiting = {"parts": [self.t("lockstep.waiting", name=name)]}
        return dict.fromkeys(WAITING, waiting) | {BADGE: wording.badge(self.t("badge.wait"), "wait")}

    # ---- events --------------------------------------------------------------------------------------------------

    def arrive(self, session: LockstepSession, text: str) -> Iterator[Any]:
        """Another model was chosen for the page: it comes in here with its partner, and is read if the tab was open."""
        first, second = self.at_first()
        offered, scaled = choices(self.shelf, self.t), self.shelf.entry(second).has_adapter
        sides = gr.Dropdown(offered, value=first), gr.Dropdown(offered, value=second)
        session.waiting |= set(WAITING)
        still = {"lockstep.notice": wording.notice(self.t("notice.still_of", name=self.slot.display_name), "wait")}
        made = frame({**self.first_frame(), **(still if session.is_opened else {})})
        yield made, *sides, gr.Slider(value=1.0, visible=scaled)
        if session.is_opened:
            for sent in self.open(session, text, first, second, 1.0):
                yield sent, *(gr.skip() for _ in range(3))

    def offered(self, session: LockstepSession, first: object, second: object) -> tuple[Any, Any, Any]:
        """What the sides offer by now, and a scale where the second has an adapter."""
        found = choices(self.shelf, self.t)
        return gr.Dropdown(found), gr.Dropdown(found), gr.Slider(visible=self.is_scaled(second))

    def is_scaled(self, second: object) -> bool:
        """Whether the second model is an adapter, which has a scale."""
        name = second if isinstance(second, str) and second in self.shelf else self.at_first().second
        return self.shelf.entry(name).has_adapter and not name.endswith(OFF)

    @reported(*WAITING)
    def open(self, session: LockstepSession, text: str, first: str, second: str, scale: float) -> Iterator[str]:
        """The tab was opened: fill it, the first time."""
        session.is_opened = True
        if not session.text:
            yield from self.look(session, text, first, second, scale)

    @reported(*WAITING)
    @newest("look")
    def look(self, session: LockstepSession, text: str, first: str, second: str, scale: float) -> Iterator[str]:
        """A text, other models, or another scale."""
        scale = catalog.check_number("scale", scale, 0.0, STRONGEST)
        for name in (first, second):
            if not isinstance(name, str):
                raise InvalidArgumentError(name="model", rule="text", value=name)
        asked = Sides(first, second)
        with ExitStack() as held:
            for name in asked:
                held.enter_context(self.shelf.using(split(name)[0]))
                yield from self.come(split(name)[0])
            shown = self.read(asked, scale, text)
            if (text, asked) != (session.text, session.sides) or not 0 < session.token <= len(shown.view.places):
                session.token = shown.view.apart(1)[0].index
            session.text, session.sides, session.scale = text, asked, scale
            yield frame(self.all(session, shown) | {BADGE: wording.badge(self.t("badge.wait"), "wait")})
            number = session.requests.begin("badge")
            ids = (shown.readings[0].ids, shown.readings[1].ids)
            found = late.lockstep_verification.verify_lockstep(
                shown.view, shown.pair, ids, lambda: session.requests.is_newest("badge", number)
            )
            yield frame({BADGE: frames.badge(found, self.t)})

    @reported(*WAITING)
    @newest("look")
    def pick(self, session: LockstepSession, picked: Any) -> Iterator[str]:
        """The person looks at a token of the text."""
        index = as_index(picked)
        if session.text and index is not None:
            with self.held(session):
                shown = self.read(session.sides, session.scale, session.text)
                session.token = max(1, min(index, len(shown.view.places)))
                yield frame(self.all(session, shown, whole=False))

    @reported(*WAITING)
    def resync(self, session: LockstepSession) -> Iterator[str]:
        """The page has missed something: all of it again."""
        if session.text:
            yield from self.look(session, session.text, *session.sides, session.scale)

    # ---- models --------------------------------------------------------------------------------------------------

    def held(self, session: LockstepSession) -> ExitStack:
        """Meanwhile the two models of a session are not dropped."""
        with ExitStack() as held:
            for name in session.sides:
                held.enter_context(self.shelf.using(split(name)[0]))
            return held.pop_all()

    def come(self, name: str) -> Iterator[Frame]:
        """Has a model loaded that is not here, and says meanwhile how far it is. Raises UnknownModelError,
        ModelUnavailableError."""
        slot, since, told = self.shelf.slot(name).start(), time.monotonic(), ""
        while slot.state == "loading":
            progress = slot.progress
            words = arrival.words(slot.display_name, progress.done, progress.total, self.t)
            if words != told and time.monotonic() - since > PATIENCE:
                told = words
                yield frame({"lockstep.notice": wording.notice(words, "wait")})
            time.sleep(TICK)
        slot.get()

    def backend(self, name: str, scale: float | None = None) -> "Backend":
        """A model on transformers' own kernels; an adapter at a scale; "name*0": the base of one. Waits for it."""
        whole, off = split(name)
        if off == 0:
            found = late.plain_of(self.shelf.slot(whole))
            return late.pair.plain(found.base) if found.base else found
        scaled = scale is not None and scale != 1 and self.shelf.entry(whole).has_adapter
        return late.plain_of(self.shelf.slot(f"{whole}*{scale:g}" if scaled else name))

    def pair(self, sides: Sides, scale: float) -> "Pair":
        first, second = self.backend(sides.first), self.backend(sides.second, scale)
        return late.pair.pair(first, second, (self.shown(sides.first), self.shown(sides.second)), scale)

    def shown(self, name: str) -> str:
        """What the page calls a side."""
        entry = self.shelf.entry(split(name)[0])
        return self.t("lockstep.base_of", name=entry.shown) if name.endswith(OFF) else entry.shown

    # ---- panels --------------------------------------------------------------------------------------------------

    def read(self, sides: Sides, scale: float, text: str) -> Shown:
        """The text under both. Raises PromptTooLongError and others of `prompts.read`, OtherTextError; a text of one
        token gets the end of text before it."""
        pair = self.pair(sides, scale)
        ids = [self.ids(text, side, pair.limit) for side in (pair.first, pair.second)]
        logits = pair.logits(ids[0], ids[1])
        first, second = (
            Reading(name, own, rows, side.vocabulary)
            for name, own, rows, side in zip(pair.names, ids, logits, (pair.first, pair.second), strict=True)
        )
        if pair.is_one and ids[0] == ids[1]:
            return Shown(lockstep(ids[0], first.logits, second.logits, first.vocabulary), pair, (first, second))
        return Shown(pieces(first, second), pair, (first, second))

    @staticmethod
    def ids(text: str, side: "Backend", limit: int) -> tuple[int, ...]:
        ids = prompts.read(text, side)
        if len(ids) == 1:
            ids = (*(side.model.eos_ids[:1] or ids), *ids)
        if len(ids) > min(MOST_TOKENS, limit):
            raise PromptTooLongError(tokens=len(ids), limit=min(MOST_TOKENS, limit))
        return ids

    def all(self, session: LockstepSession, shown: Shown, whole: bool = True) -> Channels:
        """What the page shows; without the `whole` only what hangs on the token on show."""
        t, view, pair, at = self.t, shown.view, shown.pair, session.token
        names = pair.names
        channels: Channels = {
            "lockstep.notice": wording.notice(""),
            "lockstep.text": frames.text(view, at, t),
            "lockstep.headline": frames.headline(view, at, names, t),
            "lockstep.next": frames.bars(shown.next_words(at), names, t),
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
