"""Numbers of the heads against plain loops; what is sent to the page against what was measured."""

import base64
import math

import numpy as np
import pytest
import torch

from playground.views import attention_heads as view


def weights(layers: int = 2, heads: int = 3, n: int = 7, seed: int = 0) -> torch.Tensor:
    scores = torch.randn(layers, heads, n, n, generator=torch.Generator().manual_seed(seed))
    return scores.masked_fill(torch.ones(n, n).triu(1).bool(), -math.inf).softmax(-1)


def test_the_measures_are_means_over_the_queries_after_the_first() -> None:
    given = weights()
    found = view.measures(given)
    for layer in range(2):
        for head in range(3):
            rows = given[layer, head].tolist()[1:]
            entropy = sum(-sum(w * math.log(w) for w in row if w) for row in rows) / 6
            sink = sum(row[0] for row in rows) / 6
            distance = sum(sum(w * (q + 1 - k) for k, w in enumerate(row)) for q, row in enumerate(rows)) / 6
            assert found.entropies[layer][head] == pytest.approx(entropy, rel=1e-5)
            assert found.sinks[layer][head] == pytest.approx(sink, rel=1e-5)
            assert found.distances[layer][head] == pytest.approx(distance, rel=1e-5)
    place = view.narrowest(found)
    assert found.entropies[place[0]][place[1]] == min(map(min, found.entropies))


def test_a_text_of_one_token_looks_at_itself() -> None:
    found = view.measures(torch.ones(1, 1, 1, 1))
    assert (found.entropies[0][0], found.sinks[0][0], found.distances[0][0]) == (0, 1, 0)


def test_the_distance_profile_is_the_mean_of_each_diagonal() -> None:
    head = weights()[0, 1]
    profile = view.distance_profile(head)
    for distance in range(7):
        values = [float(head[q, q - distance]) for q in range(distance, 7)]
        assert profile[distance] == pytest.approx(sum(values) / len(values), rel=1e-5)


def test_the_rays_go_to_the_strongest_keys() -> None:
    head = torch.tensor([[1.0, 0, 0], [0.4, 0.6, 0], [0.7, 0.01, 0.29]])
    assert [(r.key, round(r.weight, 2)) for r in view.rays(head, 2)] == [(0, 0.7), (2, 0.29)]
    assert [r.key for r in view.rays(head, 2, most=1)] == [0]
    assert [r.key for r in view.rays(head, 0)] == [0]
    faint = torch.full((100, 100), 0.01)
    assert len(view.rays(faint, 99)) == 1  # at least the strongest


def test_the_telling_query_looks_at_another_token_than_itself_and_the_first() -> None:
    head = torch.eye(5)
    head[3] = torch.tensor([0.0, 0.6, 0.0, 0.4, 0.0])
    head[4] = torch.tensor([0.9, 0.0, 0.1, 0.0, 0.0])
    assert view.telling_query(head) == 3
    assert view.telling_query(torch.ones(1, 1)) == 0


@pytest.mark.parametrize("tokens", [1, 63, 64, 65, 300, 512])
@pytest.mark.parametrize("maps", [24, 144, 1200])
def test_small_maps_stay_small(tokens: int, maps: int) -> None:
    pool = view.pool_size(tokens, maps)
    side = -(-tokens // pool)
    assert side <= view.SMALL_MAP
    assert maps * side**2 <= max(view.ALL_MAPS_BYTES, maps * 12**2)
    if tokens <= 12:
        assert pool == 1


@pytest.mark.parametrize("pool", [1, 2, 3])
def test_a_cell_of_a_small_map_is_the_largest_of_its_square(pool: int) -> None:
    given = weights()
    small = view.small_maps(given, pool).numpy()
    n = given.shape[2]
    for row in range(small.shape[2]):
        for column in range(small.shape[3]):
            square = given[1, 2, row * pool : min(n, (row + 1) * pool), column * pool : min(n, (column + 1) * pool)]
            assert small[1, 2, row, column] == square.max()


def test_what_is_sent_gives_the_weights_back() -> None:
    given = weights()
    sent = np.frombuffer(base64.b64decode(view.encoded(given)), dtype=np.uint8).reshape(given.shape)
    back = (sent / 255.0) ** 2
    assert np.abs(back - given.numpy()).max() < 0.005
    assert bool((back[given.numpy() == 0] == 0).all())
