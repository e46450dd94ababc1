"""The trace keeps facts; what is read from it equals what is computed from the logits independently."""

import math
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from playground.decoding.processors import RepetitionPenalty, Temperature, TopK, TopP
from playground.decoding.rows import DESK_BYTES, Row
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Argmax, Choice, Multinomial
from playground.decoding.trace import TRACE_BYTES, GenerationRequest, Step, Trace, longest_run, read

INF = float("inf")
STRATEGY = Sampling((Temperature(0.5), TopK(3)), Multinomial(4))
ROWS = torch.tensor([[0.5, 0.25, 0.15, 0.10], [0.1, 0.2, 0.3, 0.4], [0.25, 0.25, 0.25, 0.25]]).log()


def recorded() -> Trace:
    """Prompt 3 1; then 0, 3 and 2 were taken, the last as the limit was reached."""
    trace = Trace(GenerationRequest((3, 1), STRATEGY, max_new_tokens=3))
    for index, token_id in enumerate((0, 3, 2)):
        choice = Choice(token_id, "multinomial")
        reason = "length" if index == 2 else None
        trace = trace.appended(Step(index, Row(ROWS[index]), STRATEGY.processors, STRATEGY.selection, choice, reason))
    return trace


# ---- a reading


def reading_by_hand(values: list[float], token_id: int) -> tuple[float, int, float]:
    """log p, rank and entropy in double precision, without torch."""
    highest = max(values)
    weights = [math.exp(v - highest) for v in values]
    total = math.fsum(weights)
    surprisals = [math.log(total) - (v - highest) for v in values]
    rank = 1 + sorted(range(len(values)), key=lambda i: (-values[i], i)).index(token_id)
    return -surprisals[token_id], rank, math.fsum(w / total * s for w, s in zip(weights, surprisals, strict=True) if w)


values = st.lists(
    st.one_of(st.floats(-30, 30, width=32), st.integers(-2, 2).map(float), st.just(-INF)), min_size=1, max_size=40
).filter(lambda row: max(row) > -INF)


@given(values, st.data())
def test_a_reading_equals_the_textbook_in_double_precision(row: list[float], data: st.DataObject) -> None:
    token_id = data.draw(st.integers(0, len(row) - 1))
    reading = read(torch.tensor(row), token_id)
    logprob, rank, nats = reading_by_hand(row, token_id)
    assert reading.rank == rank
    assert reading.logprob == pytest.approx(logprob, abs=1e-5)
    assert reading.entropy == pytest.approx(nats, abs=1e-5)


def test_the_readings_of_all_tokens_are_the_ranks_from_one_to_v() -> None:
    row = (torch.randn(300, generator=torch.Generator().manual_seed(0)) * 3).round()  # full of ties
    readings = [read(row, i) for i in range(300)]
    assert sorted(r.rank for r in readings) == list(range(1, 301))
    assert next(i for i, r in enumerate(readings) if r.rank == 1) == int(row.argmax())
    assert math.fsum(math.exp(r.logprob) for r in readings) == pytest.approx(1, abs=1e-5)


def test_of_equal_tokens_the_lowest_id_ranks_first() -> None:
    row = torch.tensor([1.0, 3.0, 1.0, 3.0, 1.0])
    assert [read(row, i).rank for i in range(5)] == [3, 1, 4, 2, 5]


def test_a_step_reads_the_raw_model_not_the_processed_logits() -> None:
    step = recorded().steps[0]
    assert step.reading.logprob == pytest.approx(math.log(0.5), abs=1e-6)
    assert step.reading == read(ROWS[0], 0)
    assert step.reading is step.reading  # computed once


# ---- the run


def test_a_trace_knows_its_tokens_its_end_and_its_probability() -> None:
    trace = recorded()
    assert trace.token_ids == (0, 3, 2)
    assert trace.finish_reason == "length"
    assert trace.cum_logprob == pytest.approx(math.log(0.5 * 0.4 * 0.25), abs=1e-6)


def test_an_empty_trace_has_no_tokens_no_end_and_probability_one() -> None:
    trace = Trace(recorded().request)
    assert (trace.token_ids, trace.finish_reason, trace.cum_logprob) == ((), None, 0)


def test_the_context_of_a_step_is_the_prompt_and_the_tokens_before_it() -> None:
    trace = recorded()
    assert [trace.context(i) for i in range(4)] == [(3, 1), (3, 1, 0), (3, 1, 0, 3), (3, 1, 0, 3, 2)]


def test_a_change_makes_a_new_trace_and_leaves_the_old_one() -> None:
    trace = recorded()
    shorter = trace.rewound(1)
    assert (shorter.token_ids, trace.token_ids) == ((0,), (0, 3, 2))
    assert shorter.steps[0] is trace.steps[0]
    assert shorter.request is trace.request
    with pytest.raises(AttributeError):
        trace.steps = ()  # type: ignore[misc]


def test_a_rewound_trace_is_the_run_as_it_stood() -> None:
    trace = recorded()
    assert trace.rewound(2).finish_reason is None
    assert trace.rewound(0).steps == ()
    assert trace.rewound(3).token_ids == trace.token_ids


def test_a_branch_replaces_one_token_by_hand_and_forgets_what_came_after() -> None:
    trace = recorded()
    branch = trace.branched(1, 0, eos_ids=(2,))
    assert branch.token_ids == (0, 0)
    assert branch.steps[1].choice == Choice(0, "hand")
    assert branch.steps[1].logits is trace.steps[1].logits  # no forward pass: the distribution is the same
    assert branch.steps[1].processors == STRATEGY.processors
    assert branch.steps[0] is trace.steps[0]
    assert branch.finish_reason is None
    assert branch.steps[1].reading == read(ROWS[1], 0) != trace.steps[1].reading


def test_a_branch_into_an_end_of_text_token_is_finished() -> None:
    assert recorded().branched(0, 2, eos_ids=(1, 2)).finish_reason == "stop"
    assert recorded().branched(2, 2, eos_ids=(1, 2)).finish_reason == "stop"


def test_a_branch_at_the_last_place_ends_by_length() -> None:
    assert recorded().branched(2, 1, eos_ids=()).finish_reason == "length"


def test_a_branch_out_of_an_ending_goes_on() -> None:
    request = GenerationRequest((3,), STRATEGY, max_new_tokens=9)
    ended = Trace(request, (Step(0, Row(ROWS[0]), (), Argmax(), Choice(2, "argmax"), "stop"),))
    assert ended.branched(0, 1, eos_ids=(2,)).finish_reason is None


def test_a_run_that_ended_by_length_is_unfinished_without_the_limit() -> None:
    trace = recorded()
    going_on = trace.unlimited()
    assert going_on.finish_reason is None
    assert going_on.token_ids == trace.token_ids
    assert going_on.steps[-1].logits is trace.steps[-1].logits
    assert trace.finish_reason == "length"


def test_a_run_that_ended_in_an_end_of_text_token_stays_finished_without_the_limit() -> None:
    stopped = recorded().branched(1, 2, eos_ids=(2,))
    assert stopped.unlimited() is stopped
    empty = Trace(recorded().request)
    assert empty.unlimited() is empty


# ---- derived


def test_the_stages_of_a_step_are_recomputed_from_its_raw_logits() -> None:
    temperature, top_k = recorded().stages_at(0)
    assert torch.equal(temperature.before, ROWS[:1])
    assert torch.equal(temperature.logits, ROWS[:1] / 0.5)
    assert top_k.removed.tolist() == [[False, False, False, True]]


def test_the_stages_under_other_settings_need_no_new_run() -> None:
    trace = recorded()
    (top_p,) = trace.stages_at(1, (TopP(0.5),))
    assert top_p.removed.tolist() == [[True, True, False, False]]
    assert trace.stages_at(1, ()) == ()


def test_the_stages_see_the_context_of_their_step_only() -> None:
    """The prompt is 3 1; then 0, 3 and 2 were taken, each not yet seen when it was chosen but for the 3."""
    penalised = [
        (stage.logits[0] != stage.before[0]).nonzero().flatten().tolist()
        for i in range(3)
        for stage in recorded().stages_at(i, (RepetitionPenalty(2.0),))
    ]
    assert penalised == [[1, 3], [0, 1, 3], [0, 1, 3]]


# ---- memory


@dataclass
class Sizes:
    """As much of a model as a run's memory depends on."""

    vocab_size: int
    step_bytes: int


@given(st.integers(1, 4_000_000), st.integers(1, 2))
def test_whole_rows_of_the_longest_run_fit_into_64_mib_and_one_more_step_would_not(vocab_size: int, rows: int) -> None:
    longest = longest_run(Sizes(vocab_size, 4 * vocab_size), rows)  # type: ignore[arg-type]
    assert TRACE_BYTES == 64 * 2**20
    assert 4 * vocab_size * longest * rows <= 64 * 2**20
    assert 4 * vocab_size * (longest + 1) * rows > 64 * 2**20


@pytest.mark.parametrize(("vocab_size", "width"), [(151_936, 1024), (50_257, 768), (262_144, 5120)])
def test_hidden_states_of_2048_steps_fit_beside_a_desk_of_rows(vocab_size: int, width: int) -> None:
    longest = longest_run(Sizes(vocab_size, 4 * width))  # type: ignore[arg-type]
    assert longest >= 2048
    assert 4 * width * longest + DESK_BYTES <= 64 * 2**20


def test_the_longest_run_is_at_least_one_step() -> None:
    assert longest_run(Sizes(2**40, 2**42)) == 1  # type: ignore[arg-type]
