"""Walk: one sequence on its way; everything of a step but the forward pass that gives its logits."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from playground.decoding import pipeline
from playground.decoding.model import LanguageModel
from playground.decoding.processors import Situation
from playground.decoding.rows import Row
from playground.decoding.selection import InvalidLogitsError, NothingLeftError, dice
from playground.decoding.trace import FinishReason, GenerationRequest, Step

if TYPE_CHECKING:
    from playground.decoding.sampling import Sampling


class Walk:
    """Takes one token after another from the logits that it is given, with dice and carried states of its own.

    Attributes:
        ids: the prompt, the tokens taken before and those taken here.
        index: of the next token.
    """

    def __init__(self, strategy: "Sampling", model: LanguageModel, request: GenerationRequest) -> None:
        """Stands where the tokens already taken end."""
        self._strategy = strategy
        self._prompt_length = len(request.prompt_ids)
        self._eos_ids = request.ends(model)
        self._max_new_tokens = request.max_new_tokens
        self._carried: Mapping[str, float] = request.states
        self.ids = [*request.prompt_ids, *request.taken_ids]
        self.index = len(request.taken_ids)
        self._generator = dice(strategy.selection.seed, self.index, model.vocab_size)
        self._contexts = torch.empty(1, len(self.ids) + max(0, request.max_new_tokens - self.index), dtype=torch.long)
        self._contexts[0, : len(self.ids)] = torch.tensor(self.ids)

    @property
    def context(self) -> Tensor:
        """(1, L): what the model has read before the next token."""
        return self._contexts[:, : len(self.ids)]

    def take(self, row: Row, guidance: Row | None = None) -> Step:
        """The step made of these logits, with those after the negative prompt where there is one. No further step
        after one that has a finish reason.

        Raises InvalidLogitsError for logits that are not numbers, NothingLeftError if the processors removed every
        token.
        """
        strategy = self._strategy
        logits = checked(row).logits[None]  # (1, V)
        situation = Situation(
            prompt_length=self._prompt_length,
            eos_ids=self._eos_ids,
            seed=strategy.selection.seed,
            guidance=checked(guidance) if guidance else None,
            states=pipeline.states_before(strategy.processors, self._carried),
        )
        chain = pipeline.chain(strategy.processors, row)
        stages = pipeline.run(chain, self.context, logits, situation)
        try:
            choice = strategy.selection(pipeline.processed_logits(stages, logits)[0], self._generator)
        except NothingLeftError as error:
            raise NothingLeftError(str(error), pipeline.removers(stages)) from error
        reason = self._reason(choice.token_id)
        self.ids.append(choice.token_id)
        self.index += 1
        if reason is None:
            self._contexts[0, len(self.ids) - 1] = choice.token_id
            self._carried = pipeline.states_after(stages, situation, choice.token_id)
        return Step(self.index - 1, row, strategy.processors, strategy.selection, choice, reason, situation)

    def _reason(self, token_id: int) -> FinishReason | None:
        if token_id in self._eos_ids:
            return "stop"
        if self._strategy.stop and self._strategy.stop.completed_by(self.ids, token_id):
            return "stop_string"
        return "length" if self.index + 1 == self._max_new_tokens else None


def checked(row: Row) -> Row:
    """Raises InvalidLogitsError."""
    if not math.isfinite(float(row.logits.numpy().max())):  # NaN anywhere is the largest too
        raise InvalidLogitsError("the model returned logits that are not numbers")
    return row
