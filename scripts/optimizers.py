"""The optimizers of the training scripts: Muon on the matrices inside the layers, AdamW on everything else.

Muon (Jordan et al. 2024) makes the momentum of a matrix nearly orthogonal before it is added; `match_rms_adamw` (Liu et
al. 2025, arXiv:2502.16982) scales it so that AdamW's rates and weight decay serve. GPT-2 keeps the projections of
queries, keys and values in one matrix: each is a matrix of its own for the update.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import _muon


class Piece(NamedTuple):
    """A part of a weight that Muon updates: a leaf that shares the weight's memory, and how to take the same part of
    its gradient."""

    weight: nn.Parameter
    part: Tensor
    cut: Callable[[Tensor], Tensor]


def orthogonal(matrix: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float) -> Tensor:
    """What torch's Muon does to the momentum of a matrix (rows, columns): Newton and Schulz's iteration, in float32.

    torch does it in bfloat16: where a processor only emulates that, it takes ten times as long as all the rest."""
    a, b, c = coefficients
    found = matrix.T if matrix.size(0) > matrix.size(1) else matrix
    found = found / found.norm().clamp(min=eps)
    for _ in range(steps):
        gram = found @ found.T
        found = torch.addmm(found, torch.addmm(gram, gram, gram, beta=b, alpha=c), found, beta=a)
    return found.T if matrix.size(0) > matrix.size(1) else found


if not torch.cpu._is_avx512_bf16_supported():
    _muon._zeropower_via_newtonschulz = orthogonal


class Optimizers:
    """Both optimizers as one: `rate(share)`, `step()`, a state to keep and to load."""

    def __init__(self, model: nn.Module, muon: bool, rate: float, weight_decay: float) -> None:
        self.rate_highest = rate
        self.pieces = list(pieces(model)) if muon else []
        taken = {id(piece.weight) for piece in self.pieces}
        rest = [weight for weight in model.parameters() if weight.requires_grad and id(weight) not in taken]
        groups = [
            {"params": [weight for weight in rest if weight.dim() >= 2], "weight_decay": weight_decay},
            {"params": [weight for weight in rest if weight.dim() < 2], "weight_decay": 0.0},
        ]
        groups = [group for group in groups if group["params"]]
        self.all: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.95), fused=True)]
        if self.pieces:
            parts = [piece.part for piece in self.pieces]
            self.all.append(torch.optim.Muon(
                parts, lr=rate, weight_decay=weight_decay, momentum=0.95, adjust_lr_fn="match_rms_adamw"
            ))  # fmt: skip
        self.weights = [weight for weight in model.parameters() if weight.requires_grad]

    def rate(self, share: float) -> None:
        """Set the rate of learning to a share of the highest."""
        for optimizer in self.all:
            for group in optimizer.param_groups:
                group["lr"] = self.rate_highest * share

    def step(self) -> None:
        """One update from the gradients, which are forgotten."""
        for weight, part, cut in self.pieces:
            part.grad = None if weight.grad is None else cut(weight.grad)
        for optimizer in self.all:
            optimizer.step()
        for tensor in (*self.weights, *(piece.part for piece in self.pieces)):
            tensor.grad = None

    def state_dict(self) -> list[dict[str, Any]]:
        return [optimizer.state_dict() for optimizer in self.all]

    def load_state_dict(self, states: Sequence[dict[str, Any]]) -> None:
        for optimizer, state in zip(self.all, states, strict=True):
            optimizer.load_state_dict(state)


def pieces(model: nn.Module) -> list[Piece]:
    """The matrices of a GPT-2's layers, c_attn (in, 3 × out) as three; not its embeddings, head and vectors."""
    found = []
    for name, weight in model.named_parameters():
        if weight.dim() != 2 or ".h." not in name or not weight.requires_grad:
            continue
        thirds = 3 if "c_attn" in name else 1
        width = weight.shape[1] // thirds
        for start in range(0, weight.shape[1], width):

            def cut(tensor: Tensor, start: int = start, width: int = width) -> Tensor:
                return tensor[:, start : start + width]

            found.append(Piece(weight, cut(weight.detach()), cut))
    return found
