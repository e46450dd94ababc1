"""Undo: what was taken comes back: the last token, the text before this one."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from playground.components.live_bus import frame
from playground.engines import dialogues
from playground.panels import wording
from playground.panels.generate import frames
from playground.tabs.generate.base import GenerateBase, Update
from playground.tabs.generate.controls import Values
from playground.tabs.generate.session import Session
from playground.tabs.shell import reported


class Undo(GenerateBase):
    """The handlers that bring back what was on the page."""

    @reported(ends_run=True)
    def back(self, session: Session, *values: Any) -> Iterator[Update]:
        """Back: take the last token back."""
        if not session.back():
            yield frame({"notice": wording.notice(self.t("notice.nothing_to_undo"))})
            return
        look = self.look(session, Values.of(values))
        channels = frames.whole(session.trace, session.inspected, False, look)
        if not session.trace.steps:
            channels |= frames.blank(look)
        cleared = {"notice": wording.notice(""), "badge": wording.notice("")}
        yield frame({**channels, **cleared})

    @reported(ends_run=True)
    def swap(self, session: Session, event: gr.EventData, *values: Any) -> Iterator[Update]:
        """Undo: the text before this one comes back; redo: the one that was undone. Reply: what the assistant has
        said becomes its turn, and the word is the user's."""
        if str(event.picked) == "reply":
            yield from self.reply(session)
            return
        bring_back = {"undo": session.undo, "redo": session.redo}.get(str(event.picked))
        if bring_back is None or not bring_back():
            return
        asked, look = session.frames.now(), self.look(session, Values.of(values))
        yield frame({**self.shown(session, look), "notice": wording.notice("")}, asked)

    def reply(self, session: Session) -> Iterator[Update]:
        rendered, steps = session.trace.request.rendered, session.trace.steps
        if rendered is None or not steps or session.is_running:
            return
        said = self.speller(session).vocabulary.text(session.trace.token_ids)  # without what ended it
        yield frame({"turns": {"value": dialogues.for_the_page(rendered.dialogue.answered(said))}})
