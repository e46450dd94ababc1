"""The head apart from the model: what it read at a step, kept instead of the row of logits that it made of that."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor

from playground.engines.huggingface import device
from playground.engines.huggingface.lean import is_lean

Finish = Callable[[Tensor], Tensor]


class Head:
    """Makes rows of logits again, to the last bit, from the hidden states that a module's head read.

    Attributes:
        width: numbers that it reads of a token; 0 where rows can't be made again.
    """

    def __init__(self, module: Any) -> None:
        """Tries it once with a token of the vocabulary: whatever a model does after its head has to be known here."""
        self._module = module
        self._layer = module.get_output_embeddings()
        self._heard = threading.local()
        self._layer.register_forward_pre_hook(self._hear)
        self._finish: Finish | None = None
        self._is_same: dict[int, bool] = {}  # by number of rows
        self.width = 0
        self._try()

    def __deepcopy__(self, memo: object) -> "Head":
        """A copy of the module (a twin that shares its weights) keeps the hook; nobody listens to its passes."""
        return self

    @contextmanager
    def listening(self) -> Iterator[list[Tensor]]:
        """While it is entered, in this thread: the list of what the head reads."""
        heard: list[Tensor] = []
        self._heard.states = heard
        try:
            yield heard
        finally:
            self._heard.states = None

    def _hear(self, _: Any, inputs: tuple[Tensor, ...]) -> None:
        heard = getattr(self._heard, "states", None)
        if heard is not None and inputs:
            heard.append(inputs[0])

    def read_of(self, output: Any, heard: list[Tensor]) -> Tensor | None:
        """(B, 1, width): what the head read for the last logits of a pass, apart from the rest; None where it is not
        known. A row is made again in the same shape of call, with all rows of its pass; that this gives the same bits
        is tried for each number of rows the first time."""
        if not self.width:
            return None
        read: Tensor | None = getattr(output, "head_input", heard[-1] if heard else None)
        if read is None or read.ndim != 3 or read.shape[1] != 1:
            return None
        read = read.to("cpu", copy=True)
        if len(read) not in self._is_same:
            self._is_same[len(read)] = torch.equal(self.logits(read)[:, -1], output.logits[:, -1].float())
        return read if self._is_same[len(read)] else None

    @torch.inference_mode()
    def logits(self, hidden: Tensor) -> Tensor:
        """(B, L, V) float32 from (B, L, width), by the same call as the model's own."""
        if is_lean(self._module):
            return cast(Tensor, self._module.lean.logits(hidden))
        assert self._finish is not None
        return self._finish(self._layer(hidden.to(device.of(self._module)))).float().cpu()

    @torch.inference_mode()
    def _try(self) -> None:
        try:
            with self.listening() as heard:
                output = self._module(input_ids=torch.zeros(1, 1, dtype=torch.long), use_cache=False)
            if is_lean(self._module):
                heard.append(output.head_input)
        except Exception:  # a model that needs more than ids: its rows are kept as they are
            return
        if not heard or heard[-1].ndim != 3:
            return
        for finish in _finishes(self._module.config.get_text_config()):
            self._finish = finish
            if torch.equal(self.logits(heard[-1]), output.logits.float()):
                self.width = heard[-1].shape[-1]
                return


def _finishes(config: Any) -> Iterator[Finish]:
    """What models of transformers do to the product of their head, the commonest first."""
    yield lambda x: x
    scale, capped = getattr(config, "logit_scale", None), getattr(config, "final_logit_softcapping", None)
    divisor = getattr(config, "logits_scaling", None)
    if scale:
        yield lambda x: x * scale
    if divisor:
        yield lambda x: x / divisor
    if capped:
        yield lambda x: torch.tanh(x / capped) * capped
