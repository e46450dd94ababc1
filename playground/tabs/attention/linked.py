"""Linked: the texts, the head and the token that a link looks at; and the link of what is looked at."""

from collections.abc import Iterator
from typing import Any

from playground.components.live_bus import frame
from playground.panels.attention.frames import AVERAGE
from playground.runs.look_links import Field, OneOf, Value, Whole, Words
from playground.tabs import links, look_links
from playground.tabs.attention.base import Update, on_the_bus
from playground.tabs.attention.handlers import AttentionTab
from playground.tabs.attention.heads import MOST_TOKENS
from playground.tabs.attention.session import WAITING, AttentionSession
from playground.tabs.newest import newest
from playground.tabs.shell import reported
from playground.views.masks import Side

FIELDS: dict[str, Field] = {
    "text": Words(), "texts": Words(), "side": OneOf(("left", "right")), "window": Whole(0, MOST_TOKENS),
    "layer": Whole(1, 1000), "head": Whole(0, 1000), "at": Whole(1, MOST_TOKENS),  # head 0 is the layer's average
}  # fmt: skip


class LinkedAttention(AttentionTab):
    """All handlers of the tab, those of a link that was opened among them."""

    def open_link(
        self, session: AttentionSession, query: Any, texts: str, side: Side, window: float | None, text: str
    ) -> list[Any]:  # fmt: skip
        """What the fields are to say, then the frame that says what was left out."""
        words = look_links.opened(session, query, FIELDS, "attention", self.slot.name)
        values = session.linked.values if session.linked else {}
        shown = frame({"attention.link": links.notice(words, self.t)})
        stand = {"texts": texts, "side": side, "window": window, "text": text}
        return [*(values.get(name, value) for name, value in stand.items()), shown]

    @reported(*WAITING, send=on_the_bus)
    def run_link(
        self, session: AttentionSession, texts: str, side: Side, window: float | None, text: str
    ) -> Iterator[Update]:
        """The texts of the link, its head, and the token that it looks at."""
        link = session.linked
        if link is None or not link.values:
            yield self.told(session)
            return
        yield from self.batch(session, texts, side, window)
        yield from self.look(session, text)
        session.is_opened = True
        if "layer" in link.values or "head" in link.values:
            layer, head = int(link.values.get("layer", 1)) - 1, int(link.values.get("head", 1)) - 1
            yield from self.pick_head(session, [layer, max(head, 0)])
            if head < 0:
                yield from self.average(session)
        if "at" in link.values:
            yield from self.pick_query(session, int(link.values["at"]) - 1)

    # the address after every look

    def told(self, session: AttentionSession, is_read: bool = True) -> Update:
        first = self.brought
        usual: dict[str, Value] = {
            "text": first.looked_at, "texts": "\n".join(first.batch), "side": "left", "window": 0,
        }  # fmt: skip
        head = 0 if session.head == AVERAGE else session.head + 1
        look: dict[str, Value] = {"layer": session.layer + 1, "head": head, "at": session.query + 1}
        return on_the_bus(
            frame({"attention.address": look_links.address(session, usual, look, self.slot.name, is_read)})
        )

    def stands(self, session: AttentionSession, **values: Any) -> None:
        session.standing = {**session.standing, **values}

    def open(
        self, session: AttentionSession, texts: str, side: Side, window: float | None, text: str
    ) -> Iterator[Update]:
        """As without links; a link that is being opened fills the tab itself."""
        if session.linked is None or not session.linked.values:
            yield from super().open(session, texts, side, window, text)

    def batch(self, session: AttentionSession, texts: str, side: Side, window: float | None) -> Iterator[Update]:
        self.stands(session, texts=texts or "", side=side, window=int(window or 0))
        yield from super().batch(session, texts, side, window)
        yield self.told(session, is_read=False)  # they are typed: no entry of the history for every key

    @newest("look")
    def look(self, session: AttentionSession, text: str) -> Iterator[Update]:
        self.stands(session, text=text or "")
        yield self.told(session)  # and falls silent if another text has come in
        yield from super().look(session, text)
        yield self.told(session)

    def pick_head(self, session: AttentionSession, picked: Any) -> Iterator[Update]:
        session.has_looked = True
        yield from super().pick_head(session, picked)
        yield self.told(session)

    def average(self, session: AttentionSession) -> Iterator[Update]:
        session.has_looked = True
        yield from super().average(session)
        yield self.told(session)

    def pick_query(self, session: AttentionSession, picked: Any) -> Iterator[Update]:
        session.has_looked = True
        yield from super().pick_query(session, picked)
        yield self.told(session)

    def renew(self, session: AttentionSession) -> None:
        super().renew(session)
        session.has_looked = False
