"""Linked: the text and the tokenizers that a link brings; and the link of those that are here."""

from collections.abc import Iterator, Sequence
from typing import Any

from playground.components.live_bus import Frame, frame, joined
from playground.engines.huggingface.tokenizers_at_hand import LOADED, SHIPPED
from playground.runs.look_links import Field, OneOf, Several, Value, Words
from playground.tabs import links, look_links
from playground.tabs.shell import reported
from playground.tabs.tokenizer.handlers import MOST_CHARACTERS, SECTIONS, TokenizerTab
from playground.tabs.tokenizer.session import TokenizerSession

SIDE_BY_SIDE = (LOADED, *SHIPPED)  # at first


class LinkedTokenizer(TokenizerTab):
    """All handlers of the tab, those of a link that was opened among them."""

    @property
    def fields(self) -> dict[str, Field]:
        """A link has nothing fetched: of tokenizers that the page does not offer it brings those that are here."""
        offered = self.shelf.offered
        return {
            "text": Words(MOST_CHARACTERS), "tokenizer": OneOf(offered, self.shelf.read),
            "section": OneOf(SECTIONS), "beside": Several(offered),
        }  # fmt: skip

    def open_link(
        self, session: TokenizerSession, query: Any, text: str, name: str, section: str, at_hand: Sequence[str]
    ) -> list[Any]:  # fmt: skip
        """What the fields are to say, then the frame that says what was left out."""
        words = look_links.opened(session, query, self.fields, "tokenizer", self.slot.name)
        values = session.linked.values if session.linked else {}
        shown = frame({"tokenizer.link": links.notice(words, self.t)})
        beside = values.get("beside")
        at_hand = list(at_hand or []) if beside is None else [one for one in str(beside).split(",") if one]
        return [
            values.get("text", text), values.get("tokenizer", name), values.get("section", section), at_hand, shown,
        ]  # fmt: skip

    @reported()
    def run_link(
        self, session: TokenizerSession, text: str, name: str, section: str, at_hand: Sequence[str]
    ) -> Iterator[Any]:  # fmt: skip
        """The text of the link; what is open below it comes once the page has drawn it."""
        if session.linked is not None and session.linked.values:
            yield self.type(session, text, name)
            self.stands(session, section=section, beside=",".join(at_hand or []))
        yield self.told(session)

    # the address of what is read

    def told(self, session: TokenizerSession, is_read: bool = True) -> Frame:
        usual: dict[str, Value] = {
            "text": self.first_text, "tokenizer": LOADED, "section": SECTIONS[0], "beside": ",".join(SIDE_BY_SIDE),
        }  # fmt: skip
        told = look_links.address(session, usual, {}, self.slot.name, is_read, always=("text",))  # it has a language
        return frame({"tokenizer.address": told})

    def stands(self, session: TokenizerSession, **values: Any) -> None:
        session.standing = {"text": session.segmentation.text, **session.standing, **values}

    @reported()
    def type(self, session: TokenizerSession, text: str, name: str) -> Any:
        self.stands(session, text=(text or "")[:MOST_CHARACTERS], tokenizer=name or LOADED)
        shown, told = super().type(session, text, name), self.told(session, is_read=False)  # no entry for every key
        return joined(told.channels, shown) if isinstance(shown, Frame) else told

    def choose(self, session: TokenizerSession, text: str, name: str) -> Iterator[Any]:
        yield from super().choose(session, text, name)
        yield self.told(session)

    def show(self, session: TokenizerSession, section: str, *values: Any) -> Iterator[Any]:
        self.stands(session, section=section, beside=",".join(values[2] or []))
        yield from super().show(session, section, *values)
        yield self.told(session, is_read=False)

    def arrive(self, session: TokenizerSession, text: str, name: str) -> Iterator[Any]:
        yield from super().arrive(session, text, name)
        yield self.told(session, is_read=False)
