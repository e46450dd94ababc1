"""The handlers of the Attention tab: what happens when a person changes the batch, picks a head, lets a text grow."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import gradio as gr
import torch

from playground import catalog
from playground.components.gaze import as_index, as_pair
from playground.components.live_bus import Frame, frame
from playground.decoding.processors import Temperature
from playground.decoding.rows import Row
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Argmax, Multinomial
from playground.decoding.trace import GenerationRequest
from playground.decoding.walk import Walk
from playground.engines import prompts
from playground.engines.loading import ModelSlot
from playground.errors import EmptyPromptError, NothingToInspectError, OutOfRangeError, PromptTooLongError
from playground.i18n import Translator
from playground.panels import wording
from playground.panels.attention import frames as attention_frames
from playground.panels.attention import masks as mask_frames
from playground.panels.attention.frames import AVERAGE, Shown
from playground.runs.late import inspection_of
from playground.tabs.attention.session import WAITING, AttentionSession
from playground.tabs.brought import TALES, Brought
from playground.tabs.newest import newest
from playground.tabs.shell import reported
from playground.views.attention_heads import measures, narrowest, pool_size, telling_query
from playground.views.kv_cache import cache_size
from playground.views.masks import Batch, Side, equal_cells, is_seen, masks
from playground.views.padding_lab import WAYS, Way, padding_lab
from playground.vocabulary import Vocabulary

if TYPE_CHECKING:
    from playground.engines.huggingface.inspection import Inspection

MOST_TEXTS = 4
MOST_COLUMNS = 20  # of a mask: its cells are meant to be read one by one
MOST_TOKENS = 512  # of a text whose attention is drawn
MOST_NEW = 64
GROW_SECONDS = 0.12  # between two tokens of a growing text
TEMPERATURE = 0.8
Update = tuple[Any, Any, Any]  # a frame for the bus, the HeadGrid, the HeatMap


def on_the_bus(made: Frame) -> Update:
    return made, gr.skip(), gr.skip()


class AttentionTab:
    """The handlers of the tab. Holds what all visitors share: the model and the language."""

    def __init__(
        self, slot: ModelSlot, first_vocabulary: Vocabulary, t: Translator, brought: Brought = TALES
    ) -> None:  # fmt: skip
        self.slot = slot
        self.brought = brought
        self.first_vocabulary = first_vocabulary
        self.t = t

    def failed(self, session: AttentionSession, words: str, ends_run: bool) -> dict[str, object]:
        return {"attention.notice": wording.notice(words, "bad")}

    def inspection(self) -> "Inspection":
        """The model laid open. Waits for it; raises ModelUnavailableError."""
        return inspection_of(self.slot)

    # ---- at the start --------------------------------------------------------------------------------------------

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

    # ---- masks and padding -----------------------------------------------------------------------------------------

    @reported(*WAITING[:2], send=on_the_bus)
    @newest("batch")
    def batch(self, session: AttentionSession, texts: str, side: Side, window: float | None) -> Iterator[Update]:
        """The texts, the side or the window are others."""
        yield from self.masks(session, texts, side, window)

    def masks(self, session: AttentionSession, texts: str, side: Side, window: float | None) -> Iterator[Update]:
        """Masks, at once where no model is needed; then the comparison and the padding lab."""
        width = self.window(window)
        is_known = all(self.brought.batch.values()) and list(self.brought.batch) == lines(texts)
        if is_known and not self.slot.is_ready:
            session.texts = tuple(self.brought.batch.values())
            yield self.masks_frame(session, side, width, self.first_vocabulary), gr.skip(), gr.skip()
        inspection = self.inspection()
        session.texts = self.encoded(texts, inspection)
        session.chosen = min(session.chosen, len(session.texts) - 1)
        own = next((window for window in inspection.windows if window), None)
        yield self.masks_frame(session, side, width or own, inspection.backend.vocabulary), gr.skip(), gr.skip()
        yield frame(self.compared(session, side, width, inspection)), gr.skip(), gr.skip()

    @reported(*WAITING[:2], send=on_the_bus)
    @newest("batch")
    def choose(
        self, session: AttentionSession, picked: Any, texts: str, side: Side, window: float | None
    ) -> Iterator[Update]:
        """The person looks at a text of the batch."""
        row, _ = as_pair(picked) or (session.chosen, -1)
        session.chosen = max(0, min(row, len(session.texts) - 1))
        yield from self.masks(session, texts, side, window)

    def window(self, value: float | None) -> int | None:
        """The window that the person asks for; 0 is none. Raises OutOfRangeError."""
        return catalog.check_whole("sliding_window", value or 0, 0, MOST_TOKENS) or None

    def encoded(self, texts: str, inspection: "Inspection") -> tuple[tuple[int, ...], ...]:
        """The ids of each line. Raises EmptyPromptError, OutOfRangeError, PromptTooLongError."""
        given = lines(texts)
        if not given:
            raise EmptyPromptError()
        if len(given) > MOST_TEXTS:
            raise OutOfRangeError(name=self.t("attention.texts"), value=len(given), minimum=1, maximum=MOST_TEXTS)
        found = tuple(prompts.read(text, inspection.backend) for text in given)
        longest = max(map(len, found))
        limit = min(MOST_COLUMNS, inspection.model.context_length)
        if longest > limit:
            raise PromptTooLongError(tokens=longest, limit=limit)
        return found

    def masks_frame(self, session: AttentionSession, side: Side, window: int | None, vocabulary: Vocabulary) -> str:
        texts = Batch(session.texts, side)
        return frame(
            {
                "attention.batch": mask_frames.batch(texts, session.chosen, vocabulary, self.t),
                **mask_frames.mask_panels(texts, session.chosen, window, vocabulary, self.t),
                "attention.notice": wording.notice(""),
            }
        )

    def compared(
        self, session: AttentionSession, side: Side, window: int | None, inspection: "Inspection"
    ) -> dict[str, object]:
        """The badge: our masks against the model's own; and the padding lab."""
        texts = Batch(session.texts, side)
        tensor = torch.tensor(texts.attention_mask)
        own = window is None
        if own:  # as they reach the layers of the loaded model
            ids = torch.tensor(texts.padded(inspection.pad_id))
            theirs = [mask.tolist() for mask in inspection.masks_in_use(ids, tensor)]
            windows = inspection.windows_in_use(len(theirs))
        else:  # what transformers would build if the model had this window
            theirs, windows = [inspection.mask(tensor, window).tolist()], [window]
        equal = total = 0
        for layer, width in zip(theirs, windows, strict=False):
            for text in range(len(session.texts)):
                same, cells = equal_cells(is_seen(masks(texts, text, width).together), layer[text])
                equal, total = equal + same, total + cells
        values = {
            "name": inspection.backend.info.name, "equal": equal, "total": total, "layers": len(theirs),
            "texts": len(session.texts), "window": window or 0,
        }  # fmt: skip
        if not total:
            badge = wording.badge(self.t("attention.badge.hidden", **values), "bad")
        elif equal == total:
            badge = wording.badge(self.t("attention.badge.own" if own else "attention.badge.window", **values), "good")
        else:
            badge = wording.badge(self.t("attention.badge.differs", **values), "bad")
        return {
            "attention.badge": badge,
            "attention.window_note": {"parts": [self.window_note(inspection)]},
            **self.lab(session, inspection),
        }

    def window_note(self, inspection: "Inspection") -> str:
        widths = sorted({width for width in inspection.windows if width})
        name = inspection.backend.info.name
        if not widths:
            return self.t("attention.window.none", name=name)
        layers = sum(width is not None for width in inspection.windows)
        return self.t("attention.window.some", name=name, window=widths[0], layers=layers, all=len(inspection.windows))

    def lab(self, session: AttentionSession, inspection: "Inspection") -> dict[str, object]:
        vocabulary, ids = inspection.backend.vocabulary, session.texts[session.chosen]
        found: dict[Way, torch.Tensor] = {}
        passes: dict[tuple[Side, bool, bool], torch.Tensor] = {}
        for way in WAYS:
            told = (way.side, way.with_mask, way.with_positions)
            if told not in passes:
                texts = Batch(session.texts, way.side)
                padded, mask = torch.tensor(texts.padded(inspection.pad_id)), torch.tensor(texts.attention_mask)
                passes[told] = inspection.padded_logits(padded, mask, way.with_mask, way.with_positions)
            found[way] = passes[told][session.chosen, len(ids) - 1 if way.reads_last_token else -1]
        view = padding_lab(inspection.logits(ids)[-1], found, vocabulary)
        return {
            "attention.lab": mask_frames.lab(view, self.t),
            "attention.lab_words": mask_frames.lab_words(view, vocabulary.text(ids), self.t),
        }

    # ---- heads -------------------------------------------------------------------------------------------------------

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

    # ---- growing -------------------------------------------------------------------------------------------------

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

    @reported(*WAITING, send=on_the_bus)
    def resync(self, session: AttentionSession, texts: str, side: Side, window: float | None) -> Iterator[Update]:
        """The page has missed something: all of it again."""
        yield from self.batch(session, texts, side, window)
        if session.ids and not session.is_running:
            inspection = self.inspection()
            yield self.whole(session, inspection.attentions(session.ids), inspection)


def lines(texts: str) -> list[str]:
    """One text a line; empty lines are none."""
    return [line.strip() for line in (texts or "").splitlines() if line.strip()]
