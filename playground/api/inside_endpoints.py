"""The public endpoints of the Attention and Inside tabs: a head's weights, and the logit lens, as plain JSON."""

from typing import TYPE_CHECKING

import torch
from gradio.events import api

from playground import catalog
from playground.api.model_argument import for_each_model
from playground.engines import prompts
from playground.engines.loading import ModelSlot
from playground.engines.shelf import Shelf
from playground.errors import InvalidArgumentError, PromptTooLongError
from playground.runs.late import inspection_of
from playground.views.logit_lens import LensCell, logit_lens

if TYPE_CHECKING:
    from playground.engines.huggingface.inspection import Inspection

MOST_TOKENS = 512
_LOGITS_AT_ONCE = 2**26  # of the lens: a quarter of a gigabyte


def build(shelf: Shelf) -> None:
    """Add the endpoints to the Blocks that is being built."""
    attention = for_each_model(shelf, lambda slot: InsideEndpoints(slot).attention)
    logit_lens = for_each_model(shelf, lambda slot: InsideEndpoints(slot).logit_lens)
    for function in (attention, logit_lens):
        api(function, api_name=function.__name__, concurrency_limit=None)


class InsideEndpoints:
    """The functions behind the endpoints."""

    def __init__(self, slot: ModelSlot) -> None:
        self._slot = slot

    def attention(self, text: str, layer: int = 0, head: int = 0) -> dict:  # type: ignore[type-arg]  # any JSON object
        """The attention weights of one head over a text.

        Args:
            text: at most 512 tokens.
            layer: from 0, as the model numbers them; of a hybrid only those with attention.
            head: from 0.
        """
        inspection = inspection_of(self._slot)
        info = inspection.backend.info
        layer = catalog.check_whole("layer", layer, 0, info.layers - 1)
        head = catalog.check_whole("head", head, 0, info.heads - 1)
        ids = _ids(text, inspection)
        layers = inspection.attention_layers
        if layer not in layers:
            raise InvalidArgumentError(
                name="layer", rule=f"one with attention: {', '.join(map(str, layers))}", value=layer
            )
        weights = inspection.attentions(ids)[layers.index(layer), head]
        mask = inspection.mask(torch.ones(1, len(ids), dtype=torch.long), inspection.windows[layer])[0]
        return {
            "tokens": inspection.backend.vocabulary.labels(ids),
            "token_ids": list(ids),
            "weights": weights.tolist(),
            "mask": mask.int().tolist(),
        }

    def logit_lens(self, text: str) -> dict:  # type: ignore[type-arg]  # see above
        """What each layer would predict at each position: the final norm and the LM head on its hidden state.

        Args:
            text: at most 512 tokens.
        """
        inspection = inspection_of(self._slot)
        ids = _ids(text, inspection)
        vocabulary, info = inspection.backend.vocabulary, inspection.backend.info
        rows: list[list[LensCell]] = [[] for _ in range(info.layers + 1)]
        part = max(1, _LOGITS_AT_ONCE // (info.vocab_size * len(rows)))  # positions
        for start in range(0, len(ids), part):
            some = ids[start : start + part]
            view = logit_lens(inspection.lens(ids, start, start + part), some, vocabulary, start)
            for row, cells in zip(rows, view.cells, strict=True):
                row.extend(cells)
        return {
            "tokens": vocabulary.labels(ids),
            "token_ids": list(ids),
            "layers": [
                [
                    {
                        "token_id": cell.top.token_id, "token": cell.top.label, "probability": cell.top.probability,
                        "final_probability": cell.final_probability, "final_rank": cell.final_rank,
                        "kl_nats": cell.divergence,
                    }
                    for cell in row
                ]
                for row in rows
            ],
        }  # fmt: skip


def _ids(text: str, inspection: "Inspection") -> tuple[int, ...]:
    if not isinstance(text, str):
        raise InvalidArgumentError(name="text", rule="text", value=text)
    ids = prompts.read(text, inspection.backend)
    limit = min(MOST_TOKENS, inspection.model.context_length)
    if len(ids) > limit:
        raise PromptTooLongError(tokens=len(ids), limit=limit)
    return ids
