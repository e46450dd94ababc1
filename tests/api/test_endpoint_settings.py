"""/generate, /next_token and /compare_settings with the settings beyond the best known, as a program calls them: ids
against transformers' `generate`, numbers against double precision, every error by its name."""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
import torch
from gradio_client import Client
from gradio_client.exceptions import AppError
from transformers import LogitsProcessorList, WatermarkingConfig
from transformers.generation import logits_process as oracles

from playground import catalog, engine
from playground.decoding.trace import GenerationRequest
from playground.engines.huggingface.backend import Backend
from playground.engines.loading import ModelSlot

pytestmark = [
    pytest.mark.filterwarnings("ignore:'future.no_silent_downcasting'"),
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated"),
]
PROMPT, NEGATIVE, LENGTH = "The old king said to his", "A dog ran to the", 8
Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def client(storyteller: Backend, serve: Callable[[ModelSlot], AbstractContextManager[str]]) -> Iterator[Client]:
    with serve(ModelSlot.filled(storyteller, "assets/models/storyteller")) as url:
        connected = Client(url, verbose=False)
        yield connected
        connected.close()


@pytest.fixture(scope="module")
def ask(client: Client) -> Ask:
    return lambda **arguments: client.predict(prompt=PROMPT, api_name="/next_token", **arguments)


@pytest.fixture(scope="module")
def generate(client: Client) -> Ask:
    """The last answer of the stream."""

    def run(**arguments: Any) -> dict[str, Any]:
        asked = {"prompt": PROMPT, "max_new_tokens": LENGTH, **arguments}
        answer: dict[str, Any] = client.submit(api_name="/generate", **asked).result()
        return answer

    return run


@pytest.fixture(scope="module")
def compare(client: Client) -> Ask:
    return lambda **arguments: client.predict(prompt=PROMPT, api_name="/compare_settings", **arguments)


def ids_of(backend: Backend, text: str = PROMPT) -> list[int]:
    return list(backend.tokenizer.encode(text))


def logits_after(backend: Backend, text: str) -> np.ndarray:
    with torch.inference_mode():
        row = backend.model.module(input_ids=torch.tensor([ids_of(backend, text)]), logits_to_keep=1).logits[0, -1]
    found: np.ndarray = row.double().numpy()
    return found


def softmax(row: np.ndarray) -> np.ndarray:
    weights = np.exp(row - row[np.isfinite(row)].max())
    return weights / weights.sum()


def theirs(backend: Backend, seed: int, do_sample: bool, **arguments: Any) -> list[int]:
    prompt = torch.tensor([ids_of(backend)])
    if do_sample:
        arguments.setdefault("top_k", 0)
    if "stop_strings" in arguments:
        arguments["tokenizer"] = backend.tokenizer.tokenizer
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        output = backend.model.module.generate(
            prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=LENGTH, pad_token_id=0, do_sample=do_sample,
            eos_token_id=list(backend.model.eos_ids), **arguments,
        )  # fmt: skip
    found: list[int] = output[0, prompt.shape[1] :].tolist()
    return found


# ---- /generate

# Ours, and the arguments of `generate`, written out by hand where they differ.
PARITY: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "suppress_tokens": ({"suppress_tokens": "LIKELY"}, None),
    "bad_words_ids": ({"bad_words_ids": "PAIRS"}, None),
    "sequence_bias": ({"sequence_bias": "BIASED"}, None),
    "guidance": (
        {"guidance_scale": 1.7, "negative_prompt_ids": "NEGATIVE"},
        {"guidance_scale": 1.7, "negative_prompt_ids": "NEGATIVE"},
    ),
    "guidance away from the last token": ({"guidance_scale": 2.2, "top_p": 0.9}, None),
    "watermark": (
        {"watermark_bias": 4.0, "watermark_greenlist_ratio": 0.4},
        {"watermarking_config": WatermarkingConfig(bias=4.0, greenlist_ratio=0.4)},
    ),
    "stop_strings": ({"stop_strings": "ACROSS"}, None),
    "how it ends": (
        {"min_new_tokens": 3, "exponential_decay_length_penalty": 1.9, "exponential_decay_start": 1},
        {"min_new_tokens": 3, "exponential_decay_length_penalty": (1, 1.9)},
    ),
    "other cuts": ({"top_h": 0.6, "epsilon_cutoff": 0.002, "eta_cutoff": 0.004, "renormalize_logits": 1},
                   {"top_h": 0.6, "epsilon_cutoff": 0.002, "eta_cutoff": 0.004, "renormalize_logits": True}),
}  # fmt: skip


def filled(settings: dict[str, Any], backend: Backend, seed: int, do_sample: bool) -> dict[str, Any]:
    """The blanks: what a run without these settings says, so that they have something to change."""
    plain = theirs(backend, seed, do_sample)
    texts = [backend.vocabulary.text([i]) for i in plain]
    blanks = {
        "LIKELY": [plain[0], plain[3]],
        "PAIRS": [[plain[0], plain[1]], [plain[4]]],
        "BIASED": [[[plain[2]], -6.0], [[plain[0], plain[1]], -9.0], [[plain[0], plain[5]], 12.5]],
        "NEGATIVE": ids_of(backend, NEGATIVE),
        "ACROSS": [texts[3][-2:] + texts[4][:2], "no such text"],
    }
    return {name: blanks[value] if isinstance(value, str) else value for name, value in settings.items()}


@pytest.mark.parametrize("do_sample", [True, False], ids=["sampling", "greedy"])
@pytest.mark.parametrize("name", PARITY)
def test_generate_takes_them_all_and_gives_the_ids_of_generate(
    generate: Ask, storyteller: Backend, name: str, do_sample: bool
) -> None:
    ours, wanted = PARITY[name]
    sampled_only = {"top_p", "top_h", "epsilon_cutoff", "eta_cutoff"}
    changed = 0
    for seed in (0, 5) if do_sample else (0,):
        settings = filled(ours, storyteller, seed, do_sample)
        arguments = filled(wanted or ours, storyteller, seed, do_sample)
        if "negative_prompt_ids" in arguments:
            arguments["negative_prompt_ids"] = torch.tensor([arguments["negative_prompt_ids"]])
        if not do_sample:
            arguments = {key: value for key, value in arguments.items() if key not in sampled_only}
        answer = generate(seed=seed, do_sample=do_sample, **settings)
        expected = theirs(storyteller, seed, do_sample, **arguments)
        assert answer["token_ids"] == expected
        assert answer["text"] == storyteller.vocabulary.text(expected)
        changed += expected != theirs(storyteller, seed, do_sample)
        if name == "stop_strings":
            assert answer["finish_reason"] == "stop_string" and len(expected) <= 5
    if name not in ("how it ends", "other cuts") or (do_sample and name == "other cuts"):
        assert changed, "settings that change nothing have not been compared"


def test_generate_takes_an_order(generate: Ask, storyteller: Backend) -> None:
    """llama.cpp's: transformers' own classes in that order, written by hand."""
    differs = 0
    for seed in range(4):
        settings = {"temperature": 2.2, "top_k": 60, "top_p": 0.7, "min_p": 0.02}
        chain = LogitsProcessorList(
            [
                oracles.TopKLogitsWarper(60), oracles.TopPLogitsWarper(0.7), oracles.MinPLogitsWarper(0.02),
                oracles.TemperatureLogitsWarper(2.2),
            ]
        )  # fmt: skip
        answer = generate(seed=seed, order="llama.cpp", **settings)
        assert answer["token_ids"] == theirs(storyteller, seed, True, logits_processor=chain)
        by_name = generate(seed=seed, order=["top_k", "top_p", "min_p", "temperature"], **settings)
        assert by_name["token_ids"] == answer["token_ids"]
        differs += answer["token_ids"] != generate(seed=seed, **settings)["token_ids"]
    assert differs


COMMUNITY: dict[str, dict[str, Any]] = {
    "presence_penalty": {"presence_penalty": -5.0},
    "frequency_penalty": {"frequency_penalty": -5.0},
    "dynamic temperature": {"dynatemp_range": 0.9, "temperature": 1.1, "dynatemp_exponent": 2.0},
    "smoothing": {"smoothing_factor": 0.1, "smoothing_curve": 2.5},
    "top_n_sigma": {"top_n_sigma": 1.5},
    "p_less": {"p_less": 1},
    "top_a": {"top_a": 0.5},
    "tfs": {"tfs_z": 0.6},
    "xtc": {"xtc_probability": 0.9, "xtc_threshold": 0.02},
    "mirostat 1": {"mirostat": 1, "mirostat_tau": 1.5, "mirostat_eta": 0.3},
    "mirostat 2": {"mirostat": 2, "mirostat_tau": 1.5, "mirostat_eta": 0.3},
}


@pytest.mark.parametrize("name", COMMUNITY)
def test_generate_takes_the_communitys(generate: Ask, storyteller: Backend, name: str) -> None:
    """The processors themselves are tested elsewhere: here, that each argument arrives, with its details."""
    settings, changed = COMMUNITY[name], 0
    for seed in range(3):
        strategy = catalog.sampling(settings, True, seed, vocabulary=storyteller.vocabulary)
        *_, trace = engine.generate(
            storyteller.model, GenerationRequest(tuple(ids_of(storyteller)), strategy, LENGTH)
        )  # fmt: skip
        assert generate(seed=seed, **settings)["token_ids"] == list(trace.token_ids)
        changed += list(trace.token_ids) != theirs(storyteller, seed, True)
        for detail, value in settings.items():
            parameter = catalog.BY_NAME[detail]
            if parameter.belongs_to:
                assert value != parameter.neutral, "the usual value would prove nothing"
    assert changed


def test_dry_breaks_at_the_breakers_of_the_loaded_vocabulary(ask: Ask, storyteller: Backend, client: Client) -> None:
    colon = "He said: yes. He said: no. He said:"  # a breaker at the end: there is no copy to lengthen
    plain = "He said yes. He said no. He said"
    for text, is_lowered in ((colon, False), (plain, True)):
        answer = client.predict(
            prompt=text, api_name="/next_token", dry_multiplier=2.0, dry_allowed_length=1, n=1000
        )  # fmt: skip
        bare = client.predict(prompt=text, api_name="/next_token", n=1000)
        final = {c["token_id"]: c["final_probability"] for c in answer["candidates"]}
        lowered = [c for c in bare["candidates"] if final[c["token_id"]] < 0.5 * c["final_probability"]]
        assert bool(lowered) is is_lowered
        if is_lowered:
            assert {c["token"] for c in lowered} <= {"␣yes", "␣no"}


# ---- /next_token


def by_id(answer: dict[str, Any]) -> dict[int, dict[str, Any]]:
    return {c["token_id"]: c for c in answer["candidates"]}


def test_suppressed_and_forbidden_tokens_are_removed_and_the_biased_raised(ask: Ask, storyteller: Backend) -> None:
    z = logits_after(storyteller, PROMPT)
    last = ids_of(storyteller)[-1]
    first, second, third, fourth, fifth = np.argsort(-z)[:5].tolist()
    answer = ask(
        n=1000, suppress_tokens=[first], bad_words_ids=[[last, second], [fifth, third]],
        sequence_bias=[[[third], 1.5], [[last, fourth], -2.0], [[fifth, fifth], 9.0]],
    )  # fmt: skip
    z[third] += 1.5
    z[fourth] -= 2.0
    z[[first, second]] = -np.inf
    p = softmax(z)
    found = by_id(answer)
    assert {i: c["removed_by"] for i, c in found.items() if c["removed_by"]} == {
        first: "suppress_tokens", second: "bad_words_ids",
    }  # fmt: skip
    for i, c in found.items():
        assert c["final_probability"] == pytest.approx(p[i], rel=1e-4, abs=1e-8)
    stages = {s["name"]: s for s in answer["stages"]}
    assert list(stages) == ["sequence_bias", "bad_words_ids", "suppress_tokens"]
    assert [s["value"] for s in answer["stages"]] == [3, 2, 1]
    assert stages["bad_words_ids"]["formula"] == "forbidden sequences: 2; 1 token would complete one"


@pytest.mark.parametrize("negative", [None, NEGATIVE])
def test_guidance_reads_the_negative_prompt(ask: Ask, storyteller: Backend, negative: str | None) -> None:
    z, ids = logits_after(storyteller, PROMPT), ids_of(storyteller)
    away = ids_of(storyteller, negative) if negative else ids[-1:]
    with torch.inference_mode():
        q = storyteller.model.module(input_ids=torch.tensor([away])).logits[0, -1].double().numpy()
    log_p, log_q = np.log(softmax(z)), np.log(softmax(q))
    p = softmax(log_q + 2.5 * (log_p - log_q))
    answer = ask(n=500, guidance_scale=2.5, **({"negative_prompt_ids": away} if negative else {}))
    for i, c in by_id(answer).items():
        assert c["final_probability"] == pytest.approx(p[i], rel=1e-3, abs=1e-8)
    (stage,) = answer["stages"]
    assert stage["name"] == "guidance_scale" and "log q + 2.5" in stage["formula"]


def test_the_watermark_raises_its_green_tokens(ask: Ask, storyteller: Backend) -> None:
    z, last = logits_after(storyteller, PROMPT), ids_of(storyteller)[-1]
    generator = torch.Generator().manual_seed(15485863 * last)
    green = torch.randperm(len(z), generator=generator)[: int(0.3 * len(z))].numpy()
    z[green] += 1.25
    p = softmax(z)
    for i, c in by_id(ask(n=1000, watermark_bias=1.25, watermark_greenlist_ratio=0.3)).items():
        assert c["final_probability"] == pytest.approx(p[i], rel=1e-4, abs=1e-8)


def test_the_coin_of_xtc_is_that_of_the_seed(ask: Ask) -> None:
    sides = []
    for seed in range(8):
        coin = float(torch.rand(1, generator=torch.Generator().manual_seed(0x58_54_43 + seed)))
        answer = ask(seed=seed, xtc_probability=0.5, xtc_threshold=0.03)
        removed = [c for c in answer["candidates"] if c["removed_by"]]
        assert bool(removed) is (coin < 0.5)
        above = [c for c in answer["candidates"] if c["probability"] >= 0.03]
        assert len(above) > 1
        if removed:
            assert [c["token_id"] for c in removed] == [c["token_id"] for c in above[:-1]]
        sides.append(bool(removed))
    assert set(sides) == {True, False}


def test_mirostat_begins_at_twice_its_target(ask: Ask, storyteller: Backend) -> None:
    p = softmax(logits_after(storyteller, PROMPT))
    (stage,) = ask(mirostat=2, mirostat_tau=2.0)["stages"]
    assert stage["tokens_kept"] == int((-np.log2(p) <= 4.0).sum())
    assert stage["probability_kept"] == pytest.approx(p[-np.log2(p) <= 4.0].sum(), abs=1e-5)


def test_every_setting_at_once_is_a_stage_each_in_the_order_asked_for(ask: Ask) -> None:
    settings: dict[str, Any] = {p.name: p.start for p in catalog.PARAMETERS}
    settings |= {"sequence_bias": [[[5], 1.0]], "bad_words_ids": [[6]], "suppress_tokens": [7], "min_new_tokens": 2}
    settings |= {"top_h": 0.99, "epsilon_cutoff": 1e-5, "eta_cutoff": 1e-5, "top_n_sigma": 9, "top_a": 1e-4}
    settings["p_less"] = 0  # it alone would leave too little for the rest
    for order, names in catalog.ORDERS.items():
        found = [s["name"] for s in ask(order=order, **settings)["stages"]]
        assert found == [n for n in names if n not in ("temperature", "p_less")]  # the dynamic one takes its place


# ---- /compare_settings


def test_each_of_the_compared_texts_is_what_generate_gives(
    compare: Ask, generate: Ask, storyteller: Backend
) -> None:  # fmt: skip
    plain = theirs(storyteller, 4, True)
    settings: list[dict[str, Any]] = [
        {}, {"suppress_tokens": plain[:1]}, {"bad_words_ids": [plain[2:4]]}, {"sequence_bias": [[[plain[1]], -20.0]]},
        {"guidance_scale": 1.8, "negative_prompt_ids": ids_of(storyteller, NEGATIVE)}, {"guidance_scale": 2.0},
        {"watermark_bias": 5.0}, {"mirostat": 2, "mirostat_tau": 1.0, "mirostat_eta": 0.9},
        {"xtc_probability": 0.9, "xtc_threshold": 0.02}, {"min_new_tokens": 4, "top_n_sigma": 1.0},
        {"temperature": 1.7, "top_p": 0.6, "order": "llama.cpp"},
    ]  # fmt: skip
    answer = compare(seed=4, settings=settings, max_new_tokens=LENGTH)
    first = answer["runs"][0]["token_ids"]
    assert first == plain
    parted = 0
    for one, run in zip(settings, answer["runs"], strict=True):
        alone = generate(seed=4, **one)
        assert run["token_ids"] == alone["token_ids"], one
        assert run["logprobs"] == pytest.approx(alone["logprobs"], abs=1e-5)
        pairs = enumerate(zip(first, run["token_ids"], strict=False))
        index = next((i for i, (a, b) in pairs if a != b), None)
        assert (run["first_difference"] or {"index": None})["index"] == index
        parted += index is not None
    assert parted >= 8


def test_the_same_dice_as_a_guided_or_a_stateful_first_run(compare: Ask, generate: Ask) -> None:
    for first in ({"mirostat": 2, "mirostat_tau": 2.0}, {"guidance_scale": 1.5}):
        settings = [first, {}, {"mirostat": 1, "mirostat_tau": 2.0}, {"temperature": 0.7}]
        for one, run in zip(
            settings, compare(seed=2, settings=settings, max_new_tokens=LENGTH)["runs"], strict=True
        ):  # fmt: skip
            assert run["token_ids"] == generate(seed=2, **one)["token_ids"], (first, one)


# ---- what is wrong is said

BAD: list[tuple[dict[str, Any], str]] = [
    ({"suppress_tokens": [-1]}, "suppress_tokens must be a list of token ids"),
    ({"suppress_tokens": "5"}, "suppress_tokens must be a list of token ids"),
    ({"bad_words_ids": [5]}, "bad_words_ids must be a list of lists of token ids"),
    ({"bad_words_ids": [[]]}, "bad_words_ids must be a list of lists of token ids"),
    ({"bad_words_ids": [[999_999]]}, "bad_words_ids: there is no token 999999"),
    ({"sequence_bias": [[5, 1.0]]}, "sequence_bias must be a list of"),
    ({"sequence_bias": [[[5], "x"]]}, "sequence_bias must be a list of"),
    ({"sequence_bias": [[[8192], 1.0]]}, "sequence_bias: there is no token 8192"),
    ({"negative_prompt_ids": [1.5]}, "negative_prompt_ids must be a list of token ids"),
    ({"guidance_scale": 2.0, "negative_prompt_ids": [8192]}, "negative_prompt_ids: there is no token 8192"),
    ({"stop_strings": [""]}, "stop_strings must be a list of at most 8 texts"),
    ({"stop_strings": "stop"}, "stop_strings must be a list of at most 8 texts"),
    ({"mirostat": 3}, "mirostat must be between 0 and 2"),
    ({"mirostat": 1.5}, "mirostat must be between 0 and 2"),
    ({"xtc_threshold": 0}, "xtc_threshold must be between 0.001 and 1"),
    ({"watermark_greenlist_ratio": 1}, "watermark_greenlist_ratio must be between 0.01 and 0.99"),
    ({"guidance_scale": -1}, "guidance_scale must be between 0 and 20"),
    ({"p_less": 0.5}, "p_less must be between 0 and 1"),
    ({"order": "mine"}, "order must be"),
    ({"order": ["top_p", "top_p"]}, "order must be"),
    ({"order": ["nobody"]}, "order must be"),
]


@pytest.mark.parametrize(("arguments", "words"), BAD, ids=[str(arguments) for arguments, _ in BAD])
def test_what_is_wrong_is_named_by_both(ask: Ask, generate: Ask, arguments: dict[str, Any], words: str) -> None:
    for call in (ask, generate):
        with pytest.raises(AppError) as caught:
            call(**arguments)
        assert words in str(caught.value)


def test_a_negative_prompt_takes_its_part_of_the_context(generate: Ask, storyteller: Backend) -> None:
    limit = storyteller.model.context_length
    with pytest.raises(AppError, match=rf"{limit + 1}\b.*{limit}\b"):
        generate(guidance_scale=2.0, negative_prompt_ids=[5] * (limit + 1))
    with pytest.raises(AppError, match=r"max_new_tokens must be between 1 and 4\b"):
        generate(guidance_scale=2.0, negative_prompt_ids=[5] * (limit - 3), max_new_tokens=5)
    assert math.isfinite(generate(negative_prompt_ids=[5] * limit, max_new_tokens=1)["cum_logprob"])  # guidance is off
