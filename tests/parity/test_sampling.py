"""Sampling equals transformers' `generate`: the same ids, the same scores, the same logits, to the last bit.

The oracle is called here on its own, with every argument spelled out; `top_k=0` always when sampling, because
`generate` silently keeps 50 tokens. Nothing below has a tolerance but where it is said.
"""

import itertools
from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor
from transformers import LogitsProcessor, LogitsProcessorList

from playground import catalog, engine
from playground.decoding import pipeline
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Multinomial
from playground.decoding.trace import GenerationRequest, Trace
from playground.engines.huggingface.backend import Backend, HuggingFaceModel

pytestmark = pytest.mark.parity

Settings = Mapping[str, float]

PENALTIES: dict[str, Settings] = {
    "plain": {},
    "repetition_penalty": {"repetition_penalty": 1.3},
    "reward for repetition": {"repetition_penalty": 0.8},
    "no_repeat_ngram_size": {"no_repeat_ngram_size": 2},
    "unigram ban": {"no_repeat_ngram_size": 1},
    "both penalties": {"repetition_penalty": 1.3, "no_repeat_ngram_size": 2},
}
SAMPLERS: dict[str, Settings] = {
    **PENALTIES,
    "cold": {"temperature": 0.4},
    "hot": {"temperature": 1.9},
    "top_k": {"top_k": 5},
    "top_k 1": {"top_k": 1},
    "top_k beyond the vocabulary": {"top_k": 1000},
    "top_p": {"top_p": 0.7},
    "top_p 0": {"top_p": 0.0},
    "min_p": {"min_p": 0.15},
    "typical_p": {"typical_p": 0.6},
    "temperature and top_p": {"temperature": 0.7, "top_p": 0.8},
    "temperature and min_p": {"temperature": 1.6, "min_p": 0.1},
    "top_k and top_p": {"top_k": 8, "top_p": 0.9},
    "top_p and typical_p": {"top_p": 0.9, "typical_p": 0.7},
    "repetition_penalty and top_p": {"repetition_penalty": 1.5, "top_p": 0.8},
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
SEEDS = range(8)
PROMPTS = ((3, 1, 4, 1, 5), (9,), (2, 6, 2, 6, 2, 6, 2), (11, 12, 13), (0, 0), (7, 8, 9, 10, 7), (20, 5, 20), (1, 2, 3))
ENDS = {"none": None, "one": 10, "three": (13, 20, 31)}
LENGTH = 12


def ours(
    model: HuggingFaceModel,
    prompt: tuple[int, ...],
    settings: Settings,
    do_sample: bool,
    seed: int,
    length: int = LENGTH,
) -> Trace:
    request = GenerationRequest(prompt, catalog.sampling(settings, do_sample, seed), length)
    return list(engine.generate(model, request))[-1]


def theirs(
    model: HuggingFaceModel,
    prompt: tuple[int, ...],
    arguments: Mapping[str, object],
    seed: int,
    length: int = LENGTH,
    logits_processor: LogitsProcessorList | None = None,
) -> tuple[tuple[int, ...], list[Tensor], list[Tensor]]:
    """ids, raw logits (V,) and processed scores (V,) of every step, by `generate`."""
    ids = torch.tensor([prompt])
    eos_ids = list(model.eos_ids)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        output = model.module.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=length,
            eos_token_id=eos_ids or None,
            pad_token_id=0,
            logits_processor=logits_processor,
            return_dict_in_generate=True,
            output_scores=True,
            output_logits=True,
            **arguments,
        )
    taken = tuple(output.sequences[0, len(prompt) :].tolist())
    return taken, [row[0] for row in output.logits], [row[0] for row in output.scores]


def processed(trace: Trace, index: int) -> Tensor:
    """The scores (V,) from which token `index` was taken, derived from the trace."""
    return pipeline.processed_logits(trace.stages_at(index), trace.steps[index].logits[None])[0]


def assert_equal_runs(trace: Trace, oracle: tuple[tuple[int, ...], list[Tensor], list[Tensor]]) -> None:
    ids, logits, scores = oracle
    assert trace.token_ids == ids
    for index, step in enumerate(trace.steps):
        assert torch.equal(step.logits, logits[index]), f"raw logits of step {index}"
        assert torch.equal(processed(trace, index), scores[index]), f"processed scores of step {index}"


def assert_same_facts(trace: Trace, straight: Trace) -> None:
    """The same tokens from the same numbers, bit for bit."""
    assert trace.token_ids == straight.token_ids
    assert all(torch.equal(a.logits, b.logits) for a, b in zip(trace.steps, straight.steps, strict=True))
    assert trace.finish_reason == straight.finish_reason


@pytest.mark.parametrize("settings", SAMPLERS.values(), ids=SAMPLERS.keys())
@pytest.mark.parametrize("eos", ENDS.values(), ids=[f"eos {name}" for name in ENDS])
@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_sampling_equals_generate(
    tiny: Callable[..., HuggingFaceModel], architecture: str, eos: int | tuple[int, ...] | None, settings: Settings
) -> None:
    model = tiny(architecture, eos)
    for seed, prompt in zip(SEEDS, PROMPTS, strict=True):
        oracle = theirs(model, prompt, {"do_sample": True, "top_k": 0, **settings}, seed)
        assert_equal_runs(ours(model, prompt, settings, True, seed), oracle)


@pytest.mark.parametrize("settings", PENALTIES.values(), ids=PENALTIES.keys())
@pytest.mark.parametrize("eos", ENDS.values(), ids=[f"eos {name}" for name in ENDS])
@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_greedy_search_equals_generate(
    tiny: Callable[..., HuggingFaceModel], architecture: str, eos: int | tuple[int, ...] | None, settings: Settings
) -> None:
    model = tiny(architecture, eos)
    for prompt in PROMPTS:
        assert_equal_runs(
            ours(model, prompt, settings, False, 0), theirs(model, prompt, {"do_sample": False, **settings}, 0)
        )


def test_greedy_search_ignores_the_warpers_as_generate_does(tiny: Callable[..., HuggingFaceModel]) -> None:
    model = tiny("gpt2", 10)
    warpers = {"temperature": 0.3, "top_k": 2, "top_p": 0.5, "min_p": 0.5, "typical_p": 0.2}
    assert_equal_runs(ours(model, PROMPTS[0], warpers, False, 0), theirs(model, PROMPTS[0], {"do_sample": False}, 0))


def test_the_grid_holds_runs_that_stop_early_and_runs_that_reach_the_limit(
    tiny: Callable[..., HuggingFaceModel],
) -> None:
    """So that the comparisons above mean something: otherwise no end-of-text token would ever have been met."""
    for architecture, eos in itertools.product(("gpt2", "llama"), (10, (13, 20, 31))):
        reasons = [
            ours(tiny(architecture, eos), prompt, settings, True, seed).finish_reason
            for seed, prompt in zip(SEEDS, PROMPTS, strict=True)
            for settings in SAMPLERS.values()
        ]
        assert reasons.count("stop") >= 10
        assert reasons.count("length") >= 10


def test_the_settings_of_the_grid_lead_to_different_texts(tiny: Callable[..., HuggingFaceModel]) -> None:
    """A processor that is silently left out on both sides would go unnoticed if it changed nothing."""
    model = tiny("gpt2")
    plain = [ours(model, prompt, {}, True, seed).token_ids for seed, prompt in zip(SEEDS, PROMPTS, strict=True)]
    for name, settings in SAMPLERS.items():
        texts = [ours(model, prompt, settings, True, s).token_ids for s, prompt in zip(SEEDS, PROMPTS, strict=True)]
        assert (texts == plain) == (name in ("plain", "top_k beyond the vocabulary")), name


STORYTELLER_SETTINGS: dict[str, Settings] = {
    "plain": {},
    "nucleus": {"temperature": 0.8, "top_p": 0.9},
    "top_k and min_p": {"top_k": 40, "min_p": 0.05},
    "all together": SAMPLERS["all together"],
}


@pytest.mark.parametrize("settings", STORYTELLER_SETTINGS.values(), ids=STORYTELLER_SETTINGS.keys())
def test_sampling_of_the_default_model_equals_generate(storyteller: Backend, settings: Settings) -> None:
    prompt = storyteller.tokenizer.encode("Once upon a time there was a little")
    for seed in SEEDS:
        oracle = theirs(storyteller.model, prompt, {"do_sample": True, "top_k": 0, **settings}, seed, 24)
        assert_equal_runs(ours(storyteller.model, prompt, settings, True, seed, 24), oracle)


@pytest.mark.parametrize("settings", PENALTIES.values(), ids=PENALTIES.keys())
def test_greedy_search_of_the_default_model_equals_generate(storyteller: Backend, settings: Settings) -> None:
    prompt = storyteller.tokenizer.encode("The king was")
    oracle = theirs(storyteller.model, prompt, {"do_sample": False, **settings}, 0, 24)
    assert_equal_runs(ours(storyteller.model, prompt, settings, False, 0, 24), oracle)


@pytest.mark.parametrize("settings", SAMPLERS.values(), ids=SAMPLERS.keys())
@pytest.mark.parametrize("do_sample", [True, False], ids=["sampling", "greedy"])
def test_the_copied_arguments_make_generate_do_the_same(
    tiny: Callable[..., HuggingFaceModel], settings: Settings, do_sample: bool
) -> None:
    """`generate_arguments()` is what the page shows as code to copy: model.generate(ids, **arguments)."""
    model = tiny("llama", 10)
    for seed in (4, 5):
        trace = ours(model, PROMPTS[0], settings, do_sample, seed)
        strategy = trace.request.strategy
        assert isinstance(strategy, Sampling)
        assert_equal_runs(trace, theirs(model, PROMPTS[0], strategy.generate_arguments(), seed))


# ---- paused, rewound, steered: what `generate` can't do must still be the straight run wherever nothing was changed


WAYS: dict[str, tuple[Settings, bool]] = {
    "greedy": ({}, False),
    "greedy, penalties": (PENALTIES["both penalties"], False),
    "sampling": ({}, True),
    "sampling, all together": (SAMPLERS["all together"], True),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_a_paused_run_goes_on_as_if_it_had_never_stopped(
    fresh_tiny: Callable[..., HuggingFaceModel], architecture: str, way: tuple[Settings, bool]
) -> None:
    request = GenerationRequest(PROMPTS[0], catalog.sampling(*way, 7), LENGTH)
    straight = list(engine.generate(fresh_tiny(architecture), request))[-1]
    for pause in range(1, LENGTH):
        model = fresh_tiny(architecture)  # nothing kept but what the pause itself leaves behind
        run = engine.generate(model, request)
        trace = next(run)
        for _ in range(pause - 1):
            trace = next(run)
        run.close()
        assert len(trace.steps) == pause
        assert_same_facts(list(engine.generate(model, request, trace))[-1], straight)


def test_a_run_paused_after_every_token_equals_the_straight_run(storyteller: Backend) -> None:
    prompt = storyteller.tokenizer.encode("In the middle of the forest")
    request = GenerationRequest(prompt, catalog.sampling({"top_p": 0.95}, True, 3), 16)
    oracle = theirs(storyteller.model, prompt, {"do_sample": True, "top_k": 0, "top_p": 0.95}, 3, 16)
    trace: Trace | None = None
    while trace is None or trace.finish_reason is None:
        run = engine.generate(storyteller.model, request, trace)
        trace = next(run)
        run.close()
    assert_equal_runs(trace, oracle)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_a_rewound_run_throws_the_same_dice_again(
    fresh_tiny: Callable[..., HuggingFaceModel], architecture: str, way: tuple[Settings, bool]
) -> None:
    model = fresh_tiny(architecture)
    request = GenerationRequest(PROMPTS[2], catalog.sampling(*way, 11), LENGTH)
    straight = list(engine.generate(model, request))[-1]
    for length in (11, 7, 1, 0):  # each from the cache that the one before left
        again = list(engine.generate(model, request, straight.rewound(length)))[-1]
        assert_same_facts(again, straight)


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_the_same_prompt_again_gives_the_same_bits_from_the_kept_cache(
    fresh_tiny: Callable[..., HuggingFaceModel], architecture: str
) -> None:
    model = fresh_tiny(architecture, 10)
    runs = [ours(model, PROMPTS[5], {"temperature": 1.5}, True, 2) for _ in range(3)]
    assert_same_facts(runs[1], runs[0])
    assert_same_facts(runs[2], runs[0])
    assert_equal_runs(runs[2], theirs(model, PROMPTS[5], {"do_sample": True, "top_k": 0, "temperature": 1.5}, 2))


def test_another_seed_from_the_kept_cache_equals_generate(storyteller: Backend) -> None:
    prompt = storyteller.tokenizer.encode("She opened the door and")
    for seed in (1, 2, 1):
        oracle = theirs(storyteller.model, prompt, {"do_sample": True, "top_k": 0}, seed, 10)
        assert_equal_runs(ours(storyteller.model, prompt, {}, True, seed, 10), oracle)


class Force(LogitsProcessor):
    """Leaves `generate` one token at one place, and everything else as it is."""

    def __init__(self, length: int, token_id: int) -> None:
        self.length = length
        self.token_id = token_id

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        if input_ids.shape[1] != self.length:
            return scores
        forced = torch.full_like(scores, -float("inf"))
        forced[:, self.token_id] = 0
        return forced


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_a_branch_goes_on_like_generate_led_through_the_chosen_token(
    fresh_tiny: Callable[..., HuggingFaceModel], architecture: str, way: tuple[Settings, bool]
) -> None:
    """One token chosen by hand at step i: the steps after it are those of `generate`, with the same dice."""
    settings, do_sample = way
    prompt = PROMPTS[0]
    request = GenerationRequest(prompt, catalog.sampling(settings, do_sample, 5), LENGTH)
    for index in (0, 4, LENGTH - 1):
        model = fresh_tiny(architecture)
        straight = list(engine.generate(model, request))[-1]
        token_id = (straight.token_ids[index] + 1) % 32
        branch = straight.branched(index, token_id, model.eos_ids)
        if branch.finish_reason is None:
            branch = list(engine.generate(model, request, branch))[-1]
        arguments = {"do_sample": do_sample, **({"top_k": 0} if do_sample else {}), **settings}
        force = LogitsProcessorList([Force(len(prompt) + index, token_id)])
        ids, logits, scores = theirs(model, prompt, arguments, 5, logits_processor=force)
        assert branch.token_ids == ids
        for i, step in enumerate(branch.steps):
            assert torch.equal(step.logits, logits[i])
            assert i == index or torch.equal(processed(branch, i), scores[i])
        assert [step.choice.by for step in branch.steps].count("hand") == 1


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_a_paused_run_whose_cache_went_to_another_run_still_goes_on_bit_for_bit(
    fresh_tiny: Callable[..., HuggingFaceModel], architecture: str
) -> None:
    """Two people run the same example prompt with different seeds; the first one paused and goes on."""
    first = GenerationRequest(PROMPTS[0], catalog.sampling({}, True, 5), LENGTH)
    second = GenerationRequest(PROMPTS[0], catalog.sampling({}, True, 6), LENGTH)
    model = fresh_tiny(architecture)
    straight = list(engine.generate(model, first))[-1]
    list(engine.generate(model, second))
    assert_same_facts(list(engine.generate(model, first, straight.rewound(8)))[-1], straight)


def test_settings_changed_midway_hold_from_there_on(tiny: Callable[..., HuggingFaceModel]) -> None:
    """The steps before keep the settings they were taken under; the new ones are taken under the new ones."""
    model = tiny("llama")
    hot = GenerationRequest(PROMPTS[3], catalog.sampling({"temperature": 1.8}, True, 1), LENGTH)
    cold = GenerationRequest(PROMPTS[3], catalog.sampling({"top_k": 1}, True, 1), LENGTH)
    start = list(engine.generate(model, hot))[-1].rewound(6)
    changed = list(engine.generate(model, cold, start))[-1]
    assert changed.token_ids[:6] == start.token_ids
    ways = [hot.strategy.processors] * 6 + [cold.strategy.processors] * 6
    assert [step.processors for step in changed.steps] == ways
    for index in range(6, LENGTH):
        step = changed.steps[index]
        assert step.choice.token_id == int(step.logits.argmax())
    _, logits, _ = theirs(model, PROMPTS[3] + changed.token_ids[:6], {"do_sample": False}, 0, LENGTH - 6)
    led = torch.stack([step.logits for step in changed.steps[6:]])
    torch.testing.assert_close(led, torch.stack(logits), rtol=0, atol=1e-5)


def test_the_global_generator_is_neither_read_nor_moved(tiny: Callable[..., HuggingFaceModel]) -> None:
    model = tiny("gpt2")
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    first = ours(model, PROMPTS[0], {}, True, 9)
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.manual_seed(2)
    assert ours(model, PROMPTS[0], {}, True, 9).token_ids == first.token_ids
    assert isinstance(first.steps[0].selection, Multinomial)
