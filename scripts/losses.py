"""Losses over a whole vocabulary, each worked out together with its gradient a few rows at a time.

So many rows of logits stay in the processor's cache, and no tensor of batch × vocabulary is written in float32: a fifth
of a training step's time, and most of a distillation's.
"""

from typing import Any

import torch
from torch import Tensor

ROWS = 32


class CrossEntropy(torch.autograd.Function):
    """Mean negative log-likelihood, as torch.nn.functional.cross_entropy."""

    @staticmethod
    def forward(ctx: Any, said: Tensor, targets: Tensor) -> Tensor:
        """Of logits (rows, vocabulary) and the ids that came (rows,), in nats."""
        gradient, total = torch.empty_like(said), torch.zeros((), device=said.device)
        for logits, ids, place in zip(said.split(ROWS), targets.split(ROWS), gradient.split(ROWS), strict=True):
            log_q, ids = logits.float().log_softmax(-1), ids[:, None]
            total -= log_q.gather(1, ids).sum()
            log_q.exp_().scatter_add_(1, ids, torch.full(ids.shape, -1.0, device=said.device))
            place.copy_(log_q.div_(len(said)))
        ctx.save_for_backward(gradient)
        return total / len(said)

    @staticmethod
    def backward(ctx: Any, share: Tensor) -> tuple[Tensor, None]:
        """softmax(said) minus one at what came, over the rows."""
        (gradient,) = ctx.saved_tensors
        return gradient * share.to(gradient.dtype), None


class Divergence(torch.autograd.Function):
    """Mean Kullback-Leibler divergence, as torch.nn.functional.kl_div with log_target."""

    @staticmethod
    def forward(ctx: Any, said: Tensor, wanted: Tensor) -> Tensor:
        """KL(softmax(wanted) ‖ softmax(said)) of logits (rows, vocabulary), in nats."""
        gradient, total = torch.empty_like(said), torch.zeros((), device=said.device)
        for q, p, place in zip(said.split(ROWS), wanted.split(ROWS), gradient.split(ROWS), strict=True):
            log_q, log_p = q.float().log_softmax(-1), p.float().log_softmax(-1)
            chances = log_p.exp()
            total += torch.sum(chances * log_p.sub_(log_q))
            place.copy_(log_q.exp_().sub_(chances).div_(len(said)))
        ctx.save_for_backward(gradient)
        return total / len(said)

    @staticmethod
    def backward(ctx: Any, share: Tensor) -> tuple[Tensor, None]:
        """softmax(said) - softmax(wanted), over the rows."""
        (gradient,) = ctx.saved_tensors
        return gradient * share.to(gradient.dtype), None
