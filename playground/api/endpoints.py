"""The public endpoints: the same core for programs, typed and documented, every number a plain JSON number."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

import torch
from gradio.events import api

from playground import catalog, engine
from playground.api import beam_endpoints, compare_endpoints, dice_endpoints, inside_endpoints, tokenizer_endpoints
from playground.api.answers import Json, asked, room, truth
from playground.api.chat_endpoint import ChatEndpoint
from playground.api.model_argument import for_each_model
from playground.api.outright import english, in_words, outright
from playground.api.schema import with_settings
from playground.catalog import BY_NAME
from playground.decoding import pipeline
from playground.decoding.processors import Situation
from playground.decoding.rows import Row
from playground.decoding.sampling import Sampling, check_finite
from playground.decoding.selection import InfiniteLogitsError
from playground.decoding.trace import GenerationRequest, longest_run
from playground.engines.huggingface.tokenizers_at_hand import TokenizerShelf
from playground.engines.loading import ModelSlot
from playground.engines.shelf import Entry, Shelf
from playground.errors import (
    InfiniteModelOutputError,
    InvalidArgumentError,
    InvalidModelOutputError,
    NothingLeftToChooseError,
)
from playground.lists import LISTS
from playground.panels import wording
from playground.runs.setup import Setup
from playground.runs.strategies import STRATEGIES
from playground.views.next_token import next_token
from playground.views.stages import stage_rows

if TYPE_CHECKING:
    from playground.engines.protocol import Engine

MAX_CANDIDATES = 1000


def build(shelf: Shelf, tokenizers: TokenizerShelf) -> None:
    """Add the endpoints to the Blocks that is being built; each takes the name of a model on the shelf."""
    next_token = for_each_model(shelf, lambda slot: Endpoints(slot).next_token)
    generate = for_each_model(shelf, lambda slot: Endpoints(slot).generate)

    def models() -> list:  # type: ignore[type-arg]  # gradio reads the annotation at run time: any JSON
        return told_of(shelf)

    models.__doc__ = told_of.__doc__
    chat_template = for_each_model(shelf, lambda slot: ChatEndpoint(slot).chat_template)
    for function in (next_token, generate, chat_template, outright(models)):
        api(function, api_name=function.__name__, concurrency_limit=None)
    beam_endpoints.build(shelf)
    compare_endpoints.build(shelf)
    dice_endpoints.build(shelf)
    inside_endpoints.build(shelf)
    tokenizer_endpoints.build(shelf, tokenizers)


class Endpoints:
    """The functions behind the endpoints. Bad input is an error that names the argument and its range."""

    def __init__(self, slot: ModelSlot) -> None:
        self._slot = slot
        options = [option for kind in STRATEGIES.values() if not kind.has_beams for option in kind.options]
        self.next_token = outright(with_settings(self._next_token, 1))
        self.generate = outright(with_settings(self._generate, 2, options))
        for name in ("next_token", "generate"):
            getattr(self, name).__name__ = name

    def _next_token(
        self,
        prompt: str,
        n: int = 50,
        order: str | list[str] = "transformers",
        seed: int = 0,
        *,
        leave_end_off: bool = False,
        messages: list | None = None,  # type: ignore[type-arg]
        continue_final_message: bool = False,
        values: Json,
    ) -> dict:  # type: ignore[type-arg]  # gradio reads the annotation at run time: a bare dict is any JSON object
        """The distribution of the token that follows a prompt, before and after the processors.

        Args:
            prompt: the text; an empty one starts from the end-of-text token.
            n: how many candidates to list, 1 to 1000, the most probable of the raw model.
            order: of the processors: "transformers", "llama.cpp" or a list of their names.
            seed: the coin of XTC.
            leave_end_off: without the special tokens that the tokenizer puts behind a text, as BERT's [SEP].
            messages: beside an empty prompt, turns, {"role": "system", "user" or "assistant", "content": text},
                rendered by the model's chat template as apply_chat_template does.
            continue_final_message: the last turn goes on; otherwise the template opens one of the assistant.
        """
        count = catalog.check_whole("n", n, 1, MAX_CANDIDATES)
        backend = self._slot.get()
        strategy = _strategy(values, "sample", seed, order, backend)
        ids, rendered = asked(prompt, messages, continue_final_message, backend, leave_end_off)
        logits = _logits_after(ids, backend)
        negative = _logits_after(strategy.guidance.negative_prompt(ids), backend) if strategy.guidance else None
        if negative is not None:
            try:
                check_finite(logits, negative)
            except InfiniteLogitsError as error:
                raise InfiniteModelOutputError(name=backend.model.name, value=str(error)) from error
        guidance = Row(negative) if negative is not None else None
        ends = GenerationRequest(ids, strategy, 1, rendered=rendered).ends(backend.model)
        situation = Situation(len(ids), ends, strategy.selection.seed, guidance)
        stages = pipeline.run(strategy.processors, torch.tensor([ids]), logits[None], situation)
        if bool(pipeline.processed_logits(stages, logits[None]).isneginf().all()):
            raise NothingLeftToChooseError.by(pipeline.removers(stages))
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
                    "formula": wording.formula(stage, ids, english()),
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
        leave_end_off: bool = False,
        messages: list | None = None,  # type: ignore[type-arg]
        continue_final_message: bool = False,
        strategy: str = "",
        values: Json,
    ) -> Iterator[dict]:  # type: ignore[type-arg]
        """Generate a text token by token; one answer a token, each with all that was generated so far.

        Args:
            prompt: the text to continue; an empty one starts from the end-of-text token.
            do_sample: draw each token; false takes the most probable one, and leaves out the warpers as generate does.
            seed: the dice; the same seed gives the same text.
            max_new_tokens: at most this many tokens, from 1 to what fits into the context and into 64 MB of logits.
            order: of the processors: "transformers", "llama.cpp" or a list of their names.
            leave_end_off: without the special tokens that the tokenizer puts behind a text, as BERT's [SEP].
            messages: beside an empty prompt, turns, {"role": "system", "user" or "assistant", "content": text},
                rendered by the model's chat template as apply_chat_template does.
            continue_final_message: the last turn goes on; otherwise the template opens one of the assistant.
            strategy: by its name, as in a setup; without one do_sample tells greedy search from sampling.
        """
        backend = self._slot.get()
        name = _named(strategy) or ("sample" if truth("do_sample", do_sample) else "greedy")
        chosen = _strategy(values, name, seed, order, backend)
        ids, rendered = asked(prompt, messages, continue_final_message, backend, leave_end_off)
        rows = 1
        most = room(ids, backend)
        if chosen.guidance:  # a second text is read, and its logits are kept too
            rows, most = 2, min(most, room(chosen.guidance.negative_prompt(ids), backend))
        most = min(most, longest_run(backend.model, rows))
        length = catalog.check_whole("max_new_tokens", max_new_tokens, 1, most)
        for trace in engine.generate(backend.model, GenerationRequest(ids, chosen, length, rendered=rendered)):
            yield {
                "step": len(trace.steps),
                "token_ids": list(trace.token_ids),
                "text": backend.vocabulary.text(trace.token_ids),
                "logprobs": [step.reading.logprob for step in trace.steps],
                "cum_logprob": trace.cum_logprob,
                "finish_reason": trace.finish_reason,
            }


def told_of(shelf: Shelf) -> list[Json]:
    """The models on the shelf, at once: "name" (what the argument `model` takes) and "title", "group" ("shipped",
    "known", "cached" or "own"), "language", and "state": "absent" (it is loaded when somebody asks for it), "loading",
    "ready" or "failed" ("error" says why). Once it is ready the number of parameters, vocabulary size, context length,
    layers and heads, the license that its card names (null where that is not known); "ignored" are the settings of its
    configuration that name a token which it does not have. While it is fetched, "fetched" says how many bytes are
    here, and of how many. What is not known yet is null."""
    return [_told(entry, shelf.slot(entry.name)) for entry in shelf.entries]


def _told(entry: Entry, slot: ModelSlot) -> Json:
    state, failure, progress = slot.state, slot.failure, slot.progress
    info = slot.get().info if state == "ready" else None
    names = ("parameters", "vocab_size", "context_length", "layers", "heads")
    is_fetched = state == "loading" and progress.total > 0
    return {
        "name": entry.name,
        "title": entry.shown,
        "group": entry.group,
        "language": entry.language or None,
        "state": state,
        **{name: getattr(info, name, None) for name in names},
        "license": info.licence if info else entry.licence,
        "ignored": list(info.ignored) if info else None,
        "fetched": {"bytes": progress.done, "of": progress.total} if is_fetched else None,
        "error": in_words(failure, english()) if isinstance(failure, Exception) else None,
    }


def _named(strategy: object) -> str:
    """The name of a strategy of one sequence, "" for none. Raises InvalidArgumentError."""
    names = [kind.name for kind in STRATEGIES.values() if not kind.has_beams]
    if strategy and strategy not in names:
        raise InvalidArgumentError(name="strategy", rule=f"one of {', '.join(names)}", value=strategy)
    return str(strategy or "")


def _is_off(name: str, value: object) -> bool:
    """Whether a setting says nothing, so that a strategy that does not take it need not mind."""
    usual = {option.name: option.usual for kind in STRATEGIES.values() for option in kind.options}
    if name in LISTS:
        return not LISTS[name].check(value)
    return value == (BY_NAME[name].neutral if name in BY_NAME else usual[name])


def _strategy(values: Json, name: str, seed: int, order: object, backend: "Engine") -> Sampling:
    """Raises OutOfRangeError, InvalidArgumentError."""
    taken = STRATEGIES[name].settings
    asked = {key: value for key, value in values.items() if key in taken or not _is_off(key, value)}
    return cast(Sampling, Setup.from_json({**asked, "strategy": name, "seed": seed, "order": order}).build(backend))


def _logits_after(ids: tuple[int, ...], backend: "Engine") -> torch.Tensor:
    """(V,). Raises InvalidModelOutputError, PromptTooLongError."""
    state = backend.model.prefill(ids)
    logits = state.logits[0]
    state.release()
    if not bool(logits.max().isfinite()):  # NaN anywhere is the largest too
        raise InvalidModelOutputError(name=backend.info.name)
    return logits
