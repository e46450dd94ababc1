"""What is said of a partial row, against the whole row: what is called known is true, what is bounded lies within."""

import math

import pytest
import torch

from playground.decoding import pipeline
from playground.decoding.partial import Told
from playground.decoding.pipeline import Stage
from playground.decoding.processors import MinP, Processor, Temperature, TopK, TopP
from playground.decoding.rows import Row
from playground.views.cutoffs import cutoffs
from playground.views.next_token import next_token
from playground.views.stages import stage_rows
from playground.views.told_cutoffs import told_cutoffs
from playground.views.told_stages import told_rows
from playground.vocabulary import Vocabulary

V, N = 300, 20
CHAINS: list[tuple[Processor, ...]] = [
    (), (TopP(0.5),), (TopP(0.95),), (TopK(5),), (TopK(50),), (MinP(0.2),), (MinP(0.001),),
    (Temperature(0.7), TopP(0.8)), (Temperature(1.5), TopK(8)), (Temperature(0.5), TopP(0.9), MinP(0.05)),
    (Temperature(1.3), TopP(0.6)),
]  # fmt: skip


def ends(logits: torch.Tensor, chain: tuple[Processor, ...]) -> tuple[Told, tuple[Stage, ...], tuple[Stage, ...]]:
    told, context = Told.of(logits, N), torch.zeros(1, 1, dtype=torch.long)
    full = pipeline.chain(chain, Row.partial(told))
    flat, steep = (pipeline.run(full, context, row[None]) for row in (told.flat, told.steep))
    return told, flat, steep


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("chain", CHAINS, ids=str)
def test_what_is_said_of_a_partial_row_holds_of_the_whole_one(seed: int, chain: tuple[Processor, ...]) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(V, generator=generator) * (1 + seed)
    told, flat, steep = ends(logits, chain)
    stages = pipeline.run(chain, torch.zeros(1, 1, dtype=torch.long), logits[None])
    view, whole = told_cutoffs(flat, steep, told), cutoffs(logits, stages)
    for cut, true in zip(view.cuts, whole.cuts, strict=True):
        assert cut.kept <= true.kept
        if cut.is_known:
            assert (cut.kept, cut.first_rank, cut.last_rank) == (true.kept, true.first_rank, true.last_rank)
    assert view.beyond is not None
    ordered = sorted(stages[0].outgoing.probabilities if chain and chain[0].name == "temperature"
                     else torch.softmax(logits, -1).tolist(), reverse=True)  # fmt: skip
    assert view.beyond[0] - 1e-5 <= sum(ordered[len(view.ranks) :]) <= view.beyond[1] + 1e-5
    rows = told_rows(flat, steep, told)
    assert rows[0].entropy >= stage_rows(logits, stages)[0].entropy - 1e-4
    for row, real in zip(rows[:-1], stage_rows(logits, stages), strict=True):
        assert row.tokens_kept <= real.tokens_kept if row.at_least else row.tokens_kept == real.tokens_kept
        least = 0 if row.at_least else real.probability_kept
        assert least - 1e-5 <= row.probability_kept <= real.probability_kept + 1e-5
        assert math.isnan(row.incoming_kept) or row.incoming_kept == pytest.approx(real.incoming_kept, abs=1e-5)
        assert row.entropy_at_most or math.isnan(row.entropy) or row.entropy == pytest.approx(real.entropy, abs=1e-4)


def test_a_cut_beyond_what_is_told_is_not_called_known() -> None:
    logits = torch.zeros(V)
    logits[:N] = 2
    for chain, is_known in (((TopK(5),), False), ((TopK(50),), False), ((TopP(0.01),), False)):
        told, flat, steep = ends(logits, chain)
        assert told_cutoffs(flat, steep, told).cuts[0].is_known is is_known or chain[0].name == "top_p"
    assert told.rest == pytest.approx((V - N) / ((V - N) + N * math.exp(2)), abs=1e-4)


def test_the_rest_is_one_honest_row() -> None:
    logits = torch.randn(V, generator=torch.Generator().manual_seed(0))
    told, flat, _ = ends(logits, ())
    vocabulary = Vocabulary(tuple(f"t{i}".encode() for i in range(V)))
    view = next_token(told.flat, flat, vocabulary, 100, told.ids[3], told)
    assert {c.token_id for c in view.candidates} == set(told.ids)
    whole = torch.softmax(logits, -1)
    assert [c.probability for c in view.candidates] == pytest.approx(whole.topk(N).values.tolist(), abs=1e-5)
    assert view.rest.probability == pytest.approx(1 - float(whole.topk(N).values.sum()), abs=1e-5)
    assert (view.rest.tokens, view.rest.final_probability) == (V - N, pytest.approx(0, abs=1e-6))
    assert view.rest.untold == V - N
    assert view.rest.most == pytest.approx(float(whole.topk(N).values[-1]), abs=1e-6)
