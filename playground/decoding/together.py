"""Together: several walks take their step at once; what they have in common is computed for all their rows."""

from collections.abc import Sequence
from typing import TypeVar, cast

import numpy as np
import torch
from torch import Tensor

from playground.decoding.processors import (
    MinNewTokens,
    MinP,
    NoRepeatNGram,
    Processor,
    RepetitionPenalty,
    Temperature,
    TopK,
    TopP,
)
from playground.decoding.rows import Row
from playground.decoding.selection import Choice, InfiniteLogitsError, InvalidLogitsError, NothingLeftError, Throws
from playground.decoding.trace import Step
from playground.decoding.walk import Walk

OWN_ERRORS = (InfiniteLogitsError, InvalidLogitsError, NothingLeftError)  # they end the text that they happen in
# What makes of each of several rows, to the last bit, what it makes of that row alone (tests hold it): operations that
# are exact, or go along a row. Others go row by row: an exponential may round otherwise at a block's end than within.
ROWWISE = (MinNewTokens, RepetitionPenalty, NoRepeatNGram, Temperature, TopK, TopP, MinP)
Key = TypeVar("Key")


def take(walks: Sequence[Walk], rows: Sequence[Row], logits: Tensor) -> list[Step | Exception]:
    """Of each walk its step, bit for bit that of `Walk.take`, or one of OWN_ERRORS. All stand at one index and have one
    prompt, and logits (n, V) are those of the rows."""
    found: list[Step | Exception | None] = [None] * len(walks)
    finite = np.isfinite(logits.numpy().max(axis=-1))
    shared = [i for i, walk in enumerate(walks) if walk.is_shared and rows[i].told is None and finite[i]]
    if len(shared) > 1:
        some = [walks[i] for i in shared]
        for i, choice in zip(shared, _choices(some, _picked(logits, shared)), strict=True):
            if choice is not None:
                found[i] = walks[i].took(rows[i], choice)
    return [_alone(walks[i], rows[i]) if step is None else step for i, step in enumerate(found)]


def _alone(walk: Walk, row: Row) -> Step | Exception:
    try:
        return walk.take(row)
    except OWN_ERRORS as error:
        return error


def _choices(walks: Sequence[Walk], logits: Tensor) -> list[Choice | None]:
    """None for a row that leaves nothing to choose from."""
    processed = _processed(walks, logits)
    found: list[Choice | None] = [None] * len(walks)
    sound = np.isfinite(processed.numpy().max(axis=-1))
    argmax = [i for i, walk in enumerate(walks) if walk.throws is None and sound[i]]
    if argmax:
        for i, token_id in zip(argmax, _picked(processed, argmax).numpy().argmax(axis=-1), strict=True):
            found[i] = Choice(int(token_id), "argmax")
    drawn = [i for i, walk in enumerate(walks) if walk.throws is not None and sound[i]]
    if drawn:
        probabilities = torch.softmax(_picked(processed, drawn), dim=-1)
        for throws, places in _groups([(walks[i].throws, j) for j, i in enumerate(drawn)]):
            noise = cast(Throws, throws).at(walks[0].index).numpy()
            for j, token_id in zip(
                places, (_picked(probabilities, places).numpy() / noise).argmax(axis=-1), strict=True
            ):
                found[drawn[j]] = Choice(int(token_id), "multinomial")
    return found


def _processed(walks: Sequence[Walk], logits: Tensor) -> Tensor:
    """(n, V): each row after the processors of its walk; those that walks begin with in common are applied once."""
    contexts = torch.cat([walk.context for walk in walks])
    found = np.empty_like(logits.numpy())
    waiting = [(list(range(len(walks))), 0, logits)]
    while waiting:
        places, depth, before = waiting.pop()
        ended = [j for j, i in enumerate(places) if len(walks[i].chain) == depth]
        if ended:
            found[[places[j] for j in ended]] = _picked(before, ended).numpy()
        going = [(walks[i].chain[depth], j) for j, i in enumerate(places) if len(walks[i].chain) > depth]
        for processor, inside in _groups(going):
            own = [places[j] for j in inside]
            after = _applied(processor, [walks[i] for i in own], _picked(contexts, own), _picked(before, inside))
            waiting.append((own, depth + 1, after))
    return torch.from_numpy(found)


def _applied(processor: Processor, walks: Sequence[Walk], contexts: Tensor, logits: Tensor) -> Tensor:
    if isinstance(processor, ROWWISE):
        return processor.at(walks[0].situation)(contexts, logits)
    pairs = enumerate(walk.situation for walk in walks)
    return torch.cat([processor.at(one)(contexts[i : i + 1], logits[i : i + 1]) for i, one in pairs])


def _groups(pairs: Sequence[tuple[Key, int]]) -> list[tuple[Key, list[int]]]:
    """The numbers that have equal keys, by key."""
    groups: list[tuple[Key, list[int]]] = []
    for key, number in pairs:
        for other, numbers in groups:
            if other is key or other == key:
                numbers.append(number)
                break
        else:
            groups.append((key, [number]))
    return groups


def _picked(rows: Tensor, places: Sequence[int]) -> Tensor:
    """These rows, given in order; without a copy where they lie one after the other."""
    first, count = places[0], len(places)
    if places[-1] - first + 1 == count:
        return rows if count == rows.shape[0] else rows[first : first + count]
    return torch.from_numpy(rows.numpy()[list(places)])  # an index into a tensor costs ten times as much
