"""Selection: how one token is taken from the processed logits, and the private dice with which it is drawn."""

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Generator, Tensor


class NothingLeftError(ValueError):
    """Every token has been removed: there is no distribution to choose from.

    Attributes:
        by: names of the processors that removed tokens, where it is known.
    """

    def __init__(self, words: str, by: tuple[str, ...] = ()) -> None:
        super().__init__(words)
        self.by = by


class InvalidLogitsError(ValueError):
    """The model returned NaN (or nothing finite): its numbers can't be turned into probabilities."""


class InfiniteLogitsError(ValueError):
    """The model gives a token an infinite logit, and a processor in force takes differences of logits."""


@dataclass(frozen=True)
class Choice:
    """The token taken at a step, and by what: the selection's rule, or a person's hand."""

    token_id: int
    by: Literal["argmax", "multinomial", "hand"]


class Selection(Protocol):
    """Takes one token from processed logits (V,)."""

    @property
    def seed(self) -> int:
        """Of the dice of the run, thrown or not."""
        ...

    def __call__(self, logits: Tensor, generator: Generator) -> Choice: ...


@dataclass(frozen=True)
class Argmax:
    """Take the most probable token; of equals the one with the lowest id."""

    seed: int = 0

    def __call__(self, logits: Tensor, generator: Generator) -> Choice:
        _require_something(logits)
        return Choice(int(logits.numpy().argmax()), "argmax")


@dataclass(frozen=True)
class Multinomial:
    """Draw from softmax(logits), with the tokens that `torch.manual_seed(seed)` gives transformers' `generate`.

    `torch.multinomial(p, 1)` is the exponential race argmax(p / Exp(1)): each step consumes one exponential for
    every entry of the vocabulary, so the dice of step i depend on the seed, i and V alone (see `dice`).
    """

    seed: int

    def __call__(self, logits: Tensor, generator: Generator) -> Choice:
        _require_something(logits)
        probabilities = torch.softmax(logits, dim=-1)
        return Choice(int(torch.multinomial(probabilities, 1, generator=generator)), "multinomial")


def _require_something(logits: Tensor) -> None:
    if float(logits.numpy().max()) == -math.inf:
        raise NothingLeftError("every token of the vocabulary was removed")


def dice(seed: int, step: int, vocab_size: int) -> Generator:
    """The private generator of a run as it stands before `step`: seeded, with the races of earlier steps consumed.

    So a run that was rewound, paused or steered throws at step i what the straight run throws at step i.
    """
    generator = Generator().manual_seed(seed)
    for _ in range(step):
        skip_race(generator, vocab_size)
    return generator


def skip_race(generator: Generator, vocab_size: int) -> None:
    """Consume the randomness of one step without drawing."""
    torch.empty(1, vocab_size).exponential_(1, generator=generator)
