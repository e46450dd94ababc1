"""Muon gets the layers' matrices, queries, keys and values one by one; the rest is AdamW's; a state goes on."""

import pytest
import torch
from optimizers import Optimizers, orthogonal, pieces
from transformers import GPT2Config, GPT2LMHeadModel


@pytest.fixture
def model() -> GPT2LMHeadModel:
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=11, n_positions=8, n_layer=2, n_embd=8, n_head=2, bos_token_id=0, eos_token_id=0)
    return GPT2LMHeadModel(config)


def learn(model: GPT2LMHeadModel, optimizers: Optimizers) -> None:
    ids = torch.arange(8)[None]
    model.eval()
    model(input_ids=ids, labels=ids).loss.backward()
    optimizers.step()


def test_muon_has_every_matrix_of_the_layers_once_and_nothing_else(model: GPT2LMHeadModel) -> None:
    found = pieces(model)
    assert [tuple(piece.part.shape) for piece in found] == 2 * [(8, 8), (8, 8), (8, 8), (8, 8), (8, 32), (32, 8)]
    inside = {name for name, weight in model.named_parameters() if weight.dim() == 2 and ".h." in name}
    assert {name for name, weight in model.named_parameters() if any(weight is p.weight for p in found)} == inside
    assert sum(p.part.numel() for p in found) == sum(dict(model.named_parameters())[name].numel() for name in inside)


def test_a_step_makes_the_change_of_each_projection_nearly_orthogonal(model: GPT2LMHeadModel) -> None:
    before = model.transformer.h[0].attn.c_attn.weight.detach().clone()
    optimizers = Optimizers(model, muon=True, rate=0.01, weight_decay=0.0)
    learn(model, optimizers)
    changes = (model.transformer.h[0].attn.c_attn.weight.detach() - before).split(8, dim=1)
    for change in changes:
        values = torch.linalg.svdvals(change) / (
            0.01 * 0.2 * 8**0.5
        )  # what match_rms_adamw scales an orthogonal 8 x 8 to
        assert values[:4].min() > 0.6
        assert values.max() < 1.3
    assert all(weight.grad is None for weight in model.parameters())


def test_with_adamw_alone_every_entry_moves_by_the_rate(model: GPT2LMHeadModel) -> None:
    before = model.transformer.h[0].attn.c_attn.weight.detach().clone()
    optimizers = Optimizers(model, muon=False, rate=0.01, weight_decay=0.0)
    assert len(optimizers.all) == 1
    learn(model, optimizers)
    change = (model.transformer.h[0].attn.c_attn.weight.detach() - before).abs()
    assert change.median() == pytest.approx(0.01, rel=1e-2)


def test_the_rate_is_a_share_of_the_highest_for_both(model: GPT2LMHeadModel) -> None:
    optimizers = Optimizers(model, muon=True, rate=0.5, weight_decay=0.1)
    optimizers.rate(0.25)
    assert {group["lr"] for one in optimizers.all for group in one.param_groups} == {0.125}
    decays = [group["weight_decay"] for one in optimizers.all for group in one.param_groups]
    assert decays == [0.1, 0.0, 0.1]  # embeddings, vectors, the layers' matrices


def test_a_state_that_was_kept_goes_on(model: GPT2LMHeadModel) -> None:
    optimizers = Optimizers(model, muon=True, rate=0.01, weight_decay=0.1)
    learn(model, optimizers)
    weights = {name: weight.clone() for name, weight in model.state_dict().items()}
    state = torch.utils._pytree.tree_map(lambda x: x.clone() if torch.is_tensor(x) else x, optimizers.state_dict())
    learn(model, optimizers)
    expected = {name: weight.clone() for name, weight in model.state_dict().items()}
    model.load_state_dict(weights)
    again = Optimizers(model, muon=True, rate=0.01, weight_decay=0.1)
    again.load_state_dict(state)
    learn(model, again)
    assert all(torch.equal(weight, expected[name]) for name, weight in model.state_dict().items())


@pytest.mark.parametrize("shape", [(24, 40), (40, 24)])
def test_a_momentum_keeps_its_directions_and_loses_their_sizes(shape: tuple[int, int]) -> None:
    momentum = torch.randn(*shape, generator=torch.Generator().manual_seed(3))
    left, sizes, right = torch.linalg.svd(momentum, full_matrices=False)
    assert float(sizes.max() / sizes.min()) > 5
    found = left.T @ orthogonal(momentum, (3.4445, -4.775, 2.0315), 5, 1e-7) @ right.T
    assert float((found - found.diag().diag()).abs().max()) < 1e-4
    assert float(found.diag().min()) > 0.5 and float(found.diag().max()) < 1.5
