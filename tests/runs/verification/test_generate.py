"""Verification passes with a difference of exactly 0 what equals transformers, and fails whatever was tampered with."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
import torch

from playground import catalog, engine
from playground.decoding.processors import Processor, Temperature, TopK, TopP
from playground.decoding.rows import Row
from playground.decoding.selection import Choice, Multinomial
from playground.decoding.trace import GenerationRequest, Step, Trace
from playground.engines.huggingface.backend import Backend, HuggingFaceModel
from playground.runs.verification.generate import Cancelled, Difference, is_steered, verify

Tiny = Callable[..., HuggingFaceModel]

PROMPT = (3, 1, 4, 1, 5)
SETTINGS: dict[str, Mapping[str, float]] = {
    "plain": {},
    "nucleus": {"temperature": 0.8, "top_p": 0.9},
    "penalties": {"repetition_penalty": 1.3, "no_repeat_ngram_size": 2},
    "all together": {
        "repetition_penalty": 1.2,
        "no_repeat_ngram_size": 3,
        "temperature": 1.3,
        "top_k": 20,
        "top_p": 0.95,
        "min_p": 0.02,
        "typical_p": 0.9,
    },
}
any_settings = pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS.keys())
both = pytest.mark.parametrize("architecture", ["gpt2", "llama"])


def request_of(
    settings: Mapping[str, float], do_sample: bool = True, seed: int = 5, length: int = 10
) -> GenerationRequest:
    return GenerationRequest(PROMPT, catalog.sampling(settings, do_sample, seed), length)


def run(model: HuggingFaceModel, request: GenerationRequest, trace: Trace | None = None) -> Trace:
    return list(engine.generate(model, request, trace))[-1]


def assert_proven(trace: Trace, model: HuggingFaceModel, method: str = "generate", by_hand: int = 0) -> None:
    verification = verify(trace, model)
    assert verification.passed
    assert verification.largest_difference == 0.0
    assert verification.first_difference is None
    assert verification.tokens == verification.equal == len(trace.steps)
    assert (verification.method, verification.by_hand) == (method, by_hand)


# ---- what passes


@both
@any_settings
@pytest.mark.parametrize("do_sample", [True, False], ids=["sampling", "greedy"])
def test_a_straight_run_is_proven_equal(
    tiny: Tiny, architecture: str, settings: Mapping[str, float], do_sample: bool
) -> None:
    model = tiny(architecture)
    trace = run(model, request_of(settings, do_sample))
    assert trace.finish_reason == "length"
    assert_proven(trace, model)


@both
def test_a_run_that_was_stopped_early_is_proven_equal(tiny: Tiny, architecture: str) -> None:
    model = tiny(architecture)
    stopped = engine.generate(model, request_of(SETTINGS["nucleus"]))
    for length in range(1, 5):
        trace = next(stopped)
        assert len(trace.steps) == length
        assert_proven(trace, model)
    stopped.close()  # type: ignore[attr-defined]


@both
@pytest.mark.parametrize("eos", [10, (13, 20, 31)], ids=["one", "three"])
def test_a_run_that_ended_in_an_end_of_text_token_is_proven_equal(
    tiny: Tiny, architecture: str, eos: int | tuple[int, ...]
) -> None:
    model = tiny(architecture, eos)
    traces = [run(model, request_of({}, seed=seed, length=40)) for seed in range(6)]
    ended = [trace for trace in traces if trace.finish_reason == "stop" and len(trace.steps) > 1]
    assert len(ended) >= 2
    for trace in traces:
        assert_proven(trace, model)


@both
@any_settings
@pytest.mark.parametrize("do_sample", [True, False], ids=["sampling", "greedy"])
@pytest.mark.parametrize("index", [0, 4, 9])
def test_a_branch_is_proven_equal_step_by_step(
    fresh_tiny: Tiny, architecture: str, settings: Mapping[str, float], do_sample: bool, index: int
) -> None:
    model = fresh_tiny(architecture)
    request = request_of(settings, do_sample)
    branch = run(model, request).branched(index, 17, ())
    assert_proven(branch, model, "teacher-forced", by_hand=1)
    if branch.finish_reason is None:
        assert_proven(run(model, request, branch), model, "teacher-forced", by_hand=1)


@both
def test_settings_changed_on_the_way_are_proven_equal_step_by_step(fresh_tiny: Tiny, architecture: str) -> None:
    model = fresh_tiny(architecture)
    trace: Trace | None = None
    for length, (name, do_sample, seed) in enumerate(
        [
            ("plain", True, 1),
            ("nucleus", True, 1),
            ("penalties", False, 1),
            ("all together", True, 9),
            ("plain", True, 2),
        ]
    ):
        trace = run(model, request_of(SETTINGS[name], do_sample, seed, 3 * length + 3), trace)
    assert trace is not None and len(trace.steps) == 15
    assert is_steered(trace)
    assert_proven(trace, model, "teacher-forced")


def test_a_branch_into_an_end_of_text_token_is_proven_equal(fresh_tiny: Tiny) -> None:
    model = fresh_tiny(eos=(13, 20, 31))
    trace = next(engine.generate(model, request_of({}))).branched(0, 20, model.eos_ids)
    assert trace.finish_reason == "stop"
    assert_proven(trace, model, "teacher-forced", by_hand=1)


@any_settings
def test_a_run_of_the_default_model_is_proven_equal(storyteller: Backend, settings: Mapping[str, float]) -> None:
    prompt = storyteller.tokenizer.encode("There was once a princess who")
    for do_sample in (True, False):
        request = GenerationRequest(prompt, catalog.sampling(settings, do_sample, 3), 16)
        assert_proven(run(storyteller.model, request), storyteller.model)


def test_a_rewound_run_that_went_on_unchanged_is_no_steered_run(tiny: Tiny) -> None:
    model = tiny()
    request = request_of(SETTINGS["nucleus"])
    straight = run(model, request)
    assert not is_steered(straight)
    assert is_steered(straight.branched(2, 1, ()))
    again = run(model, request, straight.rewound(3))
    assert not is_steered(again)
    assert_proven(again, model)


LONG = (
    "Once upon a time there was a little girl who lived in a small house near the forest with her mother and her old "
    "grandmother, and every day she went out to play with the animals."
)


def test_a_prompt_that_was_edited_at_its_end_is_proven_equal_too(storyteller: Backend) -> None:
    """Most of the prompt was read a moment ago, but for another run: this one equals `generate` to the last bit."""
    differences = []
    for end in (" One day", " Then", " But", " She", " The wolf", " In the"):
        prompt = storyteller.tokenizer.encode(LONG + end)
        request = GenerationRequest(prompt, catalog.sampling(SETTINGS["nucleus"], True, 1), 24)
        verification = verify(run(storyteller.model, request), storyteller.model)
        assert verification.first_difference is None
        differences.append(verification.largest_difference)
    assert differences == [0.0] * 6


def test_a_paused_run_whose_cache_went_to_somebody_else_is_proven_equal_too(storyteller: Backend) -> None:
    """Two visitors at the same example: both runs are straight runs, equal to `generate` to the last bit."""
    prompt = storyteller.tokenizer.encode("The old king called his three sons")
    first, second = (GenerationRequest(prompt, catalog.sampling({}, True, seed), 24) for seed in (1, 2))
    straight = run(storyteller.model, first)
    run(storyteller.model, second)
    assert_proven(run(storyteller.model, first, straight.rewound(12)), storyteller.model)


# ---- what fails


def with_step(trace: Trace, index: int, **changes: object) -> Trace:
    steps = list(trace.steps)
    steps[index] = replace(steps[index], **changes)  # type: ignore[arg-type]
    return replace(trace, steps=tuple(steps))


def with_every_step(trace: Trace, **changes: object) -> Trace:
    steps: tuple[Step, ...] = tuple(replace(step, **changes) for step in trace.steps)  # type: ignore[arg-type]
    return replace(trace, steps=steps)


def steered(model: HuggingFaceModel) -> Trace:
    """Ten tokens, the third by hand."""
    request = request_of(SETTINGS["nucleus"])
    return run(model, request, run(model, request).branched(2, 17, ()))


def straight(model: HuggingFaceModel) -> Trace:
    return run(model, request_of(SETTINGS["nucleus"]))


def greedy(model: HuggingFaceModel) -> Trace:
    return run(model, request_of({}, do_sample=False))


runs = pytest.mark.parametrize("make", [straight, steered, greedy])


@runs
@pytest.mark.parametrize("index", [0, 5, 9])
def test_a_token_that_was_changed_is_found(fresh_tiny: Tiny, make: Callable[..., Trace], index: int) -> None:
    model = fresh_tiny("llama")
    trace = make(model)
    true_id = trace.token_ids[index]
    false_id = (true_id + 1) % 32
    choice = Choice(false_id, trace.steps[index].choice.by)
    verification = verify(with_step(trace, index, choice=choice), model)
    assert not verification.passed
    assert verification.first_difference == Difference(index, false_id, true_id)
    assert verification.equal == index


@runs
@pytest.mark.parametrize("index", [0, 5, 9])
def test_logits_that_are_off_by_a_thousandth_are_found(
    fresh_tiny: Tiny, make: Callable[..., Trace], index: int
) -> None:
    model = fresh_tiny("gpt2")
    trace = make(model)
    for token in (int(trace.steps[index].logits.argmax()), int(trace.steps[index].logits.argmin())):
        logits = trace.steps[index].logits.clone()
        logits[token] += 1e-3
        verification = verify(with_step(trace, index, row=Row(logits)), model)
        assert not verification.passed
        assert verification.largest_difference == pytest.approx(1e-3, rel=0.5)


@pytest.mark.parametrize(
    "processors",
    [(), (Temperature(0.8),), (Temperature(2.5), TopP(0.5)), (Temperature(0.2), TopP(0.5)), (TopK(1),)],
    ids=["none", "top-p left out", "too hot", "too cold", "greedy"],
)
def test_settings_that_were_not_in_force_are_found(tiny: Tiny, processors: tuple[Processor, ...]) -> None:
    """The tokens drawn betray them: the same dice lead elsewhere."""
    model = tiny("llama")
    trace = run(model, request_of({"temperature": 0.8, "top_p": 0.5}, seed=2, length=40))
    verification = verify(with_every_step(trace, processors=processors), model)
    assert not verification.passed
    assert verification.first_difference is not None
    assert verification.equal == verification.first_difference.index < 40


def test_settings_recorded_wrongly_for_one_step_are_found(tiny: Tiny) -> None:
    """At a step whose draw was not the most probable token, top_k = 1 can't have been in force."""
    model = tiny("gpt2")
    trace = run(model, request_of({}, length=20))
    index = next(i for i, step in enumerate(trace.steps) if step.reading.rank > 1)
    tampered = with_step(trace, index, processors=(TopK(1),))
    verification = verify(tampered, model)
    assert verification.method == "teacher-forced"
    assert not verification.passed
    most_probable = int(trace.steps[index].logits.argmax())
    assert verification.first_difference == Difference(index, trace.token_ids[index], most_probable)


def test_a_seed_that_was_not_thrown_is_found(fresh_tiny: Tiny) -> None:
    model = fresh_tiny("llama")
    trace = run(model, request_of({}, seed=5, length=20))
    assert not verify(with_every_step(trace, selection=Multinomial(6)), model).passed
    branch = run(model, trace.request, trace.branched(2, 17, ()))
    verification = verify(with_every_step(branch, selection=Multinomial(6)), model)
    assert not verification.passed
    assert verification.method == "teacher-forced"
    assert verification.by_hand == 1


def test_greedy_search_is_not_taken_for_sampling_nor_sampling_for_greedy_search(tiny: Tiny) -> None:
    model = tiny("gpt2")
    sampled = run(model, request_of({}, length=20))
    searched = run(model, request_of({}, do_sample=False, length=20))
    assert not verify(with_every_step(sampled, selection=searched.steps[0].selection), model).passed
    assert not verify(with_every_step(searched, selection=sampled.steps[0].selection), model).passed


def test_another_prompt_is_found(tiny: Tiny) -> None:
    model = tiny("gpt2")
    for trace in (straight(model), steered(model)):
        moved = replace(trace, request=replace(trace.request, prompt_ids=(3, 1, 4, 1, 6)))
        assert not verify(moved, model).passed


def test_another_model_is_found(tiny: Tiny) -> None:
    for make in (straight, steered, greedy):
        assert not verify(make(tiny("gpt2")), tiny("gpt2", seed=1)).passed


def test_a_steered_run_that_went_on_after_its_end_is_found(fresh_tiny: Tiny) -> None:
    endless = fresh_tiny("gpt2")
    request = request_of({}, length=20)
    branch = run(endless, request).branched(4, 20, ())
    trace = run(endless, request, branch)
    assert not verify(trace, fresh_tiny("gpt2", eos=20)).passed


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_run_that_went_on_after_its_end_is_found(tiny: Tiny, seed: int) -> None:
    """A trace made without the end-of-text tokens, judged by a model that has them: `generate` would have stopped."""
    endless, ending = tiny("gpt2"), tiny("gpt2", (13, 20, 31))
    trace = run(endless, request_of({}, seed=seed, length=40))
    index = next(i for i, token in enumerate(trace.token_ids) if token in ending.eos_ids)
    assert index < 39
    verification = verify(trace, ending)
    assert not verification.passed
    assert verification.first_difference == Difference(index + 1, trace.token_ids[index + 1], None)


# ---- what it leaves behind


@pytest.mark.parametrize("make", [straight, steered])
def test_the_global_generator_is_left_as_it_was(tiny: Tiny, make: Callable[..., Trace]) -> None:
    model = tiny("llama")
    trace = make(model)
    torch.manual_seed(123)
    before = torch.random.get_rng_state()
    for state_of_things in (trace, with_every_step(trace, selection=Multinomial(77))):
        verify(state_of_things, model)
        assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(321)
    assert verify(trace, model).passed  # whatever state it found


def test_the_kept_caches_and_the_trace_are_left_as_they_were(fresh_tiny: Tiny) -> None:
    model = fresh_tiny("llama")
    trace = straight(model)
    logits = [step.logits.clone() for step in trace.steps]
    verify(trace, model)
    verify(steered(model), model)
    assert all(torch.equal(step.logits, before) for step, before in zip(trace.steps, logits, strict=True))
    again = straight(model)
    assert all(torch.equal(step.logits, before) for step, before in zip(again.steps, logits, strict=True))


@pytest.mark.parametrize("make", [straight, steered])
def test_a_verification_nobody_waits_for_is_given_up(
    tiny: Tiny, make: Callable[..., Trace], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny("llama")
    trace = make(model)
    passes: list[int] = []
    forward = model.module.forward

    def counting(*args: object, **kwargs: object) -> object:
        passes.append(1)
        return forward(*args, **kwargs)

    monkeypatch.setattr(model.module, "forward", counting)
    for patience in (0, 1, 4):
        passes.clear()
        with pytest.raises(Cancelled):
            verify(trace, model, lambda patience=patience: len(passes) <= patience)
        assert len(passes) == patience + 1 < len(trace.steps)
    before = torch.random.get_rng_state()
    with pytest.raises(Cancelled):
        verify(trace, model, lambda: False)
    assert torch.equal(torch.random.get_rng_state(), before)


# ---- recorded runs


def elsewhere(trace: Trace, by: float = 1e-5) -> Trace:
    """The run as another processor would have made it: its logits off in the last bits, its choices the same."""
    for step in trace.steps:
        noise = torch.linspace(-by, by, step.logits.shape[-1]).roll(step.index)
        trace = with_step(trace, step.index, row=Row(step.logits + noise))
    return trace


@runs
def test_a_recorded_run_is_compared_on_what_was_recorded(fresh_tiny: Tiny, make: Callable[..., Trace]) -> None:
    model = fresh_tiny("gpt2")
    trace = make(model)
    recorded = elsewhere(trace)
    verification = verify(recorded, model, recorded=len(trace.steps))
    assert verification.passed
    assert verification.largest_difference == 0.0  # the number that a live run shows
    assert 1e-6 < (verification.elsewhere or 0) < 1e-4
    assert verify(trace, model, recorded=len(trace.steps)).elsewhere == 0.0  # on the processor that recorded it
    assert verify(trace, model).elsewhere is None


def test_only_the_recorded_steps_are_excused(fresh_tiny: Tiny) -> None:
    model = fresh_tiny("gpt2")
    trace = run(model, request_of(SETTINGS["nucleus"]))
    recorded = elsewhere(trace, 1e-4)
    assert verify(recorded, model, recorded=10).passed
    assert not verify(recorded, model, recorded=9).passed  # the last was made here, so it must be equal
    assert not verify(recorded, model).passed


def test_a_recording_of_another_model_or_with_another_token_is_found(fresh_tiny: Tiny) -> None:
    model = fresh_tiny("gpt2")
    trace = run(model, request_of({}))
    far = verify(elsewhere(trace, 0.1), model, recorded=10)
    assert far.largest_difference == 0.0
    assert not far.passed  # the model's own numbers are others
    other = with_step(trace, 4, choice=Choice((trace.token_ids[4] + 1) % 8, "multinomial"))
    found = verify(other, model, recorded=10)
    assert found.first_difference == Difference(4, other.token_ids[4], trace.token_ids[4])
