"""The cache with room to grow holds what transformers' own holds, whatever is done to it."""

import random

import pytest
import torch
from torch import Tensor
from transformers import DynamicCache, GPT2Config, MistralConfig

from playground.engines.huggingface.kv_cache import GrowingLayer, fan_out, new_cache

CONFIG = GPT2Config(n_layer=2, n_head=2, n_embd=8)


def both_caches() -> tuple[DynamicCache, DynamicCache]:
    return new_cache(CONFIG), DynamicCache(config=CONFIG)


def feed(caches: tuple[DynamicCache, DynamicCache], rows: int, length: int, seed: int) -> None:
    """The same random keys and values into both; what `update` returns must be equal."""
    states = torch.randn(2, 2, rows, 2, length, 4, generator=torch.Generator().manual_seed(seed))
    for layer in range(2):
        ours, theirs = (cache.update(*states[layer], layer_idx=layer) for cache in caches)
        assert equal(ours, theirs)


def equal(ours: tuple[Tensor, Tensor], theirs: tuple[Tensor, Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


def same(caches: tuple[DynamicCache, DynamicCache]) -> bool:
    ours, theirs = caches
    return ours.get_seq_length() == theirs.get_seq_length() and all(
        equal((one.keys, one.values), (other.keys, other.values))
        for one, other in zip(ours.layers, theirs.layers, strict=True)
    )


@pytest.mark.parametrize("length", [1, 127, 128, 129, 700])
def test_token_by_token_past_every_growth(length: int) -> None:
    caches = both_caches()
    feed(caches, 1, length, seed=0)
    for i in range(300):
        feed(caches, 1, 1, seed=1 + i)
    assert same(caches)


def test_cut_and_gone_on_with() -> None:
    caches = both_caches()
    feed(caches, 1, 20, seed=0)
    for cut in (1, 7, 12):
        for cache in caches:
            cache.crop(-cut)
        assert same(caches)
        feed(caches, 1, cut + 3, seed=cut)
    assert same(caches)


def test_rows_repeated_chosen_and_gone_on_with() -> None:
    caches = both_caches()
    feed(caches, 1, 5, seed=0)
    for cache in caches:
        cache.batch_repeat_interleave(3)
    feed(caches, 3, 1, seed=1)
    for cache in caches:
        cache.batch_select_indices(torch.tensor([2, 2, 0, 1]))
    feed(caches, 4, 2, seed=2)
    assert same(caches)


def test_begun_anew() -> None:
    caches = both_caches()
    feed(caches, 2, 9, seed=0)
    for cache in caches:
        cache.reset()
    feed(caches, 1, 4, seed=1)
    assert same(caches)


def test_what_was_handed_out_stays_as_it_was_while_tokens_are_appended() -> None:
    cache = new_cache(CONFIG)
    states = torch.randn(2, 1, 2, 6, 4, generator=torch.Generator().manual_seed(0))
    keys, _ = cache.update(*states, layer_idx=0)
    before = keys.clone()
    cache.update(*states, layer_idx=0)
    assert torch.equal(keys, before)


def test_a_token_is_written_into_the_buffer_that_is_there() -> None:
    cache = new_cache(CONFIG)
    states = torch.randn(2, 1, 2, 1, 4, generator=torch.Generator().manual_seed(0))
    first, _ = cache.update(*states, layer_idx=0)
    for _ in range(100):
        last, _ = cache.update(*states, layer_idx=0)
    assert last.data_ptr() == first.data_ptr()


def test_a_layer_with_a_window_stays_transformers_own() -> None:
    config = MistralConfig(num_hidden_layers=2, sliding_window=8, hidden_size=8, num_attention_heads=2)
    assert not any(isinstance(layer, GrowingLayer) for layer in new_cache(config).layers)
    assert all(type(layer) is GrowingLayer for layer in new_cache(CONFIG).layers)


def test_many_rows_reordered_again_and_again_past_every_growth() -> None:
    dice = random.Random(1)
    caches = both_caches()
    feed(caches, 1, 5, seed=0)
    fan_out(caches[0], 4)
    caches[1].batch_repeat_interleave(4)
    rows = 4
    for step in range(300):
        feed(caches, rows, 1, seed=step)
        if step % 3:
            present, rows = rows, 4 if step % 20 else dice.choice((2, 3, 4, 6))
            parents = torch.tensor([dice.randrange(present) for _ in range(rows)])
            for cache in caches:
                cache.batch_select_indices(parents)
        if step % 50 == 49:
            for cache in caches:
                cache.crop(-3)
        assert same(caches)


def test_what_all_rows_share_stays_where_it_is() -> None:
    cache = new_cache(CONFIG)
    cache.update(*torch.randn(2, 1, 2, 5, 4), layer_idx=0)
    fan_out(cache, 3)
    layer = cache.layers[0]
    layer.update(*torch.arange(48.0).reshape(2, 3, 2, 1, 4))
    place = layer.keys.data_ptr()
    layer.keys[:, :, :5] = torch.arange(3.0)[:, None, None, None]  # makes the shared part tell which row it is in
    cache.batch_select_indices(torch.tensor([1, 0, 0]))
    assert layer.keys.data_ptr() == place
    assert layer.keys[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert layer.keys[:, 0, 5, 0].tolist() == [8, 0, 0]
