"""The losses worked out a few rows at a time equal torch's, value and gradient, whatever the number of rows."""

from collections.abc import Callable

import pytest
import torch
from losses import ROWS, CrossEntropy, Divergence
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div
from training_loop import own_loss

from tests.conftest import build_gpt2


def pair(rows: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(rows)
    said, wanted = (3 * torch.randn(rows, 17, generator=generator) for _ in range(2))
    return said.requires_grad_(), wanted


def with_gradient(loss: Callable[[Tensor], Tensor], said: Tensor) -> tuple[Tensor, Tensor]:
    value = loss(said)
    (gradient,) = torch.autograd.grad(2 * value, said)
    return value.detach(), gradient


@pytest.mark.parametrize("rows", [1, ROWS, 2 * ROWS + 1])
def test_cross_entropy_equals_torchs(rows: int) -> None:
    said, wanted = pair(rows)
    targets = wanted.argmax(-1)
    ours = with_gradient(lambda logits: CrossEntropy.apply(logits, targets), said)
    torch.testing.assert_close(ours, with_gradient(lambda logits: cross_entropy(logits, targets), said))


@pytest.mark.parametrize("rows", [1, ROWS, 2 * ROWS + 1])
def test_divergence_equals_torchs(rows: int) -> None:
    said, wanted = pair(rows)

    def theirs(logits: Tensor) -> Tensor:
        return kl_div(logits.log_softmax(-1), wanted.log_softmax(-1), reduction="batchmean", log_target=True)

    ours = with_gradient(lambda logits: Divergence.apply(logits, wanted), said)
    torch.testing.assert_close(ours, with_gradient(theirs, said))


def test_a_models_own_loss_is_transformers() -> None:
    model = build_gpt2(11, 16, 0.5)
    ids = torch.randint(11, (3, 16), generator=torch.Generator().manual_seed(0))
    ours, theirs = own_loss(model)(ids), model(input_ids=ids, labels=ids).loss
    torch.testing.assert_close(ours, theirs)
    weights = list(model.parameters())
    torch.testing.assert_close(torch.autograd.grad(ours, weights), torch.autograd.grad(theirs, weights))
