"""The flow of the mass: nothing is lost, every token is in one band, the columns are those of the stages."""

import math

import pytest
import torch

from playground import catalog
from playground.decoding import pipeline
from playground.decoding.distribution import Distribution
from playground.views.mass_flow import MassFlow, mass_flow, order_difference
from playground.views.stages import stage_rows
from playground.vocabulary import Vocabulary

SIZE = 300
WORDS = Vocabulary(tuple(f" w{i}".encode() for i in range(SIZE)))
CONTEXT = torch.tensor([[5, 9, 5, 9]])
SETTINGS: list[dict[str, float]] = [
    {}, {"temperature": 0.7}, {"temperature": 0.8, "top_p": 0.9}, {"top_k": 3}, {"min_p": 0.1, "top_k": 50},
    {"no_repeat_ngram_size": 2, "temperature": 1.4, "top_k": 80, "top_p": 0.8, "min_p": 0.02, "typical_p": 0.9},
]  # fmt: skip


def logits(seed: int = 1) -> torch.Tensor:
    row = torch.randn(SIZE, generator=torch.Generator().manual_seed(seed)) * 2.5
    row[17] = -float("inf")
    return row


def flow(
    values: dict[str, float], order: str = "transformers", chosen: int = 3
) -> tuple[MassFlow, list[pipeline.Stage]]:
    stages = pipeline.run(catalog.processors(values, True, catalog.ORDERS[order]), CONTEXT, logits()[None])
    return mass_flow(logits(), stages, WORDS, chosen), list(stages)


@pytest.mark.parametrize("order", catalog.ORDERS)
@pytest.mark.parametrize("values", SETTINGS)
def test_every_column_adds_up_to_one_and_every_token_is_in_one_band(values: dict[str, float], order: str) -> None:
    view, stages = flow(values, order)
    assert len(view.columns) == 1 + len(stages)
    for column in range(len(view.columns)):
        assert math.fsum(b.masses[column] for b in view.bands) == pytest.approx(1, abs=1e-5)
    assert sum(b.tokens for b in view.bands) == SIZE - 1  # one has no chance in the model itself
    left = sum(b.tokens for b in view.bands if b.removed_at is None)
    assert left == view.columns[-1].tokens
    for band in view.bands:
        for column, mass in enumerate(band.masses):
            is_gone = band.removed_at is not None and column >= band.removed_at
            assert mass == 0 if is_gone else mass > 0


@pytest.mark.parametrize("values", SETTINGS)
def test_the_columns_say_what_the_table_of_stages_says(values: dict[str, float]) -> None:
    view, stages = flow(values)
    for column, row in zip(view.columns, stage_rows(logits(), stages), strict=True):
        assert (column.name, column.value, column.tokens) == (row.name, row.value, row.tokens_kept)
        assert column.entropy == row.entropy
        assert column.removed_mass == pytest.approx(1 - row.incoming_kept, abs=1e-5)
    for before, after in zip(view.columns, view.columns[1:], strict=False):
        assert after.entropy_before == before.entropy
        assert after.removed_tokens == before.tokens - after.tokens


def test_the_chosen_token_runs_alone_whatever_its_rank() -> None:
    unlikely = int(torch.argsort(logits(), descending=True)[200])
    view, _ = flow({"temperature": 1.2}, chosen=unlikely)
    band = next(b for b in view.bands if b.token_id == unlikely)
    assert band.label == f"␣w{unlikely}"
    assert band.masses[0] == pytest.approx(float(torch.softmax(logits(), -1)[unlikely]), rel=1e-5)


def test_a_band_is_removed_by_the_stage_that_removed_its_tokens() -> None:
    view, stages = flow({"top_k": 40, "min_p": 0.2})
    for at, stage in enumerate(stages, start=1):
        assert sum(b.tokens for b in view.bands if b.removed_at == at) == int(stage.removed[0].sum())


def final(values: dict[str, float], order: str) -> Distribution:
    stages = pipeline.run(catalog.processors(values, True, catalog.ORDERS[order]), CONTEXT, logits()[None])
    return Distribution.of(pipeline.processed_logits(stages, logits()[None])[0])


def test_where_two_orders_differ() -> None:
    values = {"temperature": 1.8, "top_p": 0.8}
    here, there = (final(values, order) for order in ("transformers", "llama.cpp"))
    found = order_difference(here, there, "a", "b", WORDS)
    kept_here, kept_there = (set(torch.from_numpy(d.logits).isfinite().nonzero()[:, 0].tolist()) for d in (here, there))
    assert (found.here, found.there) == (len(kept_here), len(kept_there))
    assert kept_there < kept_here  # cut while it was still sharp
    best = sorted(kept_here - kept_there, key=lambda i: -here.probabilities[i])[:3]
    assert found.only_here == tuple(f"␣w{i}" for i in best)
    assert found.only_there == ()
    assert found.shifted == pytest.approx(float(abs(here.probabilities - there.probabilities).max()))
    assert not found.is_none


def test_one_stage_has_no_order() -> None:
    here, there = (final({"top_p": 0.8}, order) for order in ("transformers", "llama.cpp"))
    assert order_difference(here, there, "a", "a", WORDS).is_none
