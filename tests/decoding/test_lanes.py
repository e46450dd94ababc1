"""Lanes: each equals its run alone, in one forward pass a step; on models whose rows don't depend on the batch, to the
last bit (tests/parity/test_lanes.py has the others)."""

import gc
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import benchmark_models
import pytest
import torch
from benchmark_memory import held

from playground import catalog, engine
from playground.decoding.beam_search import BeamSearch
from playground.decoding.beam_trace import BeamTrace
from playground.decoding.lanes import Comparison, lane_bytes, longest_comparison
from playground.decoding.rows import DESK_BYTES, Desk
from playground.decoding.stopping import StopStrings
from playground.decoding.trace import TRACE_BYTES, GenerationRequest, Trace
from playground.engines.huggingface.backend import HuggingFaceModel
from playground.engines.table import TableModel
from playground.errors import InvalidModelOutputError, NothingLeftToChooseError
from tests.parity.hashed_model import Hashed, HashedModel

PROMPT = (3, 1, 4, 1, 5)
SETTINGS: list[dict[str, Any]] = [
    {}, {"temperature": 0.7, "top_p": 0.8}, {"top_k": 3}, {"repetition_penalty": 1.4}, {"no_repeat_ngram_size": 2},
    {"mirostat": 2, "mirostat_tau": 2.0}, {"adaptive_target": 0.4}, {"xtc_probability": 0.5, "xtc_threshold": 0.1},
    {"min_p": 0.2}, {"typical_p": 0.6}, {"dry_multiplier": 0.8}, {"watermark_bias": 2.0},
    {"exponential_decay_length_penalty": 1.3}, {"min_new_tokens": 6},
]  # fmt: skip
PIECES = tuple(f"<{i}>".encode() for i in range(40))


def requests(rng: random.Random, count: int, prompt: tuple[int, ...] = PROMPT) -> list[GenerationRequest]:
    found = []
    for _ in range(count):
        strategy = catalog.sampling(rng.choice(SETTINGS), rng.random() < 0.7, rng.randrange(1000))
        stop = StopStrings((rng.choice(["<7>", "<1><2>", "3><"]),), PIECES) if rng.random() < 0.4 else None
        found.append(GenerationRequest(prompt, replace(strategy, stop=stop), rng.randint(1, 20)))
    return found


def alone(model: Any, request: GenerationRequest) -> Trace:
    *_, trace = engine.generate(model, request)
    return trace


def last(model: Any, wanted: list[GenerationRequest], before: Comparison | None = None) -> Comparison:
    *_, found = engine.compare(model, wanted, before)
    return found


def assert_same(one: Trace, other: Trace) -> None:
    assert one.token_ids == other.token_ids
    assert one.finish_reason == other.finish_reason
    assert one.states == other.states
    for a, b in zip(one.steps, other.steps, strict=True):
        assert torch.equal(a.logits, b.logits)
        assert (a.index, a.choice, a.processors, a.selection) == (b.index, b.choice, b.processors, b.selection)
        assert (a.situation.states, a.situation.seed) == (b.situation.states, b.situation.seed)


@pytest.mark.parametrize("seed", range(30))
def test_each_lane_is_its_run_alone(seed: int) -> None:
    rng = random.Random(seed)
    model = HashedModel(Hashed(seed, 24, eos_ids=(5, 9), eos_bias=-1.0))
    wanted = requests(rng, rng.randint(1, 6))
    found = last(model, wanted)
    assert found.is_over
    for lane, request in zip(found.lanes, wanted, strict=True):
        assert isinstance(lane.trace, Trace)
        single = alone(model, request)
        assert_same(lane.trace, single)
        assert lane.logprobs == tuple(step.reading.logprob for step in single.steps)


def test_one_pass_serves_all_and_who_ends_leaves_it() -> None:
    model = HashedModel(Hashed(1, 24))
    wanted = [GenerationRequest(PROMPT, catalog.sampling({}, True, i), length) for i, length in enumerate((2, 5, 3, 1))]
    steps = list(engine.compare(model, wanted))
    assert model.rows == [1, 3, 2, 1, 1]  # the prompt; then those that go on after tokens 1, 2, 3 and 4
    assert [found.steps for found in steps] == [1, 2, 3, 4, 5]
    assert [len(lane.token_ids) for lane in steps[2].lanes] == [2, 3, 3, 1]


def test_after_every_step_each_lane_has_what_its_run_has() -> None:
    model = HashedModel(Hashed(2, 24))
    wanted = requests(random.Random(5), 4)
    runs = [list(engine.generate(model, request)) for request in wanted]
    for number, found in enumerate(engine.compare(model, wanted)):
        for lane, run in zip(found.lanes, runs, strict=True):
            assert lane.token_ids == run[min(number, len(run) - 1)].token_ids


def test_a_lane_with_nothing_left_ends_and_the_others_go_on(table_model: Callable[..., TableModel]) -> None:
    model = table_model([[0, 0.6, 0.4], [0.5, 0, 0.5], [0.3, 0.7, 0]])
    greedy = GenerationRequest((0,), catalog.sampling({"no_repeat_ngram_size": 1}, False, 0), 6)
    plain = GenerationRequest((0,), catalog.sampling({}, True, 1), 6)
    steps = list(engine.compare(model, [plain, greedy, plain]))
    found = steps[-1]
    assert isinstance(found.lanes[1].error, NothingLeftToChooseError)
    assert "no_repeat_ngram_size" in str(found.lanes[1].error)
    assert found.lanes[1].token_ids == (1, 2) and found.lanes[1].is_over and found.lanes[1].finish_reason is None
    assert len(found.lanes[0].token_ids) == len(found.lanes[2].token_ids) == 6
    assert model.open_states == 0
    for number in range(1, len(steps) - 1):  # it stays ended, wherever the others go on from
        again = last(model, [plain, greedy, plain], steps[number])
        assert [lane.token_ids for lane in again.lanes] == [lane.token_ids for lane in found.lanes]


def test_numbers_that_are_none_end_the_lanes_that_read_them(table_model: Callable[..., TableModel]) -> None:
    model = table_model([[0.5, 0.5, 0], [0, 0.5, 0.5], [1, 1, 1]])
    model.table[1] = float("nan")
    zero = GenerationRequest((0,), catalog.sampling({"bad_words_ids": [[1]]}, False, 0), 5)
    one = GenerationRequest((0,), catalog.sampling({"bad_words_ids": [[0]]}, False, 0), 5)
    found = last(model, [zero, one])
    assert found.lanes[0].finish_reason == "length"
    assert isinstance(found.lanes[1].error, InvalidModelOutputError) and found.lanes[1].token_ids == (1,)


def test_a_run_that_is_closed_leaves_no_state_behind(table_model: Callable[..., TableModel]) -> None:
    model = table_model([[0.2, 0.4, 0.4], [0.5, 0.1, 0.4], [0.3, 0.6, 0.1]])
    wanted = [GenerationRequest((0,), catalog.sampling({}, True, i), 9) for i in range(3)]
    wanted.append(GenerationRequest((0,), BeamSearch(2), 9))
    for steps in range(1, 9):
        running = engine.compare(model, wanted)
        for _ in range(steps):
            next(running)
        running.close()  # type: ignore[attr-defined]
        assert model.open_states == 0


def test_prompts_that_differ_are_refused(table_model: Callable[..., TableModel]) -> None:
    model = table_model([[0.5, 0.5], [0.5, 0.5]])
    wanted = [GenerationRequest(prompt, catalog.sampling({}, True, 0), 2) for prompt in ((0,), (1,))]
    with pytest.raises(ValueError, match="one prompt"):
        list(engine.compare(model, wanted))


def test_beams_and_guidance_run_beside(tiny: Callable[..., HuggingFaceModel]) -> None:
    model = tiny("gpt2", 10)
    search = BeamSearch(3, length_penalty=0.5)
    guided = catalog.sampling({"guidance_scale": 1.5}, True, 4)
    wanted = [
        GenerationRequest(PROMPT, search, 8), GenerationRequest(PROMPT, guided, 12),
        GenerationRequest(PROMPT, catalog.sampling({"top_k": 4}, True, 2), 12),
    ]  # fmt: skip
    found = last(model, wanted)
    *_, step = engine.search(model, search, PROMPT, 8)
    beams = found.lanes[0]
    assert isinstance(beams.trace, BeamTrace)
    assert beams.trace.steps[-1] == step
    assert beams.token_ids == step.finished[0].token_ids
    assert beams.logprobs == step.finished[0].raw_logprobs
    assert beams.finish_reason == {"eos": "stop"}.get(str(step.finished[0].ended_by), step.finished[0].ended_by)
    for lane, request in zip(found.lanes[1:], wanted[1:], strict=True):
        assert isinstance(lane.trace, Trace)
        assert_same(lane.trace, alone(model, request))  # one row is left in the batch: the same shape of call


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_paused_anywhere_and_gone_on_with_is_the_straight_run(
    fresh_tiny: Callable[..., HuggingFaceModel], architecture: str
) -> None:
    model = fresh_tiny(architecture, (5, 9))
    wanted = [*requests(random.Random(3), 4), GenerationRequest(PROMPT, BeamSearch(2), 9)]
    straight = list(engine.compare(model, wanted))
    assert len({len(lane.token_ids) for lane in straight[-1].lanes}) > 2  # rows leave at several places
    for number, before in enumerate(straight[:-1]):
        again = list(engine.compare(fresh_tiny(architecture, (5, 9)) if number % 3 else model, wanted, before))
        assert len(again) == len(straight) - number - 1
        for one, other in zip(again[-1].lanes, straight[-1].lanes, strict=True):
            if isinstance(one.trace, Trace) and isinstance(other.trace, Trace):
                assert_same(one.trace, other.trace)
            else:
                assert one.trace.steps == other.trace.steps


def test_a_length_limit_is_lifted_and_no_other_end(tiny: Callable[..., HuggingFaceModel]) -> None:
    model, wanted = tiny("gpt2", 10), requests(random.Random(1), 5)
    found = last(model, wanted)
    longer = last(model, [replace(r, max_new_tokens=r.max_new_tokens + 3) for r in wanted], found)
    assert {lane.finish_reason == "length" for lane in found.lanes} == {True, False}
    for before, after in zip(found.lanes, longer.lanes, strict=True):
        assert after.token_ids[: len(before.token_ids)] == before.token_ids
        if before.finish_reason == "length":
            assert len(after.token_ids) > len(before.token_ids)
        else:
            assert after.token_ids == before.token_ids


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_rows_of_a_batch_are_made_again_to_the_last_bit(
    fresh_tiny: Callable[..., HuggingFaceModel], architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = fresh_tiny(architecture)
    wanted = requests(random.Random(8), 5)
    held = last(model, wanted)
    monkeypatch.setattr("playground.engine.Desk", lambda: Desk(0))
    made = last(model, wanted)
    for one, other in zip(held.lanes, made.lanes, strict=True):
        assert isinstance(one.trace, Trace) and isinstance(other.trace, Trace)
        assert not any(step.row.is_kept for step in other.trace.steps)
        assert_same(one.trace, other.trace)


def test_a_comparison_stays_within_64_mib() -> None:
    class Sizes:
        vocab_size, step_bytes = 50257, 4 * 768

    sizes = Sizes()
    rows = [GenerationRequest(PROMPT, catalog.sampling({}, True, 0), 9)] * 5
    guided = GenerationRequest(PROMPT, catalog.sampling({"guidance_scale": 2.0}, True, 0), 9)
    most = longest_comparison([(sizes, one) for one in [*rows, guided]])  # type: ignore[arg-type]
    assert DESK_BYTES + most * 7 * Sizes.step_bytes <= TRACE_BYTES < DESK_BYTES + (most + 1) * 7 * Sizes.step_bytes
    search = GenerationRequest(PROMPT, BeamSearch(8), 9)
    searched = longest_comparison([(sizes, one) for one in [*rows, search]])  # type: ignore[arg-type]
    assert 100 < searched < most
    Sizes.step_bytes = 4 * 50257  # rows kept whole: no desk
    assert longest_comparison([(sizes, one) for one in rows]) == TRACE_BYTES // (5 * 4 * 50257)  # type: ignore[arg-type]


def test_a_long_comparison_holds_what_is_counted_for_it() -> None:
    """Four lanes of 100 tokens with V = 50,257: 80 MB, were their rows of logits kept."""
    width, vocab_size, length = 64, 50_257, 100
    model = benchmark_models.build(vocab_size, context=256, n_layer=1, n_head=1, n_embd=width, n_inner=8).model
    settings: list[dict[str, Any]] = [{"temperature": 0.8}, {"temperature": 0.8, "top_p": 0.9}, {"top_k": 40}, {}]
    strategies = [catalog.sampling(one, bool(one), 3) for one in settings]
    gc.collect()
    before = held(vocab_size), held(width)
    found = last(model, [GenerationRequest(PROMPT, strategy, length) for strategy in strategies])
    for lane in found.lanes:
        assert isinstance(lane.trace, Trace) and len(lane.trace.steps) == length
        for step in lane.trace.steps:
            assert step.reading.rank >= 1  # as the page looks at them: what it reads must not hold on to a row
    gc.collect()
    rows, states = held(vocab_size) - before[0], held(width) - before[1]
    row = 4 * vocab_size
    assert DESK_BYTES - row <= rows <= DESK_BYTES + 2 * row  # besides them, what the model said after the prompt
    counted = sum(lane_bytes(model, lane.request, length) for lane in found.lanes)
    assert counted == 4 * length * 4 * width
    # the first step of all lanes was made of one state; no KV cache of four rows is kept
    assert states == counted - 3 * 4 * width
