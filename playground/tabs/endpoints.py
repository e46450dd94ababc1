"""The public endpoints: the same core for programs, typed and documented, every number a plain JSON number."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from gradio.events import api

from playground import catalog, engine
from playground.backends.loading import ModelSlot
from playground.decoding import pipeline
from playground.decoding.processors import Situation
from playground.decoding.sampling import Sampling
from playground.decoding.trace import GenerationRequest, longest_run
from playground.errors import (
    InvalidArgumentError,
    InvalidModelOutputError,
    NothingLeftToChooseError,
)
from playground.i18n import translator
from playground.lists import check_ids
from playground.tabs import beam_endpoints, dice_endpoints, inside_endpoints, tokenizer_endpoints, wording
from playground.tabs.answers import Json, one_answer, prompt_ids, room, stream, truth
from playground.tabs.schema import with_settings
from playground.views.next_token import next_token
from playground.views.stages import stage_rows

if TYPE_CHECKING:
    from playground.backends.huggingface import Backend

MAX_CANDIDATES = 1000


def build(slot: ModelSlot) -> None:
    """Add the endpoints to the Blocks that is being built."""
    endpoints = Endpoints(slot)
    for function in (endpoints.next_token, endpoints.generate, endpoints.models):
        api(function, api_name=function.__name__, concurrency_limit=None)
    beam_endpoints.build(slot)
    dice_endpoints.build(slot)
    inside_endpoints.build(slot)
    tokenizer_endpoints.build(slot)


class Endpoints:
    """The functions behind the endpoints. Bad input is an error that names the argument and its range."""

    def __init__(self, slot: ModelSlot) -> None:
        self._slot = slot
        self.next_token = one_answer(with_settings(self._next_token, 1))
        self.generate = stream(with_settings(self._generate, 2))
        self.models = one_answer(self._models)
        for name in ("next_token", "generate", "models"):
            getattr(self, name).__name__ = name

    def _next_token(
        self, prompt: str, n: int = 50, order: str | list[str] = "transformers", seed: int = 0, *, values: Json
    ) -> dict:  # type: ignore[type-arg]  # gradio reads the annotation at run time: a bare dict is any JSON object
        """The distribution of the token that follows a prompt, before and after the processors.

        Args:
            prompt: the text; an empty one starts from the end-of-text token.
            n: how many candidates to list, 1 to 1000, the most probable of the raw model.
            order: of the processors: "transformers", "llama.cpp" or a list of their names.
            seed: the coin of XTC.
        """
        count = catalog.check_whole("n", n, 1, MAX_CANDIDATES)
        backend = self._slot.get()
        strategy = _strategy(values, True, seed, order, backend)
        ids = prompt_ids(prompt, backend)
        logits = _logits_after(ids, backend)
        negative = _logits_after(strategy.guidance.negative_prompt(ids), backend) if strategy.guidance else None
        situation = Situation(len(ids), backend.model.eos_ids, strategy.selection.seed, negative)
        stages = pipeline.run(strategy.processors, torch.tensor([ids]), logits[None], situation)
        if bool(pipeline.processed_logits(stages, logits[None]).isneginf().all()):
            raise NothingLeftToChooseError()
        view = next_token(logits, stages, backend.vocabulary, count)
        return {
            "context": {"token_ids": list(ids), "tokens": backend.vocabulary.labels(ids)},
            "vocab_size": view.vocab_size,
            "entropy_nats": view.entropy,
            "candidates": [
                {
                    "token_id": c.token_id, "token": c.label, "logit": c.logit, "logprob": c.logprob,
                    "probability": c.probability, "rank": c.rank, "removed_by": c.removed_by,
                    "final_probability": c.final_probability,
                }
                for c in view.candidates
            ],
            "rest": {"tokens": view.rest.tokens, "probability": view.rest.probability},
            "stages": [
                {
                    "name": row.name, "value": row.value, "tokens_kept": row.tokens_kept,
                    "probability_kept": row.probability_kept, "entropy_nats": row.entropy,
                    "formula": wording.formula(stage, ids, translator()),
                }
                for row, stage in zip(stage_rows(logits, stages)[1:], stages, strict=True)
            ],
        }  # fmt: skip

    def _generate(
        self,
        prompt: str,
        do_sample: bool = True,
        seed: int = 0,
        max_new_tokens: int = 40,
        order: str | list[str] = "transformers",
        *,
        values: Json,
    ) -> Iterator[dict]:  # type: ignore[type-arg]
        """Generate a text token by token; one answer a token, each with all that was generated so far.

        Args:
            prompt: the text to continue; an empty one starts from the end-of-text token.
            do_sample: draw each token; false takes the most probable one, and leaves out the warpers as generate does.
            seed: the dice; the same seed gives the same text.
            max_new_tokens: at most this many tokens, from 1 to what fits into the context and into 64 MB of logits.
            order: of the processors: "transformers", "llama.cpp" or a list of their names.
        """
        backend = self._slot.get()
        strategy = _strategy(values, truth("do_sample", do_sample), seed, order, backend)
        ids = prompt_ids(prompt, backend)
        rows = 1
        most = room(ids, backend)
        if strategy.guidance:  # a second text is read, and its logits are kept too
            rows, most = 2, min(most, room(strategy.guidance.negative_prompt(ids), backend))
        most = min(most, longest_run(backend.model.vocab_size, rows))
        length = catalog.check_whole("max_new_tokens", max_new_tokens, 1, most)
        for trace in engine.generate(backend.model, GenerationRequest(ids, strategy, length)):
            yield {
                "step": len(trace.steps),
                "token_ids": list(trace.token_ids),
                "text": backend.vocabulary.text(trace.token_ids),
                "logprobs": [step.reading.logprob for step in trace.steps],
                "cum_logprob": trace.cum_logprob,
                "finish_reason": trace.finish_reason,
            }

    def _models(self) -> list:  # type: ignore[type-arg]  # see above
        """What is loaded: name, number of parameters, vocabulary size, context length, layers and heads."""
        info = self._slot.get().info
        return [
            {
                "name": info.name, "parameters": info.parameters, "vocab_size": info.vocab_size,
                "context_length": info.context_length, "layers": info.layers, "heads": info.heads,
            }
        ]  # fmt: skip


def _strategy(values: Json, do_sample: bool, seed: int, order: object, backend: "Backend") -> Sampling:
    """Raises OutOfRangeError, InvalidArgumentError."""
    names = catalog.ORDERS.get(order) if isinstance(order, str) else order
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise InvalidArgumentError(name="order", rule='"transformers", "llama.cpp" or a list of names', value=order)
    check_ids(values, backend.info.vocab_size)
    return catalog.sampling(values, do_sample, seed, names, backend.vocabulary)


def _logits_after(ids: tuple[int, ...], backend: "Backend") -> torch.Tensor:
    """(V,). Raises InvalidModelOutputError, PromptTooLongError."""
    state = backend.model.prefill(ids)
    logits = state.logits[0]
    state.release()
    if bool(logits.isnan().any()):
        raise InvalidModelOutputError(name=backend.info.name)
    return logits
