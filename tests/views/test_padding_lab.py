"""The padding lab: probabilities and divergences against torch's own, the greedy token of each way."""

import pytest
import torch
from torch.nn import functional as F

from playground.views.padding_lab import WAYS, divergence, padding_lab
from playground.vocabulary import Vocabulary

VOCABULARY = Vocabulary(tuple(f" w{i}".encode() for i in range(9)))


def logits(seed: int) -> torch.Tensor:
    return 2 * torch.randn(9, generator=torch.Generator().manual_seed(seed))


def test_every_way_is_compared_with_the_truth() -> None:
    truth, found = logits(0), {way: logits(1 + i) for i, way in enumerate(WAYS)}
    view = padding_lab(truth, found, VOCABULARY, 3)
    assert [outcome.way for outcome in view.outcomes] == [None, *WAYS]
    assert list(view.token_ids[:3]) == truth.topk(3).indices.tolist()
    for outcome in view.outcomes:
        own = found[outcome.way] if outcome.way else truth
        assert outcome.greedy_id == int(own.argmax())
        assert outcome.greedy_id in view.token_ids  # whatever comes first has a column
        assert outcome.probabilities == pytest.approx(own.softmax(-1)[list(view.token_ids)].tolist(), rel=1e-5)
        expected = F.kl_div(own.log_softmax(-1), truth.log_softmax(-1), reduction="sum", log_target=True)
        assert outcome.divergence == pytest.approx(float(expected), rel=1e-4, abs=1e-6)
    assert view.changed == sum(int(found[way].argmax()) != int(truth.argmax()) for way in WAYS)
    assert view.labels[0] == f"␣w{view.token_ids[0]}"


def test_each_way_is_listed_once() -> None:
    assert len(set(WAYS)) == len(WAYS) == 9
    assert {(w.side, w.with_mask, w.with_positions) for w in WAYS} == {
        (side, mask, positions) for side in ("left", "right") for mask in (True, False) for positions in (True, False)
    }  # fmt: skip


def test_what_the_truth_excludes_does_not_count() -> None:
    p = torch.tensor([0.5, 0.5, 0.0]).log()
    q = torch.tensor([0.25, 0.5, 0.25]).log()
    assert divergence(p, q) == pytest.approx(0.5 * torch.tensor(2.0).log().item(), rel=1e-6)
    assert divergence(p, p) == 0
