"""Every processor that transformers has, alone, in pairs and all together, in greedy search and sampling: the ids and
scores of `generate`, to the last bit. Guidance reads its second text in another call shape, so there the tokens count.
"""

import copy
import itertools
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import LogitsProcessorList, WatermarkDetector, WatermarkingConfig
from transformers.generation import logits_process as oracles

from playground import catalog, engine
from playground.decoding import pipeline
from playground.decoding.orders import LLAMA_CPP_ORDER, SAMPLING_ONLY
from playground.decoding.processors_watermark import watermark_score
from playground.decoding.sampling import Sampling
from playground.decoding.trace import GenerationRequest, Trace
from playground.engines.huggingface.backend import HuggingFaceModel
from playground.runs.verification.generate import verify

pytestmark = pytest.mark.parity

V, LENGTH, SEEDS = 32, 10, range(8)
PROMPTS = ((3, 1, 4, 1, 5), (9,), (2, 6, 2, 6, 2, 6, 2), (11, 12, 13), (0, 0), (7, 8, 9, 10, 7), (20, 5, 20), (1, 2, 3))
EOS = (10, 13, 20, 31, 4, 17)

# Ours beside the arguments of `generate`, written out by hand: nothing of ours translates them here.
ALONE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    name: (values, {**values} if theirs is None else theirs)
    for name, values, theirs in (
        ("sequence_bias", {"sequence_bias": [[[5], 2.5], [[1, 7], 4.0], [[7], -1.5], [[3, 1, 9], 3.0]]}, None),
        ("repetition_penalty", {"repetition_penalty": 1.4}, None),
        ("no_repeat_ngram_size", {"no_repeat_ngram_size": 2}, None),
        ("bad_words_ids", {"bad_words_ids": [[5], [7, 8], [10], [1, 2, 3], [22, 6]]}, None),
        ("min_new_tokens", {"min_new_tokens": 4}, None),
        (
            "exponential_decay_length_penalty",
            {"exponential_decay_length_penalty": 1.3, "exponential_decay_start": 2},
            {"exponential_decay_length_penalty": (2, 1.3)},
        ),
        ("suppress_tokens", {"suppress_tokens": [1, 2, 3, 10]}, None),
        ("temperature", {"temperature": 1.7}, None),
        ("top_h", {"top_h": 0.6}, None),
        ("top_k", {"top_k": 6}, None),
        ("top_p", {"top_p": 0.8}, None),
        ("min_p", {"min_p": 0.1}, None),
        ("typical_p", {"typical_p": 0.7}, None),
        ("epsilon_cutoff", {"epsilon_cutoff": 0.04}, None),
        ("eta_cutoff", {"eta_cutoff": 0.3}, None),
        (
            "watermark_bias",
            {"watermark_bias": 3.0, "watermark_greenlist_ratio": 0.4},
            {"watermarking_config": {"bias": 3.0, "greenlist_ratio": 0.4}},
        ),
        ("renormalize_logits", {"renormalize_logits": 1}, {"renormalize_logits": True}),
    )
}


def combined(*names: str) -> tuple[dict[str, Any], dict[str, Any]]:
    ours, theirs = {}, {}
    for name in names:
        ours |= ALONE[name][0]
        theirs |= ALONE[name][1]
    return ours, theirs


def run(
    model: HuggingFaceModel, prompt: tuple[int, ...], values: Mapping[str, Any], do_sample: bool, seed: int, **more: Any
) -> Trace:
    strategy = catalog.sampling(values, do_sample, seed, **more)
    return list(engine.generate(model, GenerationRequest(prompt, strategy, LENGTH)))[-1]


def generated(
    model: HuggingFaceModel, prompt: tuple[int, ...], arguments: Mapping[str, Any], do_sample: bool, seed: int,
    chain: LogitsProcessorList | None = None,
) -> tuple[tuple[int, ...], list[Tensor]]:  # fmt: skip
    """ids and processed scores (V,) of every step, by `generate`."""
    ids = torch.tensor([prompt])
    arguments = {**({"top_k": 0} if do_sample else {}), **arguments}
    if "watermarking_config" in arguments:
        arguments["watermarking_config"] = WatermarkingConfig(**arguments["watermarking_config"])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        output = model.module.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=do_sample, max_new_tokens=LENGTH, pad_token_id=0,
            eos_token_id=list(model.eos_ids) or None, return_dict_in_generate=True, output_scores=True,
            logits_processor=chain, **arguments,
        )  # fmt: skip
    return tuple(output.sequences[0, len(prompt) :].tolist()), [row[0] for row in output.scores]


def assert_equal(trace: Trace, oracle: tuple[tuple[int, ...], list[Tensor]]) -> None:
    ids, scores = oracle
    assert trace.token_ids == ids
    for index, step in enumerate(trace.steps):
        ours = pipeline.processed_logits(trace.stages_at(index), step.logits[None])[0]
        assert torch.equal(ours, scores[index]), f"scores of step {index}"


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
@pytest.mark.parametrize("name", ALONE)
def test_each_alone_equals_generate(tiny: Callable[..., HuggingFaceModel], name: str, architecture: str) -> None:
    model, (ours, theirs) = tiny(architecture, EOS), ALONE[name]
    changed = False
    for seed, prompt in zip(SEEDS, PROMPTS, strict=True):
        for do_sample in (True, False):
            if not do_sample and name in SAMPLING_ONLY:
                continue
            trace = run(model, prompt, ours, do_sample, seed)
            assert_equal(trace, generated(model, prompt, theirs, do_sample, seed))
            stages = [s for i in range(len(trace.steps)) for s in trace.stages_at(i)]
            changed = changed or any(not torch.equal(stage.before, stage.logits) for stage in stages)
    assert changed, "a processor that changed nothing has not been compared"


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
@pytest.mark.parametrize("name", ALONE)
def test_each_pair_equals_generate(tiny: Callable[..., HuggingFaceModel], name: str, architecture: str) -> None:
    """Every pair, with one of the eight seeds each."""
    model = tiny(architecture, EOS)
    for number, other in enumerate(itertools.islice(ALONE, list(ALONE).index(name) + 1, None)):
        ours, theirs = combined(name, other)
        seed = (number + list(ALONE).index(name)) % len(SEEDS)
        greedy = not {name, other} & SAMPLING_ONLY
        do_sample = not greedy or number % 2 == 0
        trace = run(model, PROMPTS[seed], ours, do_sample, seed)
        assert_equal(trace, generated(model, PROMPTS[seed], theirs, do_sample, seed))


@pytest.mark.parametrize("do_sample", [True, False], ids=["sampling", "greedy"])
@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_all_together_equal_generate(tiny: Callable[..., HuggingFaceModel], architecture: str, do_sample: bool) -> None:
    model, (ours, theirs) = tiny(architecture, EOS), combined(*ALONE)
    ours |= {"top_k": 20, "epsilon_cutoff": 0.001, "eta_cutoff": 0.002, "top_h": 0.95}  # so that something is left
    theirs |= {"top_k": 20, "epsilon_cutoff": 0.001, "eta_cutoff": 0.002, "top_h": 0.95}
    if not do_sample:
        theirs = {name: value for name, value in theirs.items() if name not in SAMPLING_ONLY}
    for seed, prompt in zip(SEEDS, PROMPTS, strict=True):
        assert_equal(run(model, prompt, ours, do_sample, seed), generated(model, prompt, theirs, do_sample, seed))


@pytest.mark.parametrize("name", ["min_new_tokens", "bad_words_ids"])
def test_what_speaks_of_the_end_does_nothing_for_a_model_that_has_none(
    tiny: Callable[..., HuggingFaceModel], name: str
) -> None:
    model, (ours, theirs) = tiny("gpt2"), ALONE[name]
    for seed, prompt in zip(SEEDS, PROMPTS, strict=True):
        assert_equal(run(model, prompt, ours, True, seed), generated(model, prompt, theirs, True, seed))


# ---- another order: transformers' own classes, given to `generate` as a list written by hand


def test_llama_cpp_order_equals_its_own_classes_in_that_order(tiny: Callable[..., HuggingFaceModel]) -> None:
    values = {"temperature": 2.5, "top_k": 12, "top_p": 0.8, "min_p": 0.06, "typical_p": 0.9, "repetition_penalty": 1.3}
    model, differs = tiny("llama", EOS), 0
    for seed, prompt in zip(SEEDS, PROMPTS, strict=True):
        chain = LogitsProcessorList(
            [
                oracles.RepetitionPenaltyLogitsProcessor(1.3),
                oracles.TopKLogitsWarper(12),
                oracles.TypicalLogitsWarper(0.9),
                oracles.TopPLogitsWarper(0.8),
                oracles.MinPLogitsWarper(0.06),
                oracles.TemperatureLogitsWarper(2.5),
            ]
        )
        trace = run(model, prompt, values, True, seed, order=LLAMA_CPP_ORDER)
        assert_equal(trace, generated(model, prompt, {}, True, seed, chain))
        differs += trace.token_ids != run(model, prompt, values, True, seed).token_ids
        found = verify(trace, model)
        assert found.passed and found.largest_difference == 0 and found.is_listed and not found.own
    assert differs >= 2, "the order made no difference"


# ---- guidance, token for token


@pytest.mark.parametrize("negative", [(), (8, 3, 22)], ids=["last token", "negative prompt"])
@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_guidance_equals_generate_token_for_token(
    tiny: Callable[..., HuggingFaceModel], architecture: str, negative: tuple[int, ...]
) -> None:
    model, differs = tiny(architecture, EOS), 0
    for scale, do_sample in ((1.5, True), (3.0, True), (0.5, True), (2.0, False)):
        for seed, prompt in zip(SEEDS, PROMPTS, strict=True):
            values = {"guidance_scale": scale, "negative_prompt_ids": list(negative), "top_p": 0.9}
            theirs = {"guidance_scale": scale, **({"top_p": 0.9} if do_sample else {})}
            if negative:
                theirs["negative_prompt_ids"] = torch.tensor([negative])
            trace = run(model, prompt, values, do_sample, seed)
            ids, _ = generated(model, prompt, theirs, do_sample, seed)
            assert trace.token_ids == ids
            found = verify(trace, model)
            assert found.passed, found
            differs += trace.token_ids != run(model, prompt, {"top_p": 0.9}, do_sample, seed).token_ids
    assert differs >= 8


def test_a_guided_run_that_was_steered_is_compared_step_by_step(tiny: Callable[..., HuggingFaceModel]) -> None:
    model = tiny("gpt2")
    trace = run(model, PROMPTS[0], {"guidance_scale": 2.0}, True, 3)
    branch = trace.branched(4, (trace.token_ids[4] + 1) % V, model.eos_ids)
    branch = list(engine.generate(model, branch.request, branch))[-1]
    found = verify(branch, model)
    assert found.method == "teacher-forced" and found.passed and found.by_hand == 1, found


# ---- the watermark's score


def test_the_z_score_is_that_of_the_detector(tiny: Callable[..., HuggingFaceModel]) -> None:
    model = tiny("gpt2", vocab_size=48)
    for seed in SEEDS:
        for values in ({}, {"watermark_bias": 4.0}):
            trace = run(model, PROMPTS[seed], values, True, seed)
            text = (*PROMPTS[seed][-1:], *trace.token_ids)
            config = copy.deepcopy(model.module.config)
            config.bos_token_id = -1  # the detector compares with it: one that no text has
            detector = WatermarkDetector(config, "cpu", WatermarkingConfig())
            found = detector(torch.tensor([text]), return_dict=True)
            ours = watermark_score(text, 48)
            assert ours.green == found.num_green_tokens[0] and len(ours.greens) == found.num_tokens_scored[0]
            assert ours.z == pytest.approx(found.z_score[0], abs=1e-12)
            assert ours.p_value == pytest.approx(found.p_value[0], rel=1e-6)


# ---- what transformers does not have, inside `generate`: the rest of the run is compared, and that is what is said


COMMUNITY: dict[str, dict[str, Any]] = {
    "presence_penalty": {"presence_penalty": 1.5},
    "frequency_penalty": {"frequency_penalty": 0.7},
    "dry": {"dry_multiplier": 2.0, "dry_allowed_length": 1},
    "dynamic temperature": {"dynatemp_range": 0.7, "temperature": 1.2, "dynatemp_exponent": 2.0},
    "smoothing": {"smoothing_factor": 0.3, "smoothing_curve": 1.5},
    "top_n_sigma": {"top_n_sigma": 1.2},
    "p_less": {"p_less": 1},
    "top_a": {"top_a": 0.3},
    "tfs": {"tfs_z": 0.8},
    "xtc": {"xtc_probability": 0.5, "xtc_threshold": 0.08},
    "mirostat 1": {"mirostat": 1, "mirostat_tau": 2.0, "mirostat_eta": 0.4},
    "mirostat 2": {"mirostat": 2, "mirostat_tau": 2.0, "mirostat_eta": 0.4},
}


@pytest.mark.parametrize("values", COMMUNITY.values(), ids=COMMUNITY.keys())
def test_a_run_with_the_communitys_is_verified_around_them(
    tiny: Callable[..., HuggingFaceModel], values: dict[str, Any]
) -> None:
    model = tiny("llama", EOS)
    for seed, prompt in zip(SEEDS, PROMPTS, strict=True):
        trace = run(model, prompt, {**values, "repetition_penalty": 1.2, "top_k": 25}, True, seed)
        strategy = trace.request.strategy
        assert isinstance(strategy, Sampling)
        with pytest.raises(ValueError, match="no arguments"):
            strategy.generate_arguments()
        found = verify(trace, model)
        assert found.passed and found.largest_difference == 0, found
        assert found.own == strategy.beyond_generate != ()


@pytest.mark.parametrize("values", COMMUNITY.values(), ids=COMMUNITY.keys())
def test_a_rewound_run_goes_on_as_the_straight_one(
    tiny: Callable[..., HuggingFaceModel], values: dict[str, Any]
) -> None:
    model = tiny("gpt2")
    straight = run(model, PROMPTS[0], values, True, 5)
    for length in (7, 3, 1):
        again = list(engine.generate(model, straight.request, straight.rewound(length)))[-1]
        assert again.token_ids == straight.token_ids
        assert [s.situation.states for s in again.steps] == [s.situation.states for s in straight.steps]
