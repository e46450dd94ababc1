"""Walks that step together choose, bit for bit, what each chooses alone; what they share is thrown and applied once."""

import random
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from playground import catalog
from playground.decoding import together
from playground.decoding.processors import (
    MinNewTokens,
    MinP,
    NoRepeatNGram,
    Processor,
    RepetitionPenalty,
    Situation,
    Temperature,
    TopK,
    TopP,
)
from playground.decoding.rows import Row
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Choice, InvalidLogitsError, Multinomial, NothingLeftError, Throws, dice
from playground.decoding.trace import GenerationRequest, Step
from playground.decoding.walk import Walk
from tests.parity.hashed_model import Hashed, HashedModel

PROMPT = (3, 1, 4, 1, 5)
# every setting that walks may have, those that go row by row or alone included
SETTINGS: list[dict[str, Any]] = [
    {}, {"temperature": 0.7}, {"temperature": 0.7, "top_p": 0.8}, {"temperature": 0.7, "top_p": 0.8, "min_p": 0.1},
    {"top_k": 3}, {"repetition_penalty": 1.4}, {"no_repeat_ngram_size": 2}, {"mirostat": 2, "mirostat_tau": 2.0},
    {"adaptive_target": 0.4}, {"xtc_probability": 0.5, "xtc_threshold": 0.01}, {"min_p": 0.2}, {"typical_p": 0.6},
    {"dry_multiplier": 0.8}, {"watermark_bias": 2.0}, {"min_new_tokens": 6}, {"min_new_tokens": 6, "top_k": 5},
    {"eta_cutoff": 0.02}, {"top_n_sigma": 1.0}, {"presence_penalty": 0.6}, {"epsilon_cutoff": 0.01},
]  # fmt: skip
ROWWISE: list[Processor] = [
    MinNewTokens(9), RepetitionPenalty(1.3), NoRepeatNGram(2), NoRepeatNGram(1), Temperature(0.7), Temperature(1.9),
    TopK(40), TopK(1), TopP(0.9), TopP(0.3), MinP(0.05), MinP(0.6),
]  # fmt: skip


def rows_of(count: int, size: int, seed: int, is_rounded: bool = False) -> Tensor:
    rows = torch.randn(count, size, generator=Generator().manual_seed(seed)) * 3
    return rows.round() if is_rounded else rows


@pytest.mark.parametrize("is_rounded", [False, True])  # ties, also at the border of a cut
@pytest.mark.parametrize("size", [17, 8192, 50_257])
@pytest.mark.parametrize("processor", ROWWISE, ids=str)
def test_what_is_applied_to_all_rows_makes_of_each_what_it_makes_of_it_alone(
    processor: Processor, size: int, is_rounded: bool
) -> None:
    assert isinstance(processor, together.ROWWISE)
    situated = processor.at(Situation(prompt_length=5, eos_ids=(2, 7), seed=4))
    contexts = torch.randint(0, 17, (6, 12), generator=Generator().manual_seed(0))
    for count in (2, 3, 6):
        rows = rows_of(count, size, count, is_rounded)
        batch = situated(contexts[:count], rows)
        for i in range(count):
            alone = situated(contexts[i : i + 1], rows[i].clone()[None])
            assert torch.equal(batch[i], alone[0])


def test_each_such_processor_is_tried() -> None:
    assert {type(one) for one in ROWWISE} == set(together.ROWWISE)


def walks_of(size: int, wanted: list[tuple[dict[str, Any], bool, int]], is_sharing: bool) -> list[Walk]:
    model: Any = HashedModel(Hashed(0, size, eos_ids=(2, 7)))
    shared: dict[int, Throws] = {}
    found = []
    for values, is_drawn, seed in wanted:
        request = GenerationRequest(PROMPT, catalog.sampling(values, is_drawn, seed), 12)
        throws = shared.setdefault(seed, Throws(seed, size)) if is_sharing else None
        assert isinstance(request.strategy, Sampling)
        found.append(Walk(request.strategy, model, request, throws))
    return found


@pytest.mark.parametrize(("size", "rounds"), [(24, 40), (8192, 8), (50_257, 3)])
def test_each_walk_chooses_what_it_chooses_alone(size: int, rounds: int) -> None:
    rng = random.Random(size)
    parted = 0
    for number in range(rounds):
        wanted = [
            (rng.choice(SETTINGS), rng.random() < 0.8, rng.choice([3, 3, 3, rng.randrange(1000)]))
            for _ in range(rng.randint(1, 6))
        ]
        ours, alone = walks_of(size, wanted, True), walks_of(size, wanted, False)
        for index in range(8):
            if not ours:
                break
            logits = rows_of(len(ours), size, 100 * number + index, rng.random() < 0.3)
            rows = [Row(row) for row in logits]
            found = together.take(ours, rows, logits)
            assert all(isinstance(step, Step) for step in found)
            for step, walk, row in zip(found, alone, rows, strict=True):
                other = walk.take(row)
                assert isinstance(step, Step)
                assert (step.index, step.choice, step.finish_reason) == (other.index, other.choice, other.finish_reason)
                assert (step.processors, step.selection) == (other.processors, other.selection)
                mine, his = step.situation, other.situation
                assert (mine.prompt_length, mine.eos_ids, mine.seed) == (his.prompt_length, his.eos_ids, his.seed)
                assert mine.states == his.states
                assert step.row is row
            assert [walk.ids for walk in ours] == [walk.ids for walk in alone]
            parted += len({tuple(walk.ids) for walk in ours}) > 1
            going = [i for i, step in enumerate(found) if isinstance(step, Step) and step.finish_reason is None]
            ours, alone = [ours[i] for i in going], [alone[i] for i in going]
    assert parted


def test_a_row_of_no_numbers_and_a_row_with_nothing_left_end_their_own_walks_only() -> None:
    every: dict[str, Any] = {"suppress_tokens": list(range(24))}
    wanted: list[tuple[dict[str, Any], bool, int]] = [
        ({"top_k": 3}, True, 1),
        (every, True, 1),
        ({}, True, 1),
        ({"top_k": 3}, True, 1),
        (every, False, 0),
    ]
    logits = rows_of(5, 24, 0)
    logits[2, 5] = torch.nan
    found = together.take(walks_of(24, wanted, True), [Row(row) for row in logits], logits)
    assert isinstance(found[2], InvalidLogitsError)
    for place in (1, 4):
        error = found[place]
        assert isinstance(error, NothingLeftError) and error.by == ("suppress_tokens",)
    alone = walks_of(24, wanted, False)
    for place in (0, 3):
        step = found[place]
        assert isinstance(step, Step) and step.choice == alone[place].take(Row(logits[place])).choice


def test_what_walks_begin_with_in_common_is_applied_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    apply = Temperature.__call__

    def counted(self: Temperature, context: Tensor, logits: Tensor) -> Tensor:
        seen.append(len(logits))
        return apply(self, context, logits)

    monkeypatch.setattr(Temperature, "__call__", counted)
    settings: list[dict[str, Any]] = [
        {"temperature": 0.7},
        {"temperature": 0.7, "top_p": 0.8},
        {"top_k": 3},
        {"temperature": 0.9},
    ]
    logits = rows_of(4, 24, 0)
    together.take(walks_of(24, [(one, True, 3) for one in settings], True), [Row(row) for row in logits], logits)
    assert sorted(seen) == [1, 2]


@pytest.mark.parametrize("size", [5, 33, 8192, 50_257])
def test_a_race_is_that_of_the_dice_and_thrown_once(size: int) -> None:
    throws = Throws(11, size)
    for step in (2, 3, 6):
        noise = throws.at(step)
        assert torch.equal(noise, torch.empty(size).exponential_(1, generator=dice(11, step, size)))
        assert throws.at(step) is noise
    with pytest.raises(ValueError, match="step 4 has been thrown"):
        throws.at(4)


@pytest.mark.parametrize("size", [5, 33, 8192, 50_257])
def test_a_choice_among_thrown_numbers_is_torchs_own_draw(size: int) -> None:
    for seed in range(6):
        row = rows_of(1, size, seed)[0]
        row[seed % size :: 3] = -float("inf")
        throws = Throws(seed, size)
        for step in range(4):
            drawn = int(torch.multinomial(torch.softmax(row, -1), 1, generator=dice(seed, step, size)))
            assert Multinomial(seed).among(row, throws.at(step)) == Choice(drawn, "multinomial")


def test_among_numbers_that_are_none_nothing_is_drawn() -> None:
    with pytest.raises(RuntimeError):
        Multinomial(0).among(torch.tensor([0.0, float("inf")]), Throws(0, 2).at(0))
    with pytest.raises(NothingLeftError):
        Multinomial(0).among(torch.full((3,), -float("inf")), Throws(0, 3).at(0))
