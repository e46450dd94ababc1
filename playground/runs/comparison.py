"""A comparison before it is made: Setups on one prompt, their dice, and how long its lanes may be."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from playground import catalog
from playground.decoding.dialogue import Rendered
from playground.decoding.lanes import longest_comparison
from playground.decoding.trace import GenerationRequest
from playground.engines.huggingface import context
from playground.errors import InvalidArgumentError, PlaygroundError
from playground.runs.setup import MAX_TOKENS, Setup

if TYPE_CHECKING:
    from playground.engines.protocol import Engine

MAX_LANES = 16


def seeds_of(setups: Sequence[Setup], same_dice: bool) -> tuple[int, ...]:
    """The dice of each lane: with the same for all, those of the first setup that names a seed (0 where none does);
    else each its own."""
    if not same_dice:
        return tuple(setup.dice for setup in setups)
    named = next((setup.seed for setup in setups if setup.seed is not None), 0)
    return (named,) * len(setups)


def read_setups(value: object) -> tuple[Setup, ...]:
    """From JSON: a list of objects. Raises InvalidArgumentError, OutOfRangeError, which say whose it is."""
    if not isinstance(value, (list, tuple)) or not 1 <= len(value) <= MAX_LANES:
        raise InvalidArgumentError(name="setups", rule=f"a list of 1 to {MAX_LANES} objects", value=value)
    found = []
    for place, one in enumerate(value):
        try:
            found.append(Setup.from_json(one))
        except PlaygroundError as error:
            raise placed(error, place) from error
    return tuple(found)


def placed(error: PlaygroundError, place: int) -> PlaygroundError:
    """The error, naming the lane in which it is, as far as it names anything."""
    called = next((key for key in ("name", "field") if key in error.values), None)
    if called is None:
        return error
    name = error.values[called]
    own = f"setups[{place}]" if name == "setup" else f"setups[{place}].{name}"
    return type(error)(**{**error.values, called: own})


@dataclass(frozen=True)
class Writer:
    """Who writes a lane: a model, and the prompt in its own tokens; the dialogue that it reads there, None for a plain
    text."""

    backend: "Engine"
    prompt_ids: tuple[int, ...]
    rendered: Rendered | None = None


def requests_of(
    setups: Sequence[Setup], writers: Sequence[Writer], same_dice: bool, held: int | None = 0
) -> tuple[GenerationRequest, ...]:
    """One a lane, each with its writer and the length that its setup asks for.

    Raises PlaygroundErrors for what does not fit the model, OutOfRangeError for a length that does not fit into the
    context, or with which the comparison would not fit into TRACE_BYTES beside the bytes that are `held` already (None:
    of these runs nothing is kept); they say whose it is.
    """
    requests = []
    seeds = seeds_of(setups, same_dice)
    for place, (setup, seed, writer) in enumerate(zip(setups, seeds, writers, strict=True)):
        backend, prompt_ids = writer.backend, writer.prompt_ids
        try:
            strategy = setup.with_seed(seed).build(backend)
            guidance = strategy.guidance
            read = [prompt_ids, *([guidance.negative_prompt(prompt_ids)] if guidance else [])]
            most = context.room(backend.model.context_length, *read)
            length = catalog.check_whole("max_new_tokens", setup.max_new_tokens, 1, most)
        except PlaygroundError as error:
            raise placed(error, place) from error
        requests.append(GenerationRequest(prompt_ids, strategy, length, rendered=writer.rendered))
    lanes = [(writer.backend.model, request) for writer, request in zip(writers, requests, strict=True)]
    most = longest_comparison(lanes, held) if held is not None else MAX_TOKENS
    for place, request in enumerate(requests):
        try:
            catalog.check_whole("max_new_tokens", request.max_new_tokens, 1, most)
        except PlaygroundError as error:
            raise placed(error, place) from error
    return tuple(requests)
