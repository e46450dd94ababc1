"""/compare and /score_text as a program calls them, against runs of each setup alone and references of their own."""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
import sacrebleu
import torch
from gradio_client import Client
from gradio_client.exceptions import AppError

from playground import catalog, engine
from playground.decoding.beam_search import BeamSearch
from playground.decoding.trace import GenerationRequest, Trace
from playground.engines.huggingface.backend import Backend
from playground.engines.huggingface.state import Answer
from playground.engines.loading import ModelSlot

pytestmark = [
    pytest.mark.filterwarnings("ignore:'future.no_silent_downcasting'"),
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated"),
]
PROMPT = "The old king said to his"
SETUPS: list[dict[str, Any]] = [
    {"strategy": "greedy", "max_new_tokens": 10},
    {"strategy": "sample", "temperature": 0.8, "top_p": 0.9, "seed": 5, "max_new_tokens": 14},
    {"strategy": "beam", "num_beams": 3, "length_penalty": 0.5, "max_new_tokens": 8},
    {"strategy": "sample", "seed": 9, "max_new_tokens": 12},
]


SETTINGS_OF_1 = {"temperature": 0.8, "top_p": 0.9}


@pytest.fixture(scope="module")
def client(
    storyteller: Backend, serve: Callable[[ModelSlot], AbstractContextManager[str]]
) -> Iterator[Client]:  # fmt: skip
    with serve(ModelSlot.filled(storyteller, "assets/models/storyteller")) as url:
        connected = Client(url, verbose=False)
        yield connected
        connected.close()


@pytest.fixture(scope="module")
def compare(client: Client) -> Callable[..., list[dict[str, Any]]]:
    def ask(**arguments: Any) -> list[dict[str, Any]]:
        job = client.submit(api_name="/compare", **arguments)
        job.result()
        return list(job.outputs())

    return ask


def alone(backend: Backend, values: dict[str, Any], do_sample: bool, seed: int, length: int) -> Trace:
    ids = backend.tokenizer.encode(PROMPT)
    *_, trace = engine.generate(
        backend.model, GenerationRequest(ids, catalog.sampling(values, do_sample, seed), length)
    )
    return trace


def test_each_lane_is_a_run_of_its_own(compare: Callable[..., list[dict[str, Any]]], storyteller: Backend) -> None:
    answers = compare(prompt=PROMPT, setups=SETUPS)
    last = answers[-1]
    assert len(answers) == 14 and len(last["lanes"]) == 4
    ids = storyteller.tokenizer.encode(PROMPT)
    *_, step = engine.search(storyteller.model, BeamSearch(3, length_penalty=0.5), ids, 8)
    runs = {
        0: alone(storyteller, {}, False, 5, 10), 1: alone(storyteller, SETTINGS_OF_1, True, 5, 14),
        3: alone(storyteller, {}, True, 5, 12),  # the first seed that is named counts for all
    }  # fmt: skip
    for place, run in runs.items():
        lane = last["lanes"][place]
        assert lane["token_ids"] == list(run.token_ids)
        assert lane["text"] == storyteller.vocabulary.text(run.token_ids)
        assert lane["logprobs"] == pytest.approx([s.reading.logprob for s in run.steps], abs=1e-4)
        assert lane["finish_reason"] == run.finish_reason
        assert "error" not in lane and "samples" not in lane
        for number, answer in enumerate(answers):
            assert answer["lanes"][place]["token_ids"] == list(run.token_ids[: number + 1])
    assert last["lanes"][2]["token_ids"] == list(step.finished[0].token_ids)
    assert last["lanes"][2]["logprobs"] == pytest.approx(step.finished[0].raw_logprobs, abs=1e-5)
    for answer in answers[:-1]:
        assert set(answer) == {"lanes"} and not any("measures" in lane for lane in answer["lanes"])
    parts = next(
        i for i, here in enumerate(zip(*(x["token_ids"] for x in last["lanes"]), strict=False)) if len({*here}) > 1
    )
    assert last["parts_at"] == parts


def test_the_measures_are_what_their_formulas_say(
    compare: Callable[..., list[dict[str, Any]]],
) -> None:
    for lane in compare(prompt=PROMPT, setups=SETUPS)[-1]["lanes"]:
        ids, found = lane["token_ids"], lane["measures"]
        mean = sum(lane["logprobs"]) / len(lane["logprobs"])
        assert found["mean_logprob"] == pytest.approx(mean)
        assert found["perplexity"] == pytest.approx(math.exp(-mean))
        for n in (1, 2, 3, 4):
            grams = [tuple(ids[i : i + n]) for i in range(len(ids) - n + 1)]
            share = len(set(grams)) / len(grams)
            assert (found[f"distinct_{n}"] if n < 4 else 1 - found["seq_rep_4"]) == pytest.approx(share)
        assert found["self_bleu"] is None
        assert set(found) == {
            "mean_logprob", "perplexity", "distinct_1", "distinct_2", "distinct_3", "seq_rep_4", "self_bleu",
        }  # fmt: skip


def test_own_dice_and_setups_that_are_the_same(
    compare: Callable[..., list[dict[str, Any]]], storyteller: Backend
) -> None:
    setups = [{"seed": 3, "max_new_tokens": 9}, {"seed": 4, "max_new_tokens": 9}]
    own = compare(prompt=PROMPT, setups=setups, same_dice=False)[-1]
    for lane, seed in zip(own["lanes"], (3, 4), strict=True):
        assert lane["token_ids"] == list(alone(storyteller, {}, True, seed, 9).token_ids)
    assert own["parts_at"] is not None
    same = compare(prompt=PROMPT, setups=setups)[-1]
    assert same["parts_at"] is None and same["lanes"][0]["token_ids"] == own["lanes"][0]["token_ids"]
    unnamed = compare(prompt=PROMPT, setups=[{"max_new_tokens": 5}])[-1]
    assert unnamed["lanes"][0]["token_ids"] == list(alone(storyteller, {}, True, 0, 5).token_ids)


def test_many_samples_of_each_lane(compare: Callable[..., list[dict[str, Any]]], storyteller: Backend) -> None:
    setups = [{"seed": 7, "max_new_tokens": 8, "top_k": 20}, {"strategy": "greedy", "max_new_tokens": 6}]
    answers = compare(prompt=PROMPT, setups=setups, num_samples=6)
    last = answers[-1]
    lane, greedy = last["lanes"]
    assert [one["seed"] for one in lane["samples"]] == [7, 8, 9, 10, 11, 12]
    for one in lane["samples"]:
        run = alone(storyteller, {"top_k": 20}, True, one["seed"], 8)
        assert one["token_ids"] == list(run.token_ids) and one["finish_reason"] == run.finish_reason
        assert one["text"] == storyteller.vocabulary.text(run.token_ids)
        assert one["logprobs"] == pytest.approx([s.reading.logprob for s in run.steps], abs=1e-4)
    assert lane["token_ids"] == lane["samples"][0]["token_ids"]
    lines = [" ".join(map(str, one["token_ids"])) for one in lane["samples"]]
    bleu = [sacrebleu.sentence_bleu(x, [y for y in lines if y is not x], tokenize="none").score for x in lines]
    assert lane["measures"]["self_bleu"] == pytest.approx(sum(bleu) / 6)
    every = [number for one in lane["samples"] for number in one["logprobs"]]
    assert lane["measures"]["mean_logprob"] == pytest.approx(sum(every) / len(every), abs=1e-6)
    assert len({tuple(one["token_ids"]) for one in greedy["samples"]}) == 1
    assert greedy["measures"]["self_bleu"] == pytest.approx(100)
    between = [answer for answer in answers[:-1] if "samples" in answer["lanes"][0]]
    assert between and [len(x["samples"]) for x in between[0]["lanes"]] == [6, 1]
    assert not any("measures" in lane for answer in answers[:-1] for lane in answer["lanes"])


def test_what_ends_a_lane_is_told_and_the_others_go_on(
    compare: Callable[..., list[dict[str, Any]]], storyteller: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = storyteller.model.forward

    def narrow(*arguments: Any) -> Answer:
        rows = forward(*arguments).logits.clone()
        rows[:, 4:] = -math.inf
        return Answer(rows, None)

    monkeypatch.setattr(storyteller.model, "forward", narrow)
    shared = {"max_new_tokens": 9, "suppress_tokens": list(storyteller.model.eos_ids)}
    setups = [shared, {"no_repeat_ngram_size": 1, **shared}]
    last = compare(prompt="Once upon another time", setups=setups, num_samples=3)[-1]
    plain, banned = last["lanes"]
    assert len(plain["token_ids"]) == 9 and "error" not in plain
    for one in (banned, *banned["samples"]):
        assert "no_repeat_ngram_size" in one["error"] and one["finish_reason"] is None
        assert 0 < len(one["token_ids"]) < 4
    assert banned["measures"]["mean_logprob"] is not None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"setups": []}, "setups must be a list of 1 to 16"),
        ({"setups": "sample"}, "setups must be a list of 1 to 16"),
        ({"setups": [{}] * 17}, "setups must be a list of 1 to 16"),
        ({"setups": [{}, 3]}, r"setups\[1\] must be an object"),
        ({"setups": [{}, {"strategy": "nobody"}]}, r"setups\[1\].strategy must be one of greedy, sample"),
        ({"setups": [{"top_p": 2}]}, r"setups\[0\].top_p must be between"),
        ({"setups": [{"strategy": "greedy", "num_beams": 2}]}, r"setups\[0\].num_beams must be left out"),
        ({"setups": [{"seed": -1}]}, r"setups\[0\].seed must be"),
        ({"setups": [{"max_new_tokens": 0}]}, r"setups\[0\].max_new_tokens must be between 1"),
        ({"setups": [{"max_new_tokens": 2000}]}, r"setups\[0\].max_new_tokens must be between 1 and 5"),
        ({"setups": [{"prompt": "Another"}]}, r"setups\[0\].prompt must be left out"),
        ({"setups": [{"model": "another"}]}, r"setups\[0\].model must be left out"),
        ({"setups": [{"suppress_tokens": [10**6]}]}, r"setups\[0\].suppress_tokens: there is no token"),
        ({"setups": [{}], "same_dice": "yes"}, "same_dice must be true or false"),
        ({"setups": [{}], "num_samples": 0}, "num_samples must be between 1 and 256"),
        ({"setups": [{}], "num_samples": 257}, "num_samples must be between 1 and 256"),
    ],
)
def test_what_is_wrong_is_named(
    compare: Callable[..., list[dict[str, Any]]], arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(AppError, match=words):
        compare(prompt=PROMPT, **arguments)


def test_a_text_is_read_as_one_with_its_prompt(client: Client, storyteller: Backend) -> None:
    text = " wife, “Take the golden apple.”"
    found = client.predict(PROMPT, text, api_name="/score_text")
    ids = storyteller.tokenizer.tokenizer(PROMPT + text).input_ids
    start = len(storyteller.tokenizer.encode(PROMPT))
    assert set(found) == {"tokens", "perplexity"}
    assert [token["token_id"] for token in found["tokens"]] == ids[start:]
    with torch.inference_mode():
        rows = torch.log_softmax(storyteller.model.module(torch.tensor([ids])).logits[0], dim=-1)
    for place, token in enumerate(found["tokens"], start):
        row = rows[place - 1]
        assert set(token) == {"token_id", "token", "logprob", "rank", "entropy_nats"}
        assert token["logprob"] == pytest.approx(float(row[token["token_id"]]), abs=1e-4)
        assert token["entropy_nats"] == pytest.approx(-float((row.exp() * row).sum()), abs=1e-4)
        assert token["token"] == storyteller.vocabulary.label(token["token_id"])
    mean = sum(token["logprob"] for token in found["tokens"]) / len(found["tokens"])
    assert found["perplexity"] == pytest.approx(math.exp(-mean))


def test_no_text_is_refused(client: Client) -> None:
    with pytest.raises(AppError, match="text must be at least one character"):
        client.predict(PROMPT, "", api_name="/score_text")
