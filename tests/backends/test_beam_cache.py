"""The cache of several rows holds what transformers' own would hold, and copies no more than it must."""

import random

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from playground.backends.beam_cache import ROOM, RowsLayer, fan_out


def filled(length: int) -> DynamicCache:
    cache = DynamicCache()
    dice = torch.Generator().manual_seed(length)
    for layer in range(2):
        cache.update(*torch.randn(2, 1, 3, length, 4, generator=dice), layer)
    return cache


def test_it_holds_what_a_cache_that_copies_everything_holds():
    dice, noise = random.Random(1), torch.Generator().manual_seed(1)
    ours, theirs = filled(5), filled(5)
    fan_out(ours, 4)
    theirs.batch_repeat_interleave(4)
    assert all(type(layer) is RowsLayer for layer in ours.layers)
    rows = 4
    for step in range(2 * ROOM + 5):
        for layer in range(2):
            states = torch.randn(2, rows, 3, 1, 4, generator=noise)
            for one, other in zip(ours.update(*states, layer), theirs.update(*states, layer), strict=True):
                assert torch.equal(one, other)
        if step % 3:
            rows = 4 if step % 20 else dice.choice((2, 3, 4, 6))
            parents = torch.tensor([dice.randrange(len(ours.layers[0].keys)) for _ in range(rows)])
            ours.batch_select_indices(parents)
            theirs.batch_select_indices(parents)
        if step % 50 == 49:
            ours.crop(-3)
            theirs.crop(-3)
        assert ours.get_seq_length() == theirs.get_seq_length()
        for one, other in zip(ours.layers, theirs.layers, strict=True):
            assert torch.equal(one.keys, other.keys) and torch.equal(one.values, other.values)


def test_what_all_rows_share_stays_where_it_is():
    cache = filled(5)
    fan_out(cache, 3)
    layer = cache.layers[0]
    layer.update(*torch.arange(72.0).reshape(2, 3, 3, 1, 4)[:, :, :, :, :])
    place = layer.keys.data_ptr()
    layer.keys[:, :, :5] = torch.arange(3.0)[:, None, None, None]  # makes the shared part tell which row it is in
    cache.batch_select_indices(torch.tensor([1, 0, 0]))
    assert layer.keys.data_ptr() == place
    assert layer.keys[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert layer.keys[:, 0, 5, 0].tolist() == [12, 0, 0]


def test_the_sequence_that_was_copied_stays_as_it_was():
    cache = filled(5)
    before = [layer.keys.clone() for layer in cache.layers]
    kept = list(cache.layers)
    fan_out(cache, 3)
    cache.layers[0].keys[:] = 0
    assert all(type(layer) is DynamicLayer for layer in kept)
    assert all(torch.equal(layer.keys, keys) for layer, keys in zip(kept, before, strict=True))
