"""Cut-offs: the curve is the sorted distribution, and every cut says how many tokens it leaves and where they lie."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from playground.decoding import pipeline
from playground.decoding.processors import (
    MinP,
    NoRepeatNGram,
    Processor,
    RepetitionPenalty,
    Temperature,
    TopK,
    TopP,
    TypicalP,
)
from playground.views.cutoffs import Cutoffs, cutoffs

P = (0.1, 0.4, 0.2, 0.3)


def logits_of(probabilities: Sequence[float]) -> Tensor:
    return torch.tensor(probabilities, dtype=torch.float32).log()


def view_of(logits: Tensor, *processors: Processor, context: tuple[int, ...] = (0,)) -> Cutoffs:
    return cutoffs(logits, pipeline.run(processors, torch.tensor([context]), logits[None]))


def test_a_small_vocabulary_is_drawn_token_by_token() -> None:
    view = view_of(logits_of(P))
    assert view.ranks == (1, 2, 3, 4)
    assert view.probabilities == pytest.approx((0.4, 0.3, 0.2, 0.1), abs=1e-6)
    assert view.cumulative == pytest.approx((0.4, 0.7, 0.9, 1.0), abs=1e-6)
    assert (view.cuts, view.temperature) == ((), 1.0)


def test_the_curve_is_the_distribution_that_the_first_cut_meets() -> None:
    view = view_of(logits_of(P), Temperature(0.5), TopK(2))
    assert view.probabilities == pytest.approx((16 / 30, 9 / 30, 4 / 30, 1 / 30), abs=1e-6)
    assert view.temperature == 0.5
    penalised = view_of(logits_of(P), RepetitionPenalty(2.0), NoRepeatNGram(1), context=(1,))
    assert penalised.ranks == (1, 2, 3)  # token 1 is banned
    assert penalised.probabilities == pytest.approx((0.5, 2 / 6, 1 / 6), abs=1e-6)


def test_cuts_come_in_their_order_and_each_counts_what_it_and_those_before_it_leave() -> None:
    # 0.4 0.3 0.2 0.1: top-k 3 leaves 0.9; top-p 0.75 of that (0.444 + 0.333 = 0.777) leaves two; min-p 0.9 leaves one
    view = view_of(logits_of(P), TopK(3), TopP(0.75), MinP(0.9))
    assert [(c.name, c.value, c.kept) for c in view.cuts] == [("top_k", 3, 3), ("top_p", 0.75, 2), ("min_p", 0.9, 1)]
    assert [(c.first_rank, c.last_rank) for c in view.cuts] == [(1, 3), (1, 2), (1, 1)]


def test_typical_p_may_cut_the_head() -> None:
    # entropy 1.64: the surprisal of the five, 2.12, is nearer to it than that of the first, 0.92
    view = view_of(logits_of([0.4, 0.12, 0.12, 0.12, 0.12, 0.12]), TypicalP(0.5))
    (cut,) = view.cuts
    assert (cut.name, cut.kept, cut.first_rank, cut.last_rank) == ("typical_p", 5, 2, 6)


def test_a_cut_after_typical_p_keeps_the_place_that_typical_p_left() -> None:
    # entropy 1.49: nearest are 0.12 and 0.11, then 0.5
    view = view_of(logits_of([0.5, 0.12, 0.11, 0.1, 0.09, 0.08]), TopK(6), TypicalP(0.2), MinP(0.95))
    assert [(c.kept, c.first_rank, c.last_rank) for c in view.cuts] == [(6, 1, 6), (2, 2, 3), (1, 2, 2)]


def test_ties_at_the_border_of_top_k_stay() -> None:
    (cut,) = view_of(logits_of([0.4, 0.2, 0.2, 0.2]), TopK(2)).cuts
    assert (cut.kept, cut.last_rank) == (4, 4)


def test_impossible_tokens_are_not_on_the_curve() -> None:
    view = view_of(torch.tensor([0.6, 0.0, 0.4, 0.0]).log())
    assert view.ranks == (1, 2)
    assert view.cumulative[-1] == pytest.approx(1, abs=1e-6)


def test_a_probability_too_small_for_float32_is_not_on_the_curve_and_breaks_no_cut() -> None:
    view = view_of(torch.tensor([0.0, -1.0, -500.0]), TopP(0.5), MinP(0.01))
    assert view.ranks == (1, 2)
    assert [cut.kept for cut in view.cuts] == [1, 1]


def test_a_large_vocabulary_is_thinned_evenly_and_keeps_both_ends() -> None:
    logits = torch.randn(50_257, generator=torch.Generator().manual_seed(0)) * 3
    view = view_of(logits, TopK(50), TopP(0.9))
    exact = np.exp(logits.double().numpy())
    exact = np.sort(exact / exact.sum())[::-1]
    assert (view.ranks[0], view.ranks[-1]) == (1, 50_257)
    assert len(view.ranks) <= 120
    assert all(a < b for a, b in itertools.pairwise(view.ranks))
    at = np.array(view.ranks) - 1
    assert view.probabilities == pytest.approx(list(exact[at]), rel=1e-3)
    assert view.cumulative == pytest.approx(list(np.cumsum(exact)[at]), abs=1e-4)
    assert max(view.cumulative) <= 1
    assert [cut.kept for cut in view.cuts] == [50, view.cuts[1].kept]
    mass = np.cumsum(exact[:50]) / exact[:50].sum()
    assert view.cuts[1].kept == int((mass < 0.9).sum()) + 1


def test_every_kept_token_lies_between_the_two_ranks_of_its_cut() -> None:
    generator = torch.Generator().manual_seed(1)
    for processors in ((TypicalP(0.4),), (TopK(9), TypicalP(0.6)), (TopP(0.7), MinP(0.2)), (MinP(0.1), TypicalP(0.2))):
        for _ in range(10):
            logits = (torch.randn(40, generator=generator) * 2).round(decimals=1)  # with ties
            stages = pipeline.run(processors, torch.tensor([[0]]), logits[None])
            values = sorted(logits.tolist(), reverse=True)
            for cut, stage in zip(cutoffs(logits, stages).cuts, stages, strict=True):
                kept = logits[~stage.logits[0].isneginf()].tolist()
                assert cut.kept == len(kept)
                assert cut.first_rank == values.index(max(kept)) + 1
                assert cut.last_rank == len(values) - values[::-1].index(min(kept))
