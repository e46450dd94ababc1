"""The handlers of the Attention tab: those of its parts, and what happens when a visitor comes, or another model."""

from collections.abc import Iterator

import gradio as gr

from playground.components.live_bus import frame
from playground.panels import wording
from playground.panels.attention import masks as mask_frames
from playground.tabs.attention.base import Update, on_the_bus
from playground.tabs.attention.growing import Growing
from playground.tabs.attention.masks import Masks
from playground.tabs.attention.session import WAITING, AttentionSession
from playground.tabs.shell import reported
from playground.views.masks import Batch, Side


class AttentionTab(Masks, Growing):
    """All handlers of the tab."""

    def first_frame(self) -> dict[str, object]:
        """The masks of the example texts, which need no model; a word in every panel that waits for one."""
        texts = Batch(tuple(self.brought.batch.values()), "left")
        masks = {}
        if all(self.brought.batch.values()):
            masks = {
                "attention.batch": mask_frames.batch(texts, 1, self.first_vocabulary, self.t),
                **mask_frames.mask_panels(texts, 1, None, self.first_vocabulary, self.t),
            }
        return {**masks, **self.waiting()}

    def waiting(self) -> dict[str, object]:
        """A word in every panel that waits for the model."""
        words = self.t("attention.waiting", name=self.slot.display_name)
        found: dict[str, object] = {name: {"parts": [words]} for name in WAITING}
        return {**found, "attention.badge": wording.badge(words, "wait")}

    def renew(self, session: AttentionSession) -> None:
        """The session comes to this model from another one: nothing of that one is gone on with."""
        session.stop()
        session.texts, session.ids, session.chosen = tuple(self.brought.batch.values()), (), 1
        session.layer = session.head = session.query = session.single = 0

    @reported(*WAITING, send=on_the_bus)
    def arrive(
        self, session: AttentionSession, texts: str, side: Side, window: float | None, text: str
    ) -> Iterator[Update]:
        """Another model was chosen: what is on show is of the one before until it has come, and says so."""
        session.waiting |= set(WAITING)
        still = {"attention.notice": wording.notice(self.t("notice.still_of", name=self.slot.display_name), "wait")}
        yield frame({**self.first_frame(), **(still if session.is_opened else {})}), gr.skip(), gr.skip()
        if session.is_opened:
            yield from self.batch(session, texts, side, window)
            yield from self.look(session, text)

    @reported(*WAITING, send=on_the_bus)
    def open(
        self, session: AttentionSession, texts: str, side: Side, window: float | None, text: str
    ) -> Iterator[Update]:
        """The tab was opened: fill it, the first time."""
        if session.is_opened:
            return
        yield from self.batch(session, texts, side, window)
        yield from self.look(session, text)
        session.is_opened = True

    @reported(*WAITING, send=on_the_bus)
    def resync(self, session: AttentionSession, texts: str, side: Side, window: float | None) -> Iterator[Update]:
        """The page has missed something: all of it again."""
        yield from self.batch(session, texts, side, window)
        if session.ids and not session.is_running:
            inspection = self.inspection()
            yield self.whole(session, inspection.attentions(session.ids), inspection)
