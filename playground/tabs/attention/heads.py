"""Heads: a text, where each of its tokens looks in every head, and what the KV cache keeps of it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import gradio as gr
import torch

from playground.components.gaze import as_index, as_pair
from playground.components.live_bus import frame
from playground.engines import prompts
from playground.errors import NothingToInspectError, PromptTooLongError
from playground.panels import wording
from playground.panels.attention import frames as attention_frames
from playground.panels.attention.frames import AVERAGE, Shown
from playground.tabs.attention.base import AttentionBase, Update, on_the_bus
from playground.tabs.attention.session import WAITING, AttentionSession
from playground.tabs.newest import newest
from playground.tabs.shell import reported
from playground.views.attention_heads import measures, narrowest, telling_query
from playground.views.kv_cache import cache_size

if TYPE_CHECKING:
    from playground.engines.huggingface.inspection import Inspection

MOST_TOKENS = 512  # of a text whose attention is drawn


class Heads(AttentionBase):
    """The handlers of the text that is looked at."""

    @reported(*WAITING[2:], send=on_the_bus)
    def look(self, session: AttentionSession, text: str) -> Iterator[Update]:
        """A text: the attention of all its heads."""
        session.stop()
        inspection = self.inspection()
        ids = self.ids(text, inspection, MOST_TOKENS)
        try:
            weights = inspection.attentions(ids)
        except NothingToInspectError as error:  # no head can be shown: the cache can, and nothing waits any longer
            session.ids, words = (), error.message(self.t)
            channels = {"attention.notice": wording.notice(words, "bad"), "attention.sentence": {"parts": [words]}}
            yield frame({**channels, **self.cache(ids, inspection)}), gr.skip(), gr.skip()
            return
        is_new = ids != session.ids
        session.ids = ids
        if not session.is_opened:
            session.layer, session.head = narrowest(measures(weights))
        if is_new:
            session.query = len(ids) - 1
            session.query = telling_query(self.shown(session, weights).matrix)
        yield self.whole(session, weights, inspection)
        yield frame(self.cache(session.ids, inspection)), gr.skip(), gr.skip()

    def ids(self, text: str, inspection: "Inspection", most: int) -> tuple[int, ...]:
        """Raises EmptyPromptError, PromptTooLongError."""
        ids = prompts.read(text, inspection.backend)
        limit = min(most, inspection.model.context_length)
        if len(ids) > limit:
            raise PromptTooLongError(tokens=len(ids), limit=limit)
        return ids

    def shown(self, session: AttentionSession, weights: torch.Tensor) -> Shown:
        layers, heads, n, _ = weights.shape
        session.layer = min(session.layer, layers - 1)
        session.head = min(session.head, heads - 1)
        query = min(session.query, n - 1)
        numbers = self.inspection().attention_layers
        return Shown(session.ids[:n], weights, numbers, session.layer, session.head, query, session.version)

    def whole(self, session: AttentionSession, weights: torch.Tensor, inspection: "Inspection") -> Update:
        """Every panel of the text."""
        shown, vocabulary = self.shown(session, weights), inspection.backend.vocabulary
        layers, heads, n, _ = weights.shape
        channels = {
            **attention_frames.looked(shown, vocabulary, self.t),
            **attention_frames.charts(shown, self.t),
            **attention_frames.nothing_grows(session.version),
            "attention.grid_note": attention_frames.grid_note(n, layers * heads, self.t),
            "attention.notice": wording.notice(""),
        }
        return (
            frame(channels),
            attention_frames.grid(shown, self.t),
            attention_frames.large(shown, vocabulary, self.t),
        )

    def cache(self, ids: tuple[int, ...], inspection: "Inspection") -> dict[str, object]:
        shape = inspection.cache_shape
        numbers = [kept.kv_heads * (kept.key_size + kept.value_size) for kept in shape.layers]
        windows = [kept.window for kept in shape.layers]
        size = cache_size(windows, numbers, shape.value_bytes, len(ids), shape.state_bytes)
        measured = inspection.cache_cost(ids)
        return attention_frames.cache(size, shape, measured, ids, inspection.backend.vocabulary, self.t)

    @reported(send=on_the_bus)
    @newest("head")
    def pick_head(self, session: AttentionSession, picked: Any) -> Iterator[Update]:
        """The person looks at a head: a small map, or a cell of a table of heads."""
        place = as_pair(picked)
        if session.ids and place:
            session.layer, session.head = place
            if not session.is_running:  # else the growth takes it up
                yield self.another_head(session)

    @reported(send=on_the_bus)
    @newest("head")
    def average(self, session: AttentionSession) -> Iterator[Update]:
        """The mean over the heads of the layer, and back to the head before it."""
        if session.ids:
            session.single = session.single if session.head == AVERAGE else session.head
            session.head = session.single if session.head == AVERAGE else AVERAGE
            if not session.is_running:
                yield self.another_head(session)

    def another_head(self, session: AttentionSession) -> Update:
        inspection = self.inspection()
        weights = inspection.attentions(session.ids)
        shown, vocabulary = self.shown(session, weights), inspection.backend.vocabulary
        channels = {**attention_frames.looked(shown, vocabulary, self.t), **attention_frames.charts(shown, self.t)}
        return frame(channels), gr.skip(), attention_frames.large(shown, vocabulary, self.t)

    @reported(send=on_the_bus)
    @newest("query")
    def pick_query(self, session: AttentionSession, picked: Any) -> Iterator[Update]:
        """The person looks at a token, or a row of the large map: where does it look?"""
        index = as_index(picked)
        if not session.ids or session.is_running or index is None:
            return
        session.query = max(0, min(index, len(session.ids) - 1))
        inspection = self.inspection()
        shown = self.shown(session, inspection.attentions(session.ids))
        yield frame(attention_frames.looked(shown, inspection.backend.vocabulary, self.t)), gr.skip(), gr.skip()
