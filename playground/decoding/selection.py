"""Selection: how one token is taken from the processed logits, and the private dice with which it is drawn."""

import math
import threading
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

    def among(self, logits: Tensor, noise: Tensor) -> Choice:
        """The same, with the exponential numbers (V,) of the step at hand."""
        _require_something(logits)
        probabilities = torch.softmax(logits, dim=-1)
        if not math.isfinite(float(probabilities.numpy().max())):
            raise RuntimeError("probabilities that are not numbers")  # as torch.multinomial does
        return Choice(int((probabilities.numpy() / noise.numpy()).argmax()), "multinomial")


def _require_something(logits: Tensor) -> None:
    if float(logits.numpy().max()) == -math.inf:
        raise NothingLeftError("every token of the vocabulary was removed")


class Throws:
    """The dice of one seed, each race thrown once, whoever asks: an exponential number for every entry of a vocabulary
    costs more than all else of a choice, and lanes with the same dice need the same ones. Steps are asked for in order.
    """

    def __init__(self, seed: int, vocab_size: int) -> None:
        self._seed = seed
        self._size = vocab_size
        self._generator: Generator | None = None
        self._next = 0
        self._noise: Tensor | None = None  # of the step before the next
        self._lock = threading.Lock()

    def at(self, step: int) -> Tensor:
        """(V,) float32: the race of that step. Raises ValueError for one before the last that was asked for."""
        with self._lock:
            if step + 1 == self._next and self._noise is not None:
                return self._noise
            if step < self._next:
                raise ValueError(f"step {step} has been thrown: {self._next} is next")
            if self._generator is None:
                self._generator, self._next = dice(self._seed, step, self._size), step
            while self._next < step:
                skip_race(self._generator, self._size)
                self._next += 1
            self._noise = torch.empty(self._size).exponential_(1, generator=self._generator)
            self._next = step + 1
            return self._noise


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
