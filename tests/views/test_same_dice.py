"""The same dice under other settings: against torch's own draw at a step, and against real runs over a text."""

from dataclasses import replace

import pytest
import torch

from playground import catalog, engine
from playground.catalog import PARAMETERS
from playground.decoding import pipeline
from playground.decoding.rows import Row
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Argmax, Multinomial, dice
from playground.decoding.trace import GenerationRequest, Trace
from playground.engines.huggingface.backend import HuggingFaceModel
from playground.views.same_dice import Parting, carried_over, knob_values, parting, same_dice
from playground.vocabulary import Vocabulary

SIZE = 48
WORDS = Vocabulary(tuple(f" w{i}".encode() for i in range(SIZE)))
COMMON = [p for p in PARAMETERS if p.is_common]
OTHERS: list[dict[str, float]] = [
    {}, {"temperature": 0.4}, {"temperature": 1.9}, {"top_k": 1}, {"top_k": 5}, {"top_p": 0.3}, {"top_p": 0.9},
    {"min_p": 0.2}, {"repetition_penalty": 1.5}, {"temperature": 1.5, "top_p": 0.8, "top_k": 10},
]  # fmt: skip


@pytest.fixture(scope="module")
def model(tiny) -> HuggingFaceModel:  # type: ignore[no-untyped-def]
    made: HuggingFaceModel = tiny("gpt2", vocab_size=SIZE)
    return made


def run(model: HuggingFaceModel, values: dict[str, float], seed: int, length: int = 14) -> Trace:
    strategy = Sampling(catalog.processors(values), Multinomial(seed))
    *_, trace = engine.generate(model, GenerationRequest((1, 2, 3), strategy, length))
    return trace


def test_each_value_of_a_knob_takes_what_torch_draws_with_this_noise(model: HuggingFaceModel) -> None:
    values = {"temperature": 1.2, "top_p": 0.95}
    trace = run(model, values, seed=4)
    for index in (0, 5, 13):
        view = same_dice(trace, index, COMMON, values, catalog.processors, WORDS)
        for band in view.bands:
            tried = [(v, s.token_id) for s in band.stretches for v in s.values]
            assert tuple(v for v, _ in tried) == knob_values(next(p for p in PARAMETERS if p.name == band.name))
            for value, token_id in tried:
                stages = trace.stages_at(index, catalog.processors({**values, band.name: value}))
                logits = pipeline.processed_logits(stages, trace.steps[index].logits[None])[0]
                chances = torch.softmax(logits, -1)
                assert token_id == int(torch.multinomial(chances, 1, generator=dice(4, index, SIZE)))
            for one, next_one in zip(band.stretches, band.stretches[1:], strict=False):
                assert one.token_id != next_one.token_id
        assert view.now_id == view.taken_id == trace.token_ids[index]


def test_the_parting_is_where_a_real_run_with_this_seed_leaves_the_first(model: HuggingFaceModel) -> None:
    parted = 0
    for seed in range(6):
        trace = run(model, {"temperature": 0.9}, seed)
        for other in OTHERS:
            theirs = run(model, other, seed).token_ids
            found = parting(trace, catalog.processors(other), WORDS)
            expected = next((i for i, (a, b) in enumerate(zip(trace.token_ids, theirs, strict=True)) if a != b), None)
            assert found.index == expected
            if expected is not None:
                parted += 1
                assert (found.ours, found.theirs) == (trace.token_ids[expected], theirs[expected])
                assert found.steps == expected + 1
    assert parted > 20


def test_going_on_from_the_parting_gives_that_run(model: HuggingFaceModel) -> None:
    for seed, other in ((1, {"temperature": 1.6}), (2, {"top_k": 3}), (3, {"repetition_penalty": 1.8})):
        trace, fresh = run(model, {"temperature": 0.9}, seed), run(model, other, seed)
        processors = catalog.processors(other)
        found = parting(trace, processors, WORDS)
        assert found.index is not None
        carried = carried_over(trace, found.index, processors)
        *_, gone_on = engine.generate(model, carried.request, carried)
        assert gone_on.token_ids == fresh.token_ids
        for one, its in zip(gone_on.steps, fresh.steps, strict=True):
            assert (one.processors, one.selection, one.choice) == (its.processors, its.selection, its.choice)
            assert torch.equal(one.logits, its.logits)


def test_settings_that_are_the_runs_own_never_part(model: HuggingFaceModel) -> None:
    trace = run(model, {"temperature": 1.1}, 3)
    assert parting(trace, trace.steps[0].processors, WORDS).index is None


def test_a_token_chosen_by_hand_stays(model: HuggingFaceModel) -> None:
    trace = run(model, {}, 8)
    other = (trace.token_ids[2] + 1) % SIZE
    steered = trace.branched(2, other, ())
    nearly_all = catalog.processors({"top_k": SIZE - 1})  # not the run's own settings, and yet the same draws
    assert parting(trace, nearly_all, WORDS).index is None
    assert parting(steered.rewound(3), nearly_all, WORDS).index is None
    assert carried_over(trace.branched(2, other, ()).appended(trace.steps[3]), 3, ()).steps[2].choice.by == "hand"


def test_the_dice_that_greedy_did_not_throw_are_those_of_its_seed(model: HuggingFaceModel) -> None:
    strategy = Sampling((), Argmax(9))
    *_, greedy = engine.generate(model, GenerationRequest((1, 2, 3), strategy, 10))
    sampled = run(model, {}, 9, 10).token_ids
    expected = next(i for i, (a, b) in enumerate(zip(greedy.token_ids, sampled, strict=True)) if a != b)
    assert parting(greedy, (), WORDS).index == expected


def test_steps_that_were_compared_need_not_be_compared_again(model: HuggingFaceModel) -> None:
    compared = 0
    for seed in range(12):
        trace, other = run(model, {}, seed), catalog.processors({"temperature": 0.95})
        whole = parting(trace, other, WORDS)
        for start in range(whole.steps):
            after = Parting(None, start)
            assert parting(trace, other, WORDS, after) == whole
            compared += 1
    assert compared > 30


class Patience:
    """A clock that runs out after so many looks at it."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def __call__(self) -> bool:
        self.looks -= 1
        return self.looks < 0


MIROSTAT = {"mirostat": 2, "mirostat_tau": 3.0, "mirostat_eta": 0.6}


@pytest.mark.parametrize(
    "other", [{"temperature": 0.95}, MIROSTAT, {**MIROSTAT, "mirostat": 1}, {"xtc_probability": 0.05}, {}]
)
@pytest.mark.parametrize("own", [{}, {"mirostat": 2, "mirostat_tau": 2.5}], ids=["plain", "mirostat"])
def test_a_comparison_that_was_broken_off_goes_on_where_it_ended(
    model: HuggingFaceModel, own: dict[str, float], other: dict[str, float]
) -> None:
    """In pieces of any size, the state of mirostat carried along, it ends as in one go; and that is a real run's."""
    pieces = 0
    for seed in range(6):
        trace, processors = run(model, own, seed), catalog.processors(other)
        whole = parting(trace, processors, WORDS)
        theirs = run(model, other, seed).token_ids
        expected = next((i for i, (a, b) in enumerate(zip(trace.token_ids, theirs, strict=True)) if a != b), None)
        assert whole.index == expected
        for size in (1, 3, 8):
            found = parting(trace, processors, WORDS, is_over=Patience(size - 1))
            while found.index is None and found.steps < len(trace.steps):
                before = found.steps
                assert found == replace(parting(trace.rewound(before), processors, WORDS), steps=before)
                found = parting(trace, processors, WORDS, found, Patience(size - 1))
                assert before < found.steps <= before + size
                pieces += 1
            assert found == whole
    assert pieces >= 6


def test_each_comparison_makes_some_headway_even_without_time(model: HuggingFaceModel) -> None:
    trace = run(model, {}, 3)
    assert parting(trace, trace.steps[0].processors, WORDS, is_over=lambda: True) == Parting(None, 1)


def test_the_branch_of_a_run_with_mirostat_has_the_states_of_a_fresh_one(model: HuggingFaceModel) -> None:
    trace = run(model, {}, 0)
    fresh = run(model, MIROSTAT, 0)
    processors = catalog.processors(MIROSTAT)
    found = parting(trace, processors, WORDS)
    assert found.index is not None and found.index > 1
    carried = carried_over(trace, found.index, processors)
    expected = [step.situation.states for step in fresh.steps[: found.index]]
    assert [step.situation.states for step in carried.steps] == expected
    assert len({states["mirostat"] for states in expected}) == len(expected)


def test_knobs_for_which_the_time_is_too_short_are_named_the_common_ones_last(model: HuggingFaceModel) -> None:
    trace, values = run(model, {}, 4), {"top_a": 0.1}
    knobs = [p for p in PARAMETERS if p.name in ("temperature", "top_h", "top_k", "top_a")]
    whole = same_dice(trace, 2, knobs, values, catalog.processors, WORDS)
    assert [band.name for band in whole.bands] == ["temperature", "top_h", "top_k", "top_a"] and not whole.left_out
    for looks, turned in ((0, ["temperature"]), (1, ["temperature", "top_k"]), (2, ["temperature", "top_h", "top_k"])):
        some = same_dice(trace, 2, knobs, values, catalog.processors, WORDS, Patience(looks))
        assert [band.name for band in some.bands] == turned
        assert some.bands == tuple(band for band in whole.bands if band.name in turned)
        assert set(some.left_out) == {p.name for p in knobs} - set(turned)
        assert (some.now_id, some.taken_id) == (whole.now_id, whole.taken_id)


def test_where_no_token_would_be_left() -> None:
    from playground.decoding.selection import Choice
    from playground.decoding.trace import Step

    class All:
        name, truncates, value, is_neutral = "all", False, 1, False

        def __call__(self, context: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
            return torch.full_like(logits, -float("inf"))

        def at(self, situation: object) -> "All":
            return self

    step = Step(0, Row(torch.zeros(SIZE)), (), Multinomial(0), Choice(1, "multinomial"))
    trace = Trace(GenerationRequest((1,), Sampling(), 1), (step,))
    found = parting(trace, (All(),), WORDS)  # type: ignore[arg-type]
    assert (found.index, found.theirs) == (0, None)


def test_the_values_of_a_knob_lie_in_its_range() -> None:
    for parameter in PARAMETERS:
        values = knob_values(parameter)
        assert list(values) == sorted(set(values))
        assert all(parameter.check(v) == v for v in values)
        assert 2 <= len(values) <= 24
