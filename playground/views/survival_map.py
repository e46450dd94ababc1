"""The survival map: how many tokens a step keeps, and how open the choice stays, over temperature and one cut-off."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from playground.decoding.distribution import Floats

CUTS = ("top_p", "min_p", "top_k")

_Array = np.ndarray[tuple[int], np.dtype[np.float64]]


@dataclass(frozen=True)
class SurvivalMap:
    """Two tables, rows by the values of the cut-off, columns by temperature.

    Attributes:
        cut: name of the cut-off.
        tokens: how many survive.
        entropies: of the survivors, in nats.
        mode_probability: of the most probable token of the step, and `entropy` in nats: how sure the model was.
    """

    cut: str
    temperatures: tuple[float, ...]
    values: tuple[float, ...]
    tokens: tuple[tuple[int, ...], ...]
    entropies: tuple[tuple[float, ...], ...]
    mode_probability: float
    entropy: float


def survival_map(
    logits: Tensor, cut: str, temperatures: Sequence[float], values: Sequence[float], temperature_first: bool = True
) -> SurvivalMap:
    """The map of one row of logits (V,), penalties applied; other cut-offs are left out.

    The row is sorted once: dividing by a temperature keeps the order. The counts are those of the processors
    themselves, which see the same float32 numbers. With `temperature_first` False (llama.cpp's order) the cut comes
    before the temperature, so how many survive does not depend on it.
    """
    ascending = np.sort(logits.numpy())
    ascending = ascending[int(np.count_nonzero(ascending == -np.inf)) :]  # what is gone already is not sorted again
    descending = ascending[::-1].astype(np.float64)
    below = descending - descending[0]
    plain = None if temperature_first else _kept(ascending, cut, values)
    columns_of_tokens, columns_of_entropy = [], []
    for temperature in temperatures:
        warm: Floats = np.divide(ascending, np.float32(temperature), dtype=np.float32)
        kept = _kept(warm, cut, values) if plain is None else plain
        columns_of_tokens.append(kept)
        columns_of_entropy.append(_entropies(below / temperature, kept))
    weights = np.exp(below)
    total = float(weights.sum())
    return SurvivalMap(
        cut=cut,
        temperatures=tuple(temperatures),
        values=tuple(values),
        tokens=tuple(tuple(row) for row in np.array(columns_of_tokens).T.tolist()),
        entropies=tuple(tuple(row) for row in np.array(columns_of_entropy).T.tolist()),
        mode_probability=1 / total,
        entropy=float(np.log(total) - np.dot(weights, below) / total),
    )


def _kept(ascending: Floats, cut: str, values: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """How many tokens of an ascending row of logits each value of the cut-off keeps; at least 1."""
    size = ascending.size
    if cut == "top_k":
        ks = [min(int(k), size) or size for k in values]
        removed = np.searchsorted(ascending, [ascending[size - k] for k in ks], side="left")  # ties stay
    elif cut == "top_p":
        tails = torch.from_numpy(ascending).softmax(dim=-1).cumsum(dim=-1).numpy()
        removed = np.searchsorted(tails, np.array([1 - p for p in values], np.float32), side="right")
        removed[np.array([p == 1 for p in values])] = 0
    else:
        chances = torch.from_numpy(ascending).softmax(dim=-1).numpy()
        removed = np.searchsorted(chances, np.array([m * chances[-1] for m in values], np.float32), side="left")
    return np.maximum(size - removed, 1)


def _entropies(below: _Array, kept: np.ndarray[tuple[int], np.dtype[np.int64]]) -> _Array:
    """The entropy in nats of the first `kept` tokens, given their descending logits less the largest."""
    weights = np.exp(below[: int(kept.max())])
    masses, moments = np.cumsum(weights), np.cumsum(weights * below[: weights.size])
    last = kept - 1
    entropies: _Array = np.maximum(0.0, np.log(masses[last]) - moments[last] / masses[last])
    return entropies
