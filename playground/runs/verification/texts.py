"""Verification of a text's lane: what the model says of its tokens, against one pass of transformers'."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from playground.decoding.lanes import Lane
from playground.engines.huggingface.backend import Backend
from playground.runs.verification.generate import Cancelled
from playground.runs.verification.lanes import BATCH_TOLERANCE


@dataclass(frozen=True)
class TextVerification:
    """What the comparison found.

    Attributes:
        tokens: of the text.
        equal: how many have the log-probability of the pass, within `bound`.
        largest_difference: the largest |Δ| of the tokens' log-probabilities, in nats.
        bound: what may lie between reading in pieces with a cache and in one pass without one.
    """

    tokens: int
    equal: int
    largest_difference: float
    bound: float = BATCH_TOLERANCE

    @property
    def passed(self) -> bool:
        return self.equal == self.tokens


def verify_text(lane: Lane, backend: Backend, is_wanted: Callable[[], bool] = lambda: True) -> TextVerification:
    """Compare a text's lane with one pass without a cache. Raises Cancelled once `is_wanted()` says no."""
    start = len(lane.request.prompt_ids)
    ids = lane.request.prompt_ids + lane.token_ids
    rows = backend.model.logits(ids)[start - 1 : -1]
    differences, bound = [], BATCH_TOLERANCE + backend.model.slack
    for row, token_id, ours in zip(rows, lane.token_ids, lane.logprobs, strict=True):
        if not is_wanted():
            raise Cancelled
        differences.append(abs(float(torch.log_softmax(row.double(), -1)[token_id]) - ours))
    equal = sum(difference <= bound for difference in differences)
    return TextVerification(len(differences), equal, max(differences), bound)
