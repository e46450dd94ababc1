"""The race: the dice of a step laid open. Every token runs its probability divided by an exponential random number;
the largest quotient is the token that is drawn."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from playground.decoding.distribution import Floats
from playground.decoding.selection import dice
from playground.decoding.trace import Step
from playground.vocabulary import Vocabulary


@dataclass(frozen=True)
class Racer:
    """One token of the race.

    Attributes:
        probability: after all processors.
        noise: its exponential random number; small is lucky, 1 is the mean.
        quotient: probability / noise, in float32, as torch divides.
    """

    token_id: int
    label: str
    probability: float
    noise: float
    quotient: float


@dataclass(frozen=True)
class Race:
    """A race run by all tokens that may be drawn.

    Attributes:
        racers: those that came first, and the most probable ones whatever their place; by quotient, the winner first.
        places: of the racers, 1 for the winner.
        shares: the most probable tokens as (label, probability, id), largest first: each one's chance to win.
        runners: how many tokens run.
        seed, index: of the dice.
        taken_id: the token that the run took at this step.
        by: what took it: "multinomial", "argmax" or "hand".
    """

    racers: tuple[Racer, ...]
    places: tuple[int, ...]
    shares: tuple[tuple[str, float, int], ...]
    runners: int
    seed: int
    index: int
    taken_id: int
    taken_label: str
    by: str

    @property
    def winner(self) -> Racer:
        return self.racers[0]


def noise(seed: int, index: int, vocab_size: int) -> Floats:
    """The exponential random numbers (V,) that `torch.multinomial` draws at step `index` of a run with this seed."""
    generator = dice(seed, index, vocab_size)
    return _throw(generator, vocab_size)


def throws(seed: int, first: int, vocab_size: int) -> Iterator[Floats]:
    """The noise of step `first` and of every one after it."""
    generator = dice(seed, first, vocab_size)
    while True:
        yield _throw(generator, vocab_size)


def _throw(generator: torch.Generator, vocab_size: int) -> Floats:
    numbers: Floats = torch.empty(1, vocab_size).exponential_(1, generator=generator)[0].numpy()
    return numbers


def quotients(logits: Tensor, exponentials: Floats) -> Floats:
    """probability / exponential (V,) of processed logits (V,): bit for bit what `torch.multinomial` compares."""
    chances: Floats = torch.softmax(logits, dim=-1).numpy()
    return chances / exponentials


def drawn(logits: Tensor, exponentials: Floats) -> int:
    """The id that the draw takes from processed logits (V,) with this noise."""
    return int(quotients(logits, exponentials).argmax())


def race(
    step: Step, logits: Tensor, vocabulary: Vocabulary, first: int = 7, favourites: int = 3, shares: int = 12
) -> Race:
    """The race of `step` over processed `logits` (V,)."""
    vocab_size = logits.shape[-1]
    exponentials = noise(step.selection.seed, step.index, vocab_size)
    chances: Floats = torch.softmax(logits, dim=-1).numpy()
    results: Floats = chances / exponentials
    by_chance = _largest(chances, max(shares, favourites))
    in_it = {*_largest(results, first), *by_chance[:favourites]}
    if chances[step.choice.token_id] > 0:
        in_it.add(step.choice.token_id)
    ids = sorted(in_it, key=lambda i: (-results[i], i))
    return Race(
        racers=tuple(
            Racer(i, vocabulary.label(i), float(chances[i]), float(exponentials[i]), float(results[i])) for i in ids
        ),
        places=tuple(int((results > results[i]).sum()) + 1 for i in ids),
        shares=tuple((vocabulary.label(i), float(chances[i]), i) for i in by_chance[:shares]),
        runners=int(np.count_nonzero(chances)),
        seed=step.selection.seed,
        index=step.index,
        taken_id=step.choice.token_id,
        taken_label=vocabulary.label(step.choice.token_id),
        by=step.choice.by,
    )


def _largest(values: Floats, n: int) -> list[int]:
    """The ids of the n largest values above 0, largest first, of equals the lowest id first."""
    n = min(n, int(np.count_nonzero(values)))
    if not n:
        return []
    border = np.partition(values, values.size - n)[values.size - n]
    ids = np.flatnonzero(values >= border)
    return [int(i) for i in ids[np.argsort(-values[ids], kind="stable")][:n]]
