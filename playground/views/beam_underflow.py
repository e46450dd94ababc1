"""Why logs: the product of the probabilities along a sequence, really multiplied in small number formats."""

import math
from dataclasses import dataclass

import numpy as np

FORMATS: dict[str, type[np.floating]] = {"float16": np.float16, "float32": np.float32}
_SMALLEST = {name: math.log(float(np.finfo(f).smallest_subnormal)) for name, f in FORMATS.items()}


@dataclass(frozen=True)
class Product:
    """One number format.

    Attributes:
        values: the product after every token, as that format holds it.
        zero_at: the token (from 1) with which it is 0, or None.
        expected_at: where it would be 0 if the text went on as it did on average; None if it is 0 already, or if
            every probability was 1.
    """

    name: str
    values: tuple[float, ...]
    zero_at: int | None
    expected_at: int | None


@dataclass(frozen=True)
class Underflow:
    """The products of one sequence beside the sums of its log-probabilities (nats), which any format holds."""

    sums: tuple[float, ...]
    products: tuple[Product, ...]


def underflow(logprobs: tuple[float, ...]) -> Underflow:
    """Multiply the probabilities of a sequence, token by token."""
    return Underflow(
        tuple(float(s) for s in np.cumsum(np.array(logprobs))),
        tuple(_product(name, logprobs) for name in FORMATS),
    )


def _product(name: str, logprobs: tuple[float, ...]) -> Product:
    number = FORMATS[name]
    product, values = number(1), []
    for logprob in logprobs:
        product = number(product * number(math.exp(logprob)))
        values.append(float(product))
    zero_at = next((i for i, value in enumerate(values, 1) if value == 0), None)
    mean = sum(logprobs) / len(logprobs) if logprobs else 0.0
    # half the smallest number is rounded to 0
    expected = math.ceil((_SMALLEST[name] - math.log(2)) / mean) if zero_at is None and mean < 0 else None
    return Product(name, tuple(values), zero_at, expected)
