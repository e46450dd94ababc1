"""The endpoint /compare_settings: several settings on one prompt with the same dice, each beside the first."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING

from gradio.events import api

from playground import catalog, engine
from playground.api.answers import Json, prompt_ids, room
from playground.api.model_argument import for_each_model
from playground.catalog import PARAMETERS
from playground.decoding import pipeline
from playground.decoding.processors import Processor
from playground.decoding.processors_guidance import Guidance
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Multinomial
from playground.decoding.stopping import StopStrings
from playground.decoding.trace import GenerationRequest, Trace, longest_run
from playground.engines.loading import ModelSlot
from playground.engines.shelf import Shelf
from playground.errors import InvalidArgumentError, NothingLeftToChooseError
from playground.lists import LISTS, check_ids
from playground.views.same_dice import Parting, carried_over, ended_by, parting

if TYPE_CHECKING:
    from playground.engines.protocol import Engine

MAX_SETTINGS = 16
MAX_TOKENS = 1024  # of all settings together: as long as an answer may be waited for


def build(shelf: Shelf) -> None:
    """Add the endpoint to the Blocks that is being built."""
    api(for_each_model(shelf, _endpoint), api_name="compare_settings", concurrency_limit=None)


def _endpoint(slot: ModelSlot) -> Callable[..., Json]:
    def compare_settings(prompt: str, seed: int, settings: list, max_new_tokens: int = 20) -> dict:  # type: ignore[type-arg]
        """The same prompt and the same dice under several settings: where each text leaves the first one.

        Args:
            prompt: the text to continue.
            seed: the dice, thrown anew for every setting.
            settings: 1 to 16 objects of settings by name, as /generate takes them (stop_strings too), each with an
                optional "order": "transformers" (the usual), "llama.cpp" or a list of names; {} draws from the model
                as it is.
            max_new_tokens: at most this many tokens for each, and 1024 for all settings together.
        """
        return _compare(slot, prompt, seed, settings, max_new_tokens)

    return compare_settings


def _compare(slot: ModelSlot, prompt: str, seed: int, settings: object, max_new_tokens: int) -> Json:
    if not isinstance(settings, list) or not 1 <= len(settings) <= MAX_SETTINGS:
        raise InvalidArgumentError(name="settings", rule=f"a list of 1 to {MAX_SETTINGS} objects", value=settings)
    seed = catalog.check_seed(seed)
    backend = slot.get()
    chains, stops = [_processors(one, backend) for one in settings], [_stop(one, backend) for one in settings]
    rows = 2 if any(map(_is_guided, chains)) else 1
    ids = prompt_ids(prompt, backend)
    most = room(ids, backend)
    length = catalog.check_whole(
        "max_new_tokens", max_new_tokens, 1, min(most, longest_run(backend.model, rows))
    )  # fmt: skip
    if length * len(chains) > MAX_TOKENS:
        rule = f"at most {MAX_TOKENS // len(chains)} for {len(chains)} settings ({MAX_TOKENS} tokens in all)"
        raise InvalidArgumentError(name="max_new_tokens", rule=rule, value=length)

    def fresh(chain: tuple[Processor, ...], stop: StopStrings | None) -> Trace:
        return _run(backend, Trace(GenerationRequest(ids, Sampling(chain, Multinomial(seed), stop), length)), length)

    whole = fresh(chains[0], None)  # beyond the stop strings of the first setting: another may not have them
    runs: list[Json] = []
    first = _ended(whole, stops[0])
    for one, chain, stop in zip(settings, chains, stops, strict=True):
        # guidance has a second reading of its own, which the first run does not hold
        trace = fresh(chain, stop) if _is_guided(chain) else _parted(whole, chain, stop, backend, length)
        where = _compared(first, trace, backend)
        runs.append(
            {
                "settings": one, "token_ids": list(trace.token_ids), "text": backend.vocabulary.text(trace.token_ids),
                "logprobs": [step.reading.logprob for step in trace.steps], "finish_reason": trace.finish_reason,
                "first_difference": None if where.index is None else {
                    "index": where.index, "token_id": where.theirs, "token": where.their_label or None,
                    "first_token_id": where.ours, "first_token": where.our_label or None,
                },
            }
        )  # fmt: skip
    return {
        "context": {"token_ids": list(ids), "tokens": backend.vocabulary.labels(ids)}, "seed": seed, "runs": runs,
    }  # fmt: skip


def _parted(
    whole: Trace, chain: tuple[Processor, ...], stop: StopStrings | None, backend: "Engine", length: int
) -> Trace:
    """The run under another setting: as far as its tokens are those of `whole`, only what follows is computed."""
    where = parting(whole, chain, backend.vocabulary)
    if where.index is None:
        return _ended(whole, stop)
    shared = carried_over(whole, where.index, chain)
    if ended_by(shared, stop) is not None:
        return _ended(shared, stop)
    if where.theirs is None:
        raise NothingLeftToChooseError.by(pipeline.removers(whole.stages_at(where.index, chain)))
    strategy = Sampling(chain, whole.steps[0].selection, stop)  # type: ignore[arg-type]  # a Multinomial
    return _run(backend, replace(shared, request=replace(shared.request, strategy=strategy)), length)


def _ended(trace: Trace, stop: StopStrings | None) -> Trace:
    """The trace up to the first token that completes one of the stop strings."""
    index = ended_by(trace, stop)
    if index is None or trace.steps[index].finish_reason == "stop":
        return trace
    return trace.rewound(index).appended(replace(trace.steps[index], finish_reason="stop_string"))


def _is_guided(chain: tuple[Processor, ...]) -> bool:
    return any(isinstance(processor, Guidance) for processor in chain)


def _compared(first: Trace, other: Trace, backend: "Engine") -> Parting:
    """Where two texts part; None stands for the token of the one that had ended there."""
    for i, (ours, theirs) in enumerate(zip_longest(first.token_ids, other.token_ids)):
        if ours != theirs:
            our_label, their_label = ("" if one is None else backend.vocabulary.label(one) for one in (ours, theirs))
            return Parting(i, i + 1, ours, theirs, our_label, their_label)
    return Parting(None, len(first.steps))


def _processors(one: object, backend: "Engine") -> tuple[Processor, ...]:
    """Raises InvalidArgumentError, OutOfRangeError."""
    names = [*(p.name for p in PARAMETERS), *LISTS]
    if not isinstance(one, dict) or not set(one) <= {*names, "order"}:
        raise InvalidArgumentError(name="settings", rule=f"objects with names of {', '.join(names)}, order", value=one)
    values = {name: value for name, value in one.items() if name != "order"}
    check_ids(values, backend.info.vocab_size)
    return catalog.processors(values, True, _order(one.get("order", "transformers")), backend.vocabulary)


def _stop(one: Json, backend: "Engine") -> StopStrings | None:
    strings = LISTS["stop_strings"].check(one.get("stop_strings"))
    return StopStrings(strings, backend.vocabulary.pieces) if strings else None


def _order(order: object) -> Sequence[str]:
    usual = catalog.ORDERS["transformers"]
    if isinstance(order, str) and order in catalog.ORDERS:
        return catalog.ORDERS[order]
    if not isinstance(order, list) or not set(map(str, order)) <= set(usual):
        rule = f"{', '.join(catalog.ORDERS)} or a list of names of {', '.join(usual)}"
        raise InvalidArgumentError(name="order", rule=rule, value=order)
    return (*order, *(name for name in usual if name not in order))


def _run(backend: "Engine", trace: Trace, length: int) -> Trace:
    """The trace carried on to its end."""
    request = replace(trace.request, max_new_tokens=length)
    for longer in engine.generate(backend.model, request, trace):
        trace = longer
    return trace
