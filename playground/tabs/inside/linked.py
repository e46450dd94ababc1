"""Linked: the text, the token and the block that a link looks at; and the link of what is looked at."""

from collections.abc import Iterator, Mapping
from typing import Any

from playground.components.live_bus import frame
from playground.panels.inside.frames import MEASURES
from playground.runs.look_links import Field, OneOf, Value, Whole, Words
from playground.tabs import links, look_links
from playground.tabs.inside.handlers import MOST_TOKENS, ROUNDED, WAITING, InsideSession, InsideTab
from playground.tabs.shell import reported

FIELDS: dict[str, Field] = {
    "text": Words(), "measure": OneOf(tuple(MEASURES)), "rounding": OneOf(ROUNDED), "at": Whole(1, MOST_TOKENS),
    "block": Whole(0, 1000), "layer": Whole(0, 1000),  # block 0: none is open; layer: of the lens, 0 is the embedding
}  # fmt: skip


class LinkedInside(InsideTab):
    """All handlers of the tab, those of a link that was opened among them."""

    def open_link(self, session: InsideSession, query: Any, text: str, measure: str, dtype: str) -> list[Any]:
        """What the fields are to say, then the frame that says what was left out."""
        words = look_links.opened(session, query, FIELDS, "inside", self.slot.name)
        values = session.linked.values if session.linked else {}
        shown = frame({"inside.link": links.notice(words, self.t)})
        session.dtype = str(values.get("rounding", session.dtype))
        return [values.get("text", text), values.get("measure", measure), values.get("rounding", dtype), shown]

    @reported(*WAITING)
    def run_link(self, session: InsideSession, text: str, measure: str, dtype: str) -> Iterator[str]:
        """The text of the link, its token, its block, the layer of the lens."""
        link = session.linked
        if link is None or not link.values:
            yield self.told(session)
            return
        try:
            yield from self._run(session, link.values, text, measure)
        finally:
            session.linked = None  # another model that comes later is read as ever
        yield self.told(session)

    def _run(
        self, session: InsideSession, values: Mapping[str, Value], text: str, measure: str
    ) -> Iterator[str]:  # fmt: skip
        session.ids = tuple[int, ...]()  # so that all panels are filled, whatever was there
        yield from super().open(session, text, measure)
        places = {name: int(values[name]) for name in ("at", "block", "layer") if name in values}
        if places and session.ids:
            session.has_looked = True
            session.token = min(places.get("at", session.token + 1), len(session.ids)) - 1
            session.block = places.get("block", session.block + 1) - 1
            session.layer = min(places.get("layer", session.layer), self.inspection().backend.info.layers)
            yield from self.resync(session, measure)

    # the address after every look

    def told(self, session: InsideSession) -> str:
        usual: dict[str, Value] = {
            "text": self.brought.walked, "measure": "probability", "rounding": ROUNDED[0],
        }  # fmt: skip
        look: dict[str, Value] = {"at": session.token + 1, "block": session.block + 1, "layer": session.layer}
        return frame({"inside.address": look_links.address(session, usual, look, self.slot.name)})

    def stands(self, session: InsideSession, **values: Any) -> None:
        session.standing = {**session.standing, **values}

    def open(self, session: InsideSession, text: str, measure: str) -> Iterator[str]:
        """As without links; a link that is being opened fills the tab itself."""
        if session.linked is None or not session.linked.values:
            yield from super().open(session, text, measure)

    def look(self, session: InsideSession, text: str, measure: str) -> Iterator[str]:
        self.stands(session, text=text or "", measure=measure, rounding=session.dtype)
        yield from super().look(session, text, measure)
        yield self.told(session)

    def pick_token(self, session: InsideSession, picked: Any, measure: str) -> Iterator[str]:
        session.has_looked = True
        yield from super().pick_token(session, picked, measure)
        yield self.told(session)

    def pick_block(self, session: InsideSession, picked: Any, measure: str) -> Iterator[str]:
        session.has_looked = True
        yield from super().pick_block(session, picked, measure)
        yield self.told(session)

    def pick_cell(self, session: InsideSession, picked: Any, measure: str) -> Iterator[str]:
        session.has_looked = True
        yield from super().pick_cell(session, picked, measure)
        yield self.told(session)

    def redraw(self, session: InsideSession, measure: str) -> Iterator[str]:
        self.stands(session, measure=measure)
        yield from super().redraw(session, measure)
        yield self.told(session)

    def round(self, session: InsideSession, dtype: str) -> Iterator[str]:
        yield from super().round(session, dtype)
        self.stands(session, rounding=session.dtype)
        yield self.told(session)

    def renew(self, session: InsideSession) -> None:
        super().renew(session)
        session.has_looked = False
