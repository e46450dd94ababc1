"""The logit lens: what each layer would say if the model ended there, for every position."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from playground.decoding.distribution import Distribution
from playground.views.padding_lab import divergence
from playground.vocabulary import Vocabulary


@dataclass(frozen=True)
class Guess:
    """A token and its probability."""

    token_id: int
    label: str
    probability: float


@dataclass(frozen=True)
class LensCell:
    """One layer at one position.

    Attributes:
        top: its most probable token.
        final_probability, final_rank: of the last layer's most probable token, here; 1 is first.
        divergence: KL(last layer ‖ here), in nats.
    """

    top: Guess
    final_probability: float
    final_rank: int
    divergence: float


@dataclass(frozen=True)
class LogitLens:
    """cells[layer][position]; layer 0 is the embedding, the last one the model itself.

    Attributes:
        start: the first position that is shown.
        tokens: labels of the text's tokens from there on.
        settled: per position the first layer from which on the final choice stays first.
    """

    cells: tuple[tuple[LensCell, ...], ...]
    start: int
    tokens: tuple[str, ...]
    settled: tuple[int, ...]


def logit_lens(layers: Sequence[Tensor], token_ids: Sequence[int], vocabulary: Vocabulary, start: int = 0) -> LogitLens:
    """Of the logits (n, V) that each layer leads to at n positions, the first of which is position `start`."""
    final = torch.log_softmax(layers[-1].double(), dim=-1)
    choice = final.argmax(-1)
    rows = tuple(_row(layer, final, choice, vocabulary) for layer in layers)
    settled = []
    for position in range(len(choice)):
        layer = len(rows) - 1
        while layer > 0 and rows[layer - 1][position].final_rank == 1:
            layer -= 1
        settled.append(layer)
    return LogitLens(rows, start, tuple(vocabulary.labels(token_ids)), tuple(settled))


def _row(logits: Tensor, final: Tensor, choice: Tensor, vocabulary: Vocabulary) -> tuple[LensCell, ...]:
    own = torch.log_softmax(logits.double(), dim=-1)
    at_choice = own.gather(1, choice[:, None])
    ahead = (own > at_choice).sum(-1)
    earlier = torch.arange(own.shape[1])[None] < choice[:, None]
    ties = ((own == at_choice) & earlier).sum(-1)  # of equals the lowest id comes first, as for argmax
    tops = own.argmax(-1)
    return tuple(
        LensCell(
            top=Guess(int(tops[i]), vocabulary.label(int(tops[i])), math.exp(own[i, tops[i]])),
            final_probability=math.exp(at_choice[i, 0]),
            final_rank=1 + int(ahead[i] + ties[i]),
            divergence=divergence(final[i], own[i]),
        )
        for i in range(len(own))
    )


def guesses(logits: Tensor, vocabulary: Vocabulary, n: int = 8) -> tuple[Guess, ...]:
    """The most probable tokens of logits (V,)."""
    probabilities = torch.softmax(logits.double(), dim=-1)
    ids = Distribution.of(logits).most_probable(n)
    return tuple(Guess(i, vocabulary.label(i), float(probabilities[i])) for i in ids)
