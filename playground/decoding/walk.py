"""Walk: one sequence on its way; everything of a step but the forward pass that gives its logits."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from playground.decoding import pipeline
from playground.decoding.model import LanguageModel
from playground.decoding.processors import Situation, is_stateful
from playground.decoding.processors_guidance import Guidance
from playground.decoding.rows import Row
from playground.decoding.selection import Choice, InvalidLogitsError, Multinomial, NothingLeftError, Throws, dice
from playground.decoding.trace import FinishReason, GenerationRequest, Step

if TYPE_CHECKING:
    from playground.decoding.sampling import Sampling


class Walk:
    """Takes one token after another from the logits that it is given, with dice and carried states of its own.

    Attributes:
        ids: the prompt, the tokens taken before and those taken here.
        index: of the next token.
        throws: the dice that it shares with others; None where it has its own, or throws none.
        chain: the processors that are not neutral, in order.
        is_shared: whether its step may be taken together with those of others (`together`).
        situation: of every step, where that is so: what the processors know besides context and logits.
    """

    def __init__(
        self, strategy: "Sampling", model: LanguageModel, request: GenerationRequest, throws: Throws | None = None
    ) -> None:
        """Stands where the tokens already taken end. `throws` are its dice where it shares them with others."""
        self._strategy = strategy
        self._prompt_length = len(request.prompt_ids)
        self._eos_ids = request.ends(model)
        self._max_new_tokens = request.max_new_tokens
        self._carried: Mapping[str, float] = request.states
        self.ids = [*request.prompt_ids, *request.taken_ids]
        self.index = len(request.taken_ids)
        self.throws = throws if strategy.is_drawn else None
        self._generator = dice(strategy.selection.seed, 0 if throws else self.index, model.vocab_size)
        self.chain = tuple(p for p in strategy.processors if not p.is_neutral)
        self.is_shared = not any(is_stateful(p) or isinstance(p, Guidance) for p in self.chain)
        self.situation = Situation(self._prompt_length, self._eos_ids, strategy.selection.seed)
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
        situation = self.situation
        if not self.is_shared:
            situation = replace(
                situation,
                guidance=checked(guidance) if guidance else None,
                states=pipeline.states_before(strategy.processors, self._carried),
            )
        chain = pipeline.chain(strategy.processors, row)
        stages = pipeline.run(chain, self.context, logits, situation)
        try:
            choice = self._chosen(pipeline.processed_logits(stages, logits)[0])
        except NothingLeftError as error:
            raise NothingLeftError(str(error), pipeline.removers(stages)) from error
        step = self.took(row, choice, situation)
        if step.finish_reason is None:
            self._carried = pipeline.states_after(stages, situation, choice.token_id)
        return step

    def took(self, row: Row, choice: Choice, situation: Situation | None = None) -> Step:
        """The step, once the choice is made; what stateful processors carry on is not changed."""
        reason = self._reason(choice.token_id)
        self.ids.append(choice.token_id)
        self.index += 1
        if reason is None:
            self._contexts[0, len(self.ids) - 1] = choice.token_id
        strategy = self._strategy
        return Step(
            self.index - 1, row, strategy.processors, strategy.selection, choice, reason, situation or self.situation
        )

    def _chosen(self, logits: Tensor) -> Choice:
        selection = self._strategy.selection
        if self.throws is not None and isinstance(selection, Multinomial):
            return selection.among(logits, self.throws.at(self.index))
        return selection(logits, self._generator)

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
