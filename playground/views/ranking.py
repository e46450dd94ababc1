"""The most probable tokens of a row of logits, in the order in which a person counts them."""

from torch import Tensor

from playground.decoding.distribution import Distribution


def most_probable(logits: Tensor, n: int) -> list[int]:
    """The ids of the n largest finite logits (V,), largest first, of equals the lowest id first."""
    return Distribution.of(logits).most_probable(n)
