"""Masks: a batch of texts, what each of its tokens may see, and what padding does to a model."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import gradio as gr
import torch

from playground import catalog
from playground.components.gaze import as_pair
from playground.components.live_bus import frame
from playground.engines import prompts
from playground.errors import EmptyPromptError, OutOfRangeError, PromptTooLongError
from playground.panels import wording
from playground.panels.attention import masks as mask_frames
from playground.tabs.attention.base import AttentionBase, Update, on_the_bus
from playground.tabs.attention.session import WAITING, AttentionSession
from playground.tabs.newest import newest
from playground.tabs.shell import reported
from playground.views.masks import Batch, Side, equal_cells, is_seen, masks
from playground.views.padding_lab import WAYS, Way, padding_lab
from playground.vocabulary import Vocabulary

if TYPE_CHECKING:
    from playground.engines.huggingface.inspection import Inspection

MOST_TEXTS = 4
MOST_COLUMNS = 20  # of a mask: its cells are meant to be read one by one
MOST_WINDOW = 512


class Masks(AttentionBase):
    """The handlers of the batch."""

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
        return catalog.check_whole("sliding_window", value or 0, 0, MOST_WINDOW) or None

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


def lines(texts: str) -> list[str]:
    """One text a line; empty lines are none."""
    return [line.strip() for line in (texts or "").splitlines() if line.strip()]
