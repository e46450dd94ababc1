"""Verification of two models in lockstep: each number of the page, from transformers' own forward pass once more."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from playground.engines.huggingface import lora
from playground.engines.huggingface.backend import Backend
from playground.engines.huggingface.pair import Pair
from playground.engines.huggingface.twin import twin
from playground.runs.verification.generate import Cancelled
from playground.views.lockstep import Lockstep, Place

TOLERANCE = 1e-3  # nats: what W x + B A x and (W + B A) x may differ by, as last bits add up along a text
_CLOSE = 1e-4  # nats: of two tokens nearer than that either may be in front


@dataclass(frozen=True)
class LockstepVerification:
    """What the comparison found.

    Attributes:
        places: of the text.
        equal: of how many every number is that of the direct computation, within `bound`.
        largest_difference: in nats, of log-probabilities, KL, JS and the log-likelihood ratios up to a place.
        is_merged: whether an adapter's changes were added to the weights for it.
    """

    places: int
    equal: int
    largest_difference: float
    is_merged: bool
    bound: float = TOLERANCE

    @property
    def passed(self) -> bool:
        return self.equal == self.places


def verify_lockstep(
    view: Lockstep, pair: Pair, ids: tuple[Sequence[int], Sequence[int]], is_wanted: Callable[[], bool] = lambda: True
) -> LockstepVerification:
    """Each model once over its ids by the forward pass of its module, without any code of ours around it: an adapter
    is merged into its base's weights; then torch's own KL. The pieces of two that have other tokens are found by what
    each tokenizer decodes. Raises Cancelled once `is_wanted()` says no."""
    logs = []
    for side, own in zip((pair.first, pair.second), ids, strict=True):
        if not is_wanted():
            raise Cancelled
        logs.append(_direct(side, own))
    spans = _one_by_one(len(ids[0])) if view.is_one else _pieces((pair.first, pair.second), ids)
    if len(spans) != len(view.places):
        return LockstepVerification(len(view.places), 0, float("inf"), pair.adapter is not None)
    differences, equal, total = [], 0, 0.0
    for place, span in zip(view.places, spans, strict=True):
        said = [_logprob(log, one, at) for log, one, at in zip(logs, ids, span, strict=True)]
        total += said[1] - said[0]
        found = [
            *(abs(x - math.log(p)) for x, p in zip(said, place.probabilities, strict=True) if p),
            abs(said[1] - said[0] - place.ratio), abs(total - place.total),
        ]  # fmt: skip
        if view.is_one:
            p, q = (log[span[0][0] - 1] for log in logs)
            found += _of_distributions(p, q, place)
        fits = all(
            _ranks_fit(log, one, at, rank) for log, one, at, rank in zip(logs, ids, span, place.ranks, strict=True)
        )
        differences.append(max(found))
        equal += fits and max(found) <= TOLERANCE
    return LockstepVerification(len(view.places), equal, max(differences), _is_merged(pair))


def _is_merged(pair: Pair) -> bool:
    return any(side.adapter is not None for side in (pair.first, pair.second))


@torch.inference_mode()
def _direct(side: Backend, ids: Sequence[int]) -> Tensor:
    """(n, V) float64 log-probabilities."""
    module: Any = side.model.module
    if side.adapter is not None and side.base is not None:
        module = lora.merged(side.base.model.module, side.adapter, _scale_of(side))
    else:
        module = twin(module)
    read = torch.tensor([list(ids)], device=side.model.device)
    logits: Tensor = module(input_ids=read, use_cache=False, **side.model.places(0, len(ids))).logits[0]
    return torch.log_softmax(logits.double().cpu(), -1)


def _scale_of(side: Backend) -> float:
    """How strongly the adapter is on in the model at work."""
    if side.adapter is None:
        return 0.0
    delta = side.adapter.deltas[0]
    return float(side.model.module.get_submodule(delta.name).lora_scaling / delta.scaling(1.0))


def _one_by_one(count: int) -> list[tuple[list[int], list[int]]]:
    return [([i], [i]) for i in range(1, count)]


def _pieces(sides: tuple[Backend, Backend], ids: tuple[Sequence[int], Sequence[int]]) -> list[tuple[list[int], ...]]:
    """The places of each side's tokens in the shortest pieces that both end together, by decoding ever more of them."""
    read = [_read_so_far(side, own) for side, own in zip(sides, ids, strict=True)]
    common = [so_far for so_far in dict.fromkeys(read[0]) if so_far in read[1] and "\ufffd" not in so_far]
    common = [so_far for so_far in common if len(so_far) >= max(len(one[0]) for one in read)]
    found = []
    for begin, end in pairwise(common):
        spans = []
        for one in read:
            first = max(i for i, so_far in enumerate(one) if so_far == begin) + 1
            spans.append(list(range(first, one.index(end) + 1)))
        found.append(tuple(spans))
    return found


def _read_so_far(side: Backend, ids: Sequence[int]) -> list[str]:
    decode: Any = side.tokenizer.tokenizer.decode
    said = [
        decode(list(ids[: i + 1]), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        for i in range(len(ids))
    ]  # fmt: skip
    return [text.removeprefix(" ") for text in said]


def _logprob(log: Tensor, ids: Sequence[int], at: Sequence[int]) -> float:
    return float(sum(log[i - 1, ids[i]] for i in at))


def _of_distributions(p: Tensor, q: Tensor, place: Place) -> list[float]:
    if place.kl is None or place.js is None:
        return [float("inf")]
    middle = ((p.exp() + q.exp()) / 2).log()
    kl = float(F.kl_div(p, q, log_target=True, reduction="sum"))
    js = float(sum(F.kl_div(middle, one, log_target=True, reduction="sum") for one in (p, q)) / 2)
    return [abs(kl - place.kl), abs(js - place.js)]


def _ranks_fit(log: Tensor, ids: Sequence[int], at: Sequence[int], rank: int | None) -> bool:
    """Whether so many tokens stand before it, but for those as probable as it within rounding; no rank of several."""
    if rank is None:
        return len(at) > 1
    row, own = log[at[0] - 1], log[at[0] - 1, ids[at[0]]]
    surely, perhaps = int((row > own + _CLOSE).sum()), int((row > own - _CLOSE).sum())
    return surely < rank <= perhaps and len(at) == 1
