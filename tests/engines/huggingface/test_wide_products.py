"""A wide product in pieces is the product, for the shapes that beams have; and a model's numbers stay what they are."""

from collections.abc import Iterator

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from playground.engines.huggingface import wide_products
from playground.engines.huggingface.backend import HuggingFaceModel
from playground.engines.huggingface.wide_products import InPieces, in_pieces, is_wide

linear = torch.nn.functional.linear


@pytest.fixture(scope="module")
def weight() -> torch.Tensor:
    return torch.randn(50257, 192, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many rows each product had that was taken in pieces."""
    taken: list[int] = []

    def counted(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        taken.append(x.numel() // x.shape[-1])
        return in_pieces(x, weight)

    monkeypatch.setattr(wide_products, "in_pieces", counted)
    yield taken


@pytest.mark.parametrize("rows", wide_products.ROWS)
def test_the_pieces_are_the_whole(weight: torch.Tensor, rows: int) -> None:
    x = torch.randn(rows, 1, 192, generator=torch.Generator().manual_seed(rows))
    assert is_wide(x, weight)
    assert torch.allclose(in_pieces(x, weight), linear(x, weight), rtol=0, atol=1e-4)
    with InPieces():
        first, second = linear(x, weight), linear(x, weight)
    assert torch.equal(first, linear(x, weight))
    assert torch.equal(second, first)


def test_what_is_small_or_has_a_bias_or_other_rows_is_left_alone(weight: torch.Tensor, pieces: list[int]) -> None:
    with InPieces():
        for rows in (1, 3, 16):
            linear(torch.ones(rows, 192), weight)
        linear(torch.ones(8, 192), weight[:1000])
        linear(torch.ones(8, 192), weight, torch.ones(50257))
        linear(torch.ones(8, 192, dtype=torch.float64), weight.double())
        linear(torch.ones(8, 192), weight.T.contiguous().T)
    assert pieces == []


def test_a_shape_whose_pieces_differ_is_left_whole(weight: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wide_products, "in_pieces", lambda x, weight: linear(x, weight) + 1e-6)
    x = torch.ones(8, 192)
    with InPieces():
        for _ in range(3):
            assert torch.equal(linear(x, weight), torch.mm(x, weight.T))


def test_a_model_of_a_wide_vocabulary_gives_the_numbers_of_its_module(pieces: list[int]) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = GPT2Config(vocab_size=50257, n_positions=32, n_layer=1, n_head=2, n_embd=192, initializer_range=0.2)
        module = GPT2LMHeadModel(config)
    model = HuggingFaceModel(module, "wide", exact=True)
    state, ids = model.prefill([5, 6, 7]), torch.tensor([[5, 6, 7]] * 8)
    for step in range(3):
        token_ids = [100 * step + row for row in range(8)]
        state = state.advance(range(8) if step else [0] * 8, token_ids)
        ids = torch.cat([ids, torch.tensor(token_ids)[:, None]], dim=1)
    assert pieces == [8, 8, 8]  # the first was computed both ways
    with torch.inference_mode():
        whole = module(ids, logits_to_keep=1).logits[:, -1]
    assert torch.allclose(state.logits, whole, rtol=0, atol=1e-4)  # one pass against four
