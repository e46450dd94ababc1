"""Linked: the two models, the text and the place that a link looks at; and the link of what is looked at."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from playground.components.live_bus import frame
from playground.engines.shelf import split
from playground.runs.look_links import Amount, Field, OneOf, Value, Whole, Words
from playground.tabs import links, look_links
from playground.tabs.lockstep.handlers import MOST_TOKENS, STRONGEST, WAITING, LockstepSession, LockstepTab
from playground.tabs.lockstep.sides import choices
from playground.tabs.shell import reported


class LinkedLockstep(LockstepTab):
    """All handlers of the tab, those of a link that was opened among them."""

    @property
    def fields(self) -> dict[str, Field]:
        """A link has nothing fetched: either side may be what is on this machine."""
        here = OneOf([name for _, name in choices(self.shelf, self.t) if self.shelf.is_at_hand(split(name)[0])])
        return {
            "first": here, "second": here, "scale": Amount(0.0, STRONGEST), "text": Words(),
            "at": Whole(1, MOST_TOKENS),
        }  # fmt: skip

    def open_link(
        self, session: LockstepSession, query: Any, text: str, first: str, second: str, scale: float
    ) -> list[Any]:  # fmt: skip
        """What the fields are to say, then the frame that says what was left out."""
        words = look_links.opened(session, query, self.fields, "lockstep", self.slot.name)
        values = session.linked.values if session.linked else {}
        sides = [values.get("first", first), values.get("second", second)]
        found = choices(self.shelf, self.t)
        shown = frame({"lockstep.link": links.notice(words, self.t)})
        return [
            values.get("text", text),
            *(gr.Dropdown(found, value=side) for side in sides),
            gr.Slider(value=float(values.get("scale", scale)), visible=self.is_scaled(sides[1])), shown,
        ]  # fmt: skip

    @reported(*WAITING)
    def run_link(
        self, session: LockstepSession, text: str, first: str, second: str, scale: float
    ) -> Iterator[str]:  # fmt: skip
        """The text of the link under its two models, and the place that it looks at."""
        link = session.linked
        if link is None or not link.values:
            yield self.told(session)
            return
        session.is_opened = True
        try:
            yield from self.look(session, text, first, second, scale)
        finally:
            session.linked = None
        if "at" in link.values:
            yield from self.pick(session, int(link.values["at"]))

    # the address after every look

    def told(self, session: LockstepSession, is_read: bool = True) -> str:
        first, second = self.at_first()
        usual: dict[str, Value] = {"text": self.brought.compared, "first": first, "second": second, "scale": 1.0}
        look: dict[str, Value] = {"at": session.token}
        told = look_links.address(session, usual, look, self.slot.name, is_read, always=("first", "second"))
        return frame({"lockstep.address": told})

    def open(self, session: LockstepSession, text: str, first: str, second: str, scale: float) -> Iterator[str]:
        """As without links; a link that is being opened fills the tab itself."""
        if session.linked is None or not session.linked.values:
            yield from super().open(session, text, first, second, scale)

    def look(self, session: LockstepSession, text: str, first: str, second: str, scale: float) -> Iterator[str]:
        before = session.standing
        session.standing = {"text": text or "", "first": first, "second": second, "scale": scale}
        is_read = (
            dict(before) | {"scale": scale} != session.standing
        )  # no entry of the history for every place of the slider
        yield from super().look(session, text, first, second, scale)
        yield self.told(session, is_read)

    def pick(self, session: LockstepSession, picked: Any) -> Iterator[str]:
        session.has_looked = True
        yield from super().pick(session, picked)
        yield self.told(session)

    def renew(self, session: LockstepSession) -> None:
        super().renew(session)
        session.has_looked = False
