"""Attention heads: where every head looks, how narrowly, how much at the first token, and how far back."""

import base64
from dataclasses import dataclass

import torch
from torch import Tensor

SUM_TOLERANCE = 1e-3  # of float32 softmaxes, over any text
SMALL_MAP = 64  # cells a side at most
ALL_MAPS_BYTES = 300_000


@dataclass(frozen=True)
class HeadMeasures:
    """Per layer and head, means over the queries.

    Attributes:
        entropies: of a query's shares (see `shares`), in nats; 0 is one key alone.
        sinks: the share on the very first token, the sink.
        distances: how many tokens back it looks, by its shares.
    """

    entropies: tuple[tuple[float, ...], ...]
    sinks: tuple[tuple[float, ...], ...]
    distances: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Ray:
    """A key that a query looks at, and how much."""

    key: int
    weight: float


def measures(weights: Tensor) -> HeadMeasures:
    """Of weights (layers, heads, n, n). The first query is left out: it can only look at itself."""
    rows = weights[:, :, 1:] if weights.shape[2] > 1 else weights
    parts = shares(rows)
    entropies = -torch.xlogy(parts, parts).sum(-1).mean(-1)
    sinks = rows[..., 0].mean(-1)
    first = weights.shape[2] - rows.shape[2]
    queries, keys = torch.arange(first, weights.shape[2])[:, None], torch.arange(weights.shape[3])[None]
    distances = (parts * (queries - keys).clamp(min=0)).sum(-1).mean(-1)
    return HeadMeasures(_table(entropies), _table(sinks), _table(distances))


def shares(rows: Tensor) -> Tensor:
    """Weights (…, keys) as parts of their sum. Most heads' sum to 1; some give a part of theirs to no token at all
    (the sinks of gpt-oss), and sum to less."""
    totals = rows.sum(-1, keepdim=True)
    return torch.where((totals - 1).abs() < SUM_TOLERANCE, rows, rows / totals.clamp(min=1e-12))


def _table(values: Tensor) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in values.tolist())


def narrowest(found: HeadMeasures) -> tuple[int, int]:
    """The layer and head of the smallest entropy: the one whose picture is easiest to read."""
    places = [(layer, head) for layer, row in enumerate(found.entropies) for head in range(len(row))]
    return min(places, key=lambda place: found.entropies[place[0]][place[1]])


def telling_query(head: Tensor) -> int:
    """The query of weights (n, n) that looks most at one key other than itself and the first: a picture with a line."""
    n = head.shape[0]
    others = head.masked_fill(torch.ones(n, n).triu().bool(), 0.0)
    if n > 2:
        others[:, 0] = 0.0
    return int(others.max(dim=-1).values.argmax()) if n > 1 else 0


def distance_profile(head: Tensor) -> tuple[float, ...]:
    """The mean weight (n, n) at each distance, 0 for a token itself: over the queries that have such a key."""
    n = head.shape[0]
    return tuple(float(head.diagonal(-distance).mean()) for distance in range(n))


def rays(head: Tensor, query: int, most: int = 8, least: float = 0.02) -> tuple[Ray, ...]:
    """The keys that a query looks at most, strongest first; at least the strongest."""
    row = head[query, : query + 1]
    top = torch.topk(row, min(most, len(row)))
    found = [Ray(int(key), float(weight)) for weight, key in zip(top.values, top.indices, strict=True)]
    return tuple(ray for i, ray in enumerate(found) if i == 0 or ray.weight >= least)


def pool_size(tokens: int, maps: int) -> int:
    """How many tokens a side share one cell of a small map, so that all maps together stay small."""
    side = min(SMALL_MAP, max(12, int((ALL_MAPS_BYTES / maps) ** 0.5)))
    return -(-tokens // side)


def small_maps(weights: Tensor, pool: int) -> Tensor:
    """(layers, heads, s, s): the largest weight in each square of pool × pool tokens."""
    return torch.nn.functional.max_pool2d(weights, pool, ceil_mode=True) if pool > 1 else weights


def encoded(weights: Tensor) -> str:
    """Weights from 0 to 1 as base64 bytes of their square roots: faint ones stay apart."""
    quantised = (weights.clamp(0, 1).sqrt() * 255).round().to(torch.uint8).contiguous()
    return base64.b64encode(quantised.numpy().tobytes()).decode("ascii")
