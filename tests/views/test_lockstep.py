"""Two models in lockstep: the numbers of a text of four tokens, against torch's own and by hand."""

import math

import pytest
import torch
from torch.nn import functional as F

from playground.views.lockstep import js, lockstep, next_words
from playground.views.low_rank import low_rank
from playground.vocabulary import Vocabulary

VOCABULARY = Vocabulary((b"a", b"b", b"c"), frozenset())
P = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6], [0.3, 0.3, 0.4]]).log()
Q = torch.tensor([[0.5, 0.3, 0.2], [0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.5, 0.25, 0.25]]).log()
IDS = (0, 1, 0, 2)


def test_each_place_by_hand() -> None:
    view = lockstep(IDS, P, Q + 7, VOCABULARY)  # logits are known but for a constant
    assert [(place.index, place.tokens[0][0], place.label) for place in view.places] == [
        (1, 1, "b"),
        (2, 0, "a"),
        (3, 2, "c"),
    ]
    first, second, third = view.places
    assert (first.kl, first.js, first.ratio) == pytest.approx((0, 0, 0), abs=1e-7)
    assert second.probabilities == pytest.approx((0.1, 0.7)) and second.ranks == (3, 1)
    assert second.ratio == pytest.approx(math.log(7)) and third.total == pytest.approx(math.log(7))
    assert second.kl == pytest.approx(0.7 * math.log(7) + 0.2 * math.log(1 / 3) + 0.1 * math.log(1 / 3), abs=1e-6)
    assert [place.index for place in view.apart(2)] == [2, 3]
    assert view.total == pytest.approx(math.log(7)) and view.mean_kl == pytest.approx((second.kl + third.kl) / 3)


def test_words_by_their_mean_over_all_places() -> None:
    view = lockstep(IDS, P, Q, VOCABULARY, count=1)
    (lifted,), (lowered,) = view.lifted, view.lowered
    assert (lifted.label, lowered.label) == ("a", "b") or lowered.label == "c"
    assert lifted.probabilities == pytest.approx(((0.5 + 0.1 + 0.2 + 0.3) / 4, (0.5 + 0.7 + 0.1 + 0.5) / 4))
    assert lifted.change == pytest.approx(0.175) and lowered.change < 0
    same = lockstep(IDS, P, P, VOCABULARY)
    assert same.lifted == same.lowered == () and same.total == same.mean_kl == 0


def test_equal_to_torch_for_random_rows_and_ties() -> None:
    torch.manual_seed(0)
    vocabulary = Vocabulary(tuple(str(i).encode() for i in range(300)), frozenset())
    first, second = torch.randn(40, 300) * 3, torch.randn(40, 300) * 3
    first[:, 100:110] = 1.0
    ids = torch.randint(95, 115, (40,)).tolist()
    view = lockstep(ids, first, second, vocabulary)
    p, q = (torch.log_softmax(one.double(), -1) for one in (first, second))
    middle = ((p.exp() + q.exp()) / 2).log()
    for place in view.places:
        i, own = place.index - 1, place.tokens[0][0]
        assert place.kl == pytest.approx(float(F.kl_div(p[i], q[i], log_target=True, reduction="sum")), abs=1e-9)
        half = [F.kl_div(middle[i], one[i], log_target=True, reduction="sum") for one in (p, q)]
        assert place.js == pytest.approx(float(sum(half) / 2), abs=1e-9) and place.js <= math.log(2)
        for rank, row in zip(place.ranks, (p[i], q[i]), strict=True):
            assert rank == 1 + torch.sort(row, descending=True, stable=True).indices.tolist().index(own)
    assert js(p[0], q[0]) == js(q[0], p[0])


def test_the_next_words_are_the_best_of_either() -> None:
    found = next_words(P[1], Q[1], VOCABULARY, 1)
    assert sorted((word.label, *word.probabilities) for word in found) == [
        ("a", pytest.approx(0.1), pytest.approx(0.7)), ("b", pytest.approx(0.6), pytest.approx(0.2)),
    ]  # fmt: skip


def test_what_an_adapter_changes() -> None:
    weight = torch.tensor([[3.0, 4.0]])
    view = low_rank(
        [
            ("h.1.mlp.up", weight / 10, weight, 2, 6), ("h.0.mlp.up", weight, weight * 2, 1, 3),
            ("head", weight, weight, 1, 3),
        ],
        1200,
    )  # fmt: skip
    assert (view.parameters, view.share, view.parts, view.blocks) == (12, 0.01, ("mlp.up", "head"), (None, 0, 1))
    first, second, third = view.changes
    assert (first.block, first.part, first.rank, first.size, first.weight) == (1, "mlp.up", 2, pytest.approx(0.5), 5.0)
    assert (first.share, second.share, third.block) == (pytest.approx(0.1), pytest.approx(0.5), None)
