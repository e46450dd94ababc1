"""The most probable tokens of a row of logits, in the order in which a person counts them."""

import torch
from torch import Tensor


def most_probable(logits: Tensor, n: int) -> list[int]:
    """The ids of the n largest finite logits (V,), largest first, of equals the lowest id first.

    The same order as a stable descending sort, at the price of a top-k.
    """
    n = min(n, int((~logits.isneginf()).sum()))
    if n == 0:
        return []
    smallest = torch.topk(logits, n).values[-1]
    ids = (logits >= smallest).nonzero()[:, 0]  # ascending ids, ties at the border included
    order = torch.sort(logits[ids], descending=True, stable=True).indices
    return [int(i) for i in ids[order][:n]]
