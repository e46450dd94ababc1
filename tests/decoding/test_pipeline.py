"""The pipeline applies processors in the order given and records what each of them made of the logits."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from playground.decoding.pipeline import processed_logits, run
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

LOGITS = torch.tensor([[0.5, 0.25, 0.15, 0.10]]).log()
CONTEXT = torch.tensor([[0, 1, 0]])


def removed_ids(mask: Tensor) -> list[int]:
    return mask[0].nonzero().flatten().tolist()


def test_each_stage_starts_where_the_one_before_ended() -> None:
    stages = run((Temperature(0.5), TopK(3), MinP(0.3)), CONTEXT, LOGITS)
    assert stages[0].before is LOGITS
    assert stages[1].before is stages[0].logits
    assert stages[2].before is stages[1].logits
    assert processed_logits(stages, LOGITS) is stages[2].logits


def test_each_stage_names_the_tokens_that_it_removed_itself() -> None:
    top_k, min_p = run((TopK(3), MinP(0.4)), CONTEXT, LOGITS)
    assert removed_ids(top_k.removed) == [3]
    assert removed_ids(min_p.removed) == [2]  # 0.15 < 0.4 · 0.5; token 3 was gone already
    assert top_k.processor == TopK(3)
    assert min_p.processor == MinP(0.4)


def test_the_order_given_is_the_order_of_application() -> None:
    """At T = 2 the probabilities are .38 .27 .21 .17, and min-p 0.4 removes nothing; before that it removes two."""
    softened_first = run((Temperature(2.0), MinP(0.4)), CONTEXT, LOGITS)
    cut_first = run((MinP(0.4), Temperature(2.0)), CONTEXT, LOGITS)
    assert removed_ids(softened_first[1].removed) == []
    assert removed_ids(cut_first[0].removed) == [2, 3]
    assert [stage.processor.name for stage in cut_first] == ["min_p", "temperature"]


def test_a_neutral_processor_leaves_no_stage() -> None:
    off = (RepetitionPenalty(1), NoRepeatNGram(0), Temperature(1), TopK(0), TopP(1), MinP(0), TypicalP(1))
    assert run(off, CONTEXT, LOGITS) == ()
    assert [stage.processor for stage in run((*off, TopK(2), *off), CONTEXT, LOGITS)] == [TopK(2)]


def test_without_any_stage_the_token_is_taken_from_the_raw_logits() -> None:
    assert processed_logits(run((), CONTEXT, LOGITS), LOGITS) is LOGITS


def test_every_processor_reads_the_context() -> None:
    penalised, banned = run((RepetitionPenalty(2.0), NoRepeatNGram(2)), CONTEXT, LOGITS)
    assert penalised.logits[0].tolist() == [*(2 * LOGITS[0, :2]).tolist(), *LOGITS[0, 2:].tolist()]
    assert removed_ids(banned.removed) == [1]  # the context holds 0 1 and ends in 0


def test_a_batch_is_processed_row_by_row() -> None:
    logits = torch.stack([LOGITS[0], LOGITS[0].flip(0)])
    stages = run((TopK(2), Temperature(0.7)), CONTEXT.expand(2, -1), logits)
    assert stages[0].removed.tolist() == [[False, False, True, True], [True, True, False, False]]
    assert torch.equal(stages[1].logits[0], stages[1].logits[1].flip(0))


def test_the_input_is_left_as_it_was() -> None:
    logits = LOGITS.clone()
    run((RepetitionPenalty(2.0), NoRepeatNGram(2), Temperature(0.5), TopK(3), TopP(0.9), MinP(0.1)), CONTEXT, logits)
    assert torch.equal(logits, LOGITS)


processors = st.one_of(
    st.floats(0.5, 2).map(RepetitionPenalty),
    st.integers(0, 3).map(NoRepeatNGram),
    st.floats(0.2, 3).map(Temperature),
    st.integers(0, 9).map(TopK),
    st.floats(0, 1).map(TopP),
    st.floats(0, 1).map(MinP),
    st.floats(0.01, 1).map(TypicalP),
)


@given(
    st.lists(processors, max_size=7),
    st.lists(st.floats(-9, 9), min_size=6, max_size=12),
    st.lists(st.integers(0, 5), min_size=1, max_size=12),
)
def test_what_the_stages_removed_is_disjoint_and_together_all_that_is_missing(
    chain: list[Processor], values: list[float], ids: list[int]
) -> None:
    logits = torch.tensor([values])
    stages = run(chain, torch.tensor([ids]), logits)
    assert len(stages) == sum(not processor.is_neutral for processor in chain)
    times_removed = torch.zeros_like(logits, dtype=torch.int64)
    for stage in stages:
        times_removed += stage.removed
    assert int(times_removed.max()) <= 1
    assert torch.equal(times_removed == 1, processed_logits(stages, logits).isneginf())
