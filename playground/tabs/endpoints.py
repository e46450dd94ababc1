"""The public endpoints: the same core for programs, typed and documented, every number a plain JSON number."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import torch
from gradio.events import api

from playground import catalog, engine
from playground.backends.loading import ModelSlot
from playground.decoding import pipeline
from playground.decoding.trace import GenerationRequest, longest_run
from playground.errors import (
    InvalidModelOutputError,
    NothingLeftToChooseError,
)
from playground.tabs import beam_endpoints, inside_endpoints, tokenizer_endpoints
from playground.tabs.answers import one_answer, prompt_ids, room, stream, truth
from playground.views.next_token import next_token
from playground.views.stages import stage_rows

if TYPE_CHECKING:
    pass

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")
Json = dict[str, Any]
MAX_CANDIDATES = 1000


def build(slot: ModelSlot) -> None:
    """Add the endpoints to the Blocks that is being built."""
    endpoints = Endpoints(slot)
    for function in (endpoints.next_token, endpoints.generate, endpoints.models):
        api(function, api_name=function.__name__, concurrency_limit=None)
    beam_endpoints.build(slot)
    inside_endpoints.build(slot)
    tokenizer_endpoints.build(slot)


class Endpoints:
    """The functions behind the endpoints. Bad input is an error that names the argument and its range."""

    def __init__(self, slot: ModelSlot) -> None:
        self._slot = slot
        self.next_token = one_answer(self._next_token)
        self.generate = stream(self._generate)
        self.models = one_answer(self._models)
        for name in ("next_token", "generate", "models"):
            getattr(self, name).__name__ = name

    def _next_token(
        self,
        prompt: str,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        typical_p: float = 1.0,
        repetition_penalty: float = 1.0,
        no_repeat_ngram_size: int = 0,
        n: int = 50,
    ) -> dict:  # type: ignore[type-arg]  # gradio reads the annotation at run time: a bare dict is any JSON object
        """The distribution of the token that follows a prompt, before and after the processors.

        Args:
            prompt: the text; an empty one starts from the end-of-text token.
            temperature: divides the logits; 0.01 to 100, 1 is off.
            top_k: keep the k most probable tokens; 0 is off.
            top_p: keep the most probable tokens up to this mass; 0 to 1, 1 is off.
            min_p: keep tokens at least this many times as probable as the first; 0 to 1, 0 is off.
            typical_p: keep the tokens of most typical surprisal up to this mass; 0.001 to 1, 1 is off.
            repetition_penalty: makes tokens that occur already less probable; 0.01 to 100, 1 is off.
            no_repeat_ngram_size: forbid repeating an n-gram; 0 to 64, 0 is off.
            n: how many candidates to list, 1 to 1000, the most probable of the raw model.
        """
        count = catalog.check_whole("n", n, 1, MAX_CANDIDATES)
        processors = catalog.processors(
            {
                "temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p, "typical_p": typical_p,
                "repetition_penalty": repetition_penalty, "no_repeat_ngram_size": no_repeat_ngram_size,
            }
        )  # fmt: skip
        backend = self._slot.get()
        ids = prompt_ids(prompt, backend)
        state = backend.model.prefill(ids)
        logits = state.logits[0]
        state.release()
        if bool(logits.isnan().any()):
            raise InvalidModelOutputError(name=backend.info.name)
        stages = pipeline.run(processors, torch.tensor([ids]), logits[None])
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
                }
                for row in stage_rows(logits, stages)[1:]
            ],
        }  # fmt: skip

    def _generate(
        self,
        prompt: str,
        do_sample: bool = True,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        typical_p: float = 1.0,
        repetition_penalty: float = 1.0,
        no_repeat_ngram_size: int = 0,
        seed: int = 0,
        max_new_tokens: int = 40,
    ) -> Iterator[dict]:  # type: ignore[type-arg]  # see above
        """Generate a text token by token; one answer a token, each with all that was generated so far.

        Args:
            prompt: the text to continue; an empty one starts from the end-of-text token.
            do_sample: draw each token; false takes the most probable one, and leaves out the warpers as generate does.
            temperature: divides the logits; 0.01 to 100, 1 is off.
            top_k: keep the k most probable tokens; 0 is off.
            top_p: keep the most probable tokens up to this mass; 0 to 1, 1 is off.
            min_p: keep tokens at least this many times as probable as the first; 0 to 1, 0 is off.
            typical_p: keep the tokens of most typical surprisal up to this mass; 0.001 to 1, 1 is off.
            repetition_penalty: makes tokens that occur already less probable; 0.01 to 100, 1 is off.
            no_repeat_ngram_size: forbid repeating an n-gram; 0 to 64, 0 is off.
            seed: the dice; the same seed gives the same text.
            max_new_tokens: at most this many tokens, from 1 to what fits into the context and into 64 MB of logits.
        """
        values = {
            "temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p, "typical_p": typical_p,
            "repetition_penalty": repetition_penalty, "no_repeat_ngram_size": no_repeat_ngram_size,
        }  # fmt: skip
        strategy = catalog.sampling(values, truth("do_sample", do_sample), seed)
        backend = self._slot.get()
        ids = prompt_ids(prompt, backend)
        most = min(room(ids, backend), longest_run(backend.model.vocab_size))
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
