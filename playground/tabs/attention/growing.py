"""Growing: a text that is generated token by token, each with its attention: the newest row of every map."""

from collections.abc import Iterator

import gradio as gr
import torch

from playground import catalog
from playground.components.live_bus import frame
from playground.decoding.processors import Temperature
from playground.decoding.rows import Row
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Argmax, Multinomial
from playground.decoding.trace import GenerationRequest
from playground.decoding.walk import Walk
from playground.panels.attention import frames as attention_frames
from playground.tabs.attention.base import Update, on_the_bus
from playground.tabs.attention.heads import MOST_TOKENS, Heads
from playground.tabs.attention.session import WAITING, AttentionSession
from playground.tabs.shell import reported
from playground.views.attention_heads import pool_size

MOST_NEW = 64
GROW_SECONDS = 0.12  # between two tokens
TEMPERATURE = 0.8


class Growing(Heads):
    """The handlers that make the text longer, or stop it."""

    @reported(*WAITING[2:], send=on_the_bus)
    def grow(
        self, session: AttentionSession, text: str, mode: str, new: float | None, seed: float | None
    ) -> Iterator[Update]:
        """Generate token by token, each with its attention: the newest row of every map grows."""
        session.stop()
        wanted = catalog.check_whole("max_new_tokens", new or 0, 1, MOST_NEW)
        selection = Argmax() if mode == "greedy" else Multinomial(catalog.check_seed(seed or 0))  # type: ignore[arg-type]
        inspection = self.inspection()
        prompt = self.ids(text, inspection, MOST_TOKENS - wanted)
        vocabulary = inspection.backend.vocabulary
        final = min(len(prompt) + wanted, inspection.model.context_length)
        strategy = Sampling((Temperature(TEMPERATURE),) if mode != "greedy" else (), selection)
        walk = Walk(strategy, inspection.model, GenerationRequest(prompt, strategy, wanted))
        grown = inspection.grow(prompt, wanted, lambda logits: walk.take(Row(logits)).choice.token_id)
        weights = torch.zeros(0)
        pool, drawn = 1, (0, 0)
        with session.watching(grown, 1 / GROW_SECONDS) as watch:
            for growth in watch.steps:
                if weights.ndim == 1:
                    weights, session.ids = growth.rows, growth.token_ids
                    session.query = len(prompt) - 1
                    pool = pool_size(final, weights.shape[0] * weights.shape[1])
                    update = self.whole(session, weights, inspection)
                    shown = self.shown(session, weights)
                    yield update[0], attention_frames.grid(shown, self.t, final), update[2]
                else:
                    weights = torch.nn.functional.pad(weights, (0, 1, 0, 1))
                    weights[:, :, -1] = growth.rows[:, :, 0]
                    session.ids = (*session.ids, *growth.token_ids)
                    session.query = len(session.ids) - 1
                    shown = self.shown(session, weights)
                    newest = growth.rows[:, :, 0]
                    channels = attention_frames.grown(shown, newest, pool, vocabulary, self.t)
                    is_other = (shown.layer, shown.head) != drawn  # another head was picked meanwhile
                    large = attention_frames.large(shown, vocabulary, self.t) if is_other else gr.skip()
                    yield frame(channels), gr.skip(), large
                drawn = shown.layer, shown.head
            if not session.is_current(watch.run):
                return
        yield self.whole(session, inspection.attentions(session.ids), inspection)
        yield frame(self.cache(session.ids, inspection)), gr.skip(), gr.skip()

    @reported(send=on_the_bus)
    def stop(self, session: AttentionSession) -> Iterator[Update]:
        """Stop: the text as long as it is."""
        if session.is_running:
            session.stop()
            inspection = self.inspection()
            yield self.whole(session, inspection.attentions(session.ids), inspection)
