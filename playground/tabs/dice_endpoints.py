"""The endpoint /compare_settings: several settings on one prompt with the same dice, each beside the first."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from gradio.events import api

from playground import catalog, engine
from playground.backends.loading import ModelSlot
from playground.catalog import PARAMETERS
from playground.decoding.processors import Processor
from playground.decoding.processors_guidance import Guidance
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Multinomial
from playground.decoding.trace import GenerationRequest, Trace, longest_run
from playground.errors import InvalidArgumentError, NothingLeftToChooseError
from playground.lists import LISTS
from playground.tabs.answers import Json, one_answer, prompt_ids, room
from playground.views.same_dice import Parting, carried_over, parting

if TYPE_CHECKING:
    from playground.backends.huggingface import Backend

MAX_SETTINGS = 16
MAX_TOKENS = 1024  # of all settings together: as long as an answer may be waited for


def build(slot: ModelSlot) -> None:
    """Add the endpoint to the Blocks that is being built."""

    def compare_settings(prompt: str, seed: int, settings: list, max_new_tokens: int = 20) -> dict:  # type: ignore[type-arg]
        """The same prompt and the same dice under several settings: where each text leaves the first one.

        Args:
            prompt: the text to continue.
            seed: the dice, thrown anew for every setting.
            settings: 1 to 16 objects of processors by name, as /generate takes them, each with an optional "order":
                "transformers" (the usual), "llama.cpp" or a list of names; {} draws from the model as it is.
            max_new_tokens: at most this many tokens for each, and 1024 for all settings together.
        """
        return _compare(slot, prompt, seed, settings, max_new_tokens)

    api(one_answer(compare_settings), api_name="compare_settings", concurrency_limit=None)


def _compare(slot: ModelSlot, prompt: str, seed: int, settings: object, max_new_tokens: int) -> Json:
    if not isinstance(settings, list) or not 1 <= len(settings) <= MAX_SETTINGS:
        raise InvalidArgumentError(name="settings", rule=f"a list of 1 to {MAX_SETTINGS} objects", value=settings)
    seed = catalog.check_seed(seed)
    backend = slot.get()
    chains = [_processors(one, backend) for one in settings]
    rows = 2 if any(map(_is_guided, chains)) else 1
    ids = prompt_ids(prompt, backend)
    most = room(ids, backend)
    length = catalog.check_whole(
        "max_new_tokens", max_new_tokens, 1, min(most, longest_run(backend.model.vocab_size, rows))
    )  # fmt: skip
    if length * len(chains) > MAX_TOKENS:
        rule = f"at most {MAX_TOKENS // len(chains)} for {len(chains)} settings ({MAX_TOKENS} tokens in all)"
        raise InvalidArgumentError(name="max_new_tokens", rule=rule, value=length)

    def fresh(chain: tuple[Processor, ...]) -> Trace:
        return _run(backend, Trace(GenerationRequest(ids, Sampling(chain, Multinomial(seed)), length)), length)

    first = fresh(chains[0])
    runs = []
    for one, chain in zip(settings, chains, strict=True):
        if _is_guided(chain):  # a second reading of its own, which the first run does not hold
            trace = fresh(chain)
            where = _compared(first, trace, backend)
        elif (where := parting(first, chain, backend.vocabulary)).index is None:
            trace = first
        elif where.theirs is None:
            raise NothingLeftToChooseError()
        else:  # the tokens before are the same: only what follows is computed
            trace = _run(backend, carried_over(first, where.index, chain), length)
        runs.append(
            {
                "settings": one, "token_ids": list(trace.token_ids), "text": backend.vocabulary.text(trace.token_ids),
                "logprobs": [step.reading.logprob for step in trace.steps], "finish_reason": trace.finish_reason,
                "first_difference": None if where.index is None else {
                    "index": where.index, "token_id": where.theirs, "token": where.their_label,
                    "first_token_id": where.ours, "first_token": where.our_label,
                },
            }
        )  # fmt: skip
    return {
        "context": {"token_ids": list(ids), "tokens": backend.vocabulary.labels(ids)}, "seed": seed, "runs": runs,
    }  # fmt: skip


def _is_guided(chain: tuple[Processor, ...]) -> bool:
    return any(isinstance(processor, Guidance) for processor in chain)


def _compared(first: Trace, other: Trace, backend: "Backend") -> Parting:
    label = backend.vocabulary.label
    for i, (ours, theirs) in enumerate(zip(first.token_ids, other.token_ids, strict=False)):
        if ours != theirs:
            return Parting(i, i + 1, ours, theirs, label(ours), label(theirs))
    return Parting(None, min(len(first.steps), len(other.steps)))


def _processors(one: object, backend: "Backend") -> tuple[Processor, ...]:
    """Raises InvalidArgumentError, OutOfRangeError."""
    names = [*(p.name for p in PARAMETERS), *(name for name in LISTS if name != "stop_strings")]
    if not isinstance(one, dict) or not set(one) <= {*names, "order"}:
        raise InvalidArgumentError(name="settings", rule=f"objects with names of {', '.join(names)}, order", value=one)
    values = {name: value for name, value in one.items() if name != "order"}
    return catalog.processors(values, True, _order(one.get("order", "transformers")), backend.vocabulary)


def _order(order: object) -> Sequence[str]:
    usual = catalog.ORDERS["transformers"]
    if isinstance(order, str) and order in catalog.ORDERS:
        return catalog.ORDERS[order]
    if not isinstance(order, list) or not set(map(str, order)) <= set(usual):
        rule = f"{', '.join(catalog.ORDERS)} or a list of names of {', '.join(usual)}"
        raise InvalidArgumentError(name="order", rule=rule, value=order)
    return (*order, *(name for name in usual if name not in order))


def _run(backend: "Backend", trace: Trace, length: int) -> Trace:
    """The trace carried on to its end."""
    request = replace(trace.request, max_new_tokens=length)
    for longer in engine.generate(backend.model, request, trace):
        trace = longer
    return trace
