"""The endpoints, called as a program calls them: every number against torch and transformers, every error named."""

import json
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
import torch
from gradio_client import Client
from gradio_client.exceptions import AppError

from playground.decoding.trace import longest_run
from playground.engines.huggingface.backend import Backend
from playground.engines.huggingface.state import Answer
from playground.engines.loading import ModelSlot
from playground.errors import ModelUnavailableError

# gradio counts its events with pandas, in a way that pandas has deprecated
pytestmark = [
    pytest.mark.filterwarnings("ignore:'future.no_silent_downcasting'"),
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated"),
]

PROMPT = "The old king said to his"
NEUTRAL = {
    "temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "typical_p": 1.0, "repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def client(storyteller: Backend, serve: Callable[[ModelSlot], AbstractContextManager[str]]) -> Iterator[Client]:
    with serve(ModelSlot.filled(storyteller, "assets/models/storyteller")) as url:
        connected = Client(url, verbose=False)
        yield connected
        connected.close()


@pytest.fixture(scope="module")
def ask(client: Client) -> Callable[..., dict[str, Any]]:
    return lambda **arguments: client.predict(api_name="/next_token", **arguments)


@pytest.fixture(scope="module")
def stream(client: Client) -> Callable[..., list[dict[str, Any]]]:
    def run(**arguments: Any) -> list[dict[str, Any]]:
        job = client.submit(api_name="/generate", **arguments)
        answers = list(job)
        job.result()  # raises what the server answered, which the iteration keeps to itself
        return answers

    return run


@pytest.fixture(scope="module")
def raw(storyteller: Backend) -> np.ndarray:
    """The logits of the model itself after PROMPT, in double precision. Only the last ones are asked for, as our call
    does: another shape has other last bits, and nearly equal logits another order."""
    ids = torch.tensor([storyteller.tokenizer.encode(PROMPT)])
    with torch.inference_mode():
        row: np.ndarray = storyteller.model.module(input_ids=ids, logits_to_keep=1).logits[0, -1].double().numpy()
    return row


def softmax(row: np.ndarray) -> np.ndarray:
    weights = np.exp(row - row[np.isfinite(row)].max())
    return weights / weights.sum()


def nats(p: np.ndarray) -> float:
    return float(-(p[p > 0] * np.log(p[p > 0])).sum())


# ---- next_token


def test_the_answer_has_exactly_the_keys_that_are_promised(ask: Callable[..., dict[str, Any]]) -> None:
    answer = ask(prompt=PROMPT, top_k=5, n=3)
    assert set(answer) == {"context", "vocab_size", "entropy_nats", "candidates", "rest", "stages"}
    assert set(answer["context"]) == {"token_ids", "tokens"}
    candidate = {
        "token_id", "token", "logit", "logprob", "probability", "rank", "removed_by", "final_probability",
    }  # fmt: skip
    assert len(answer["candidates"]) == 3
    assert all(set(c) == candidate for c in answer["candidates"])
    assert set(answer["rest"]) == {"tokens", "probability"}
    stage = {"name", "value", "tokens_kept", "probability_kept", "entropy_nats", "formula"}
    assert [set(s) for s in answer["stages"]] == [stage]


def test_every_number_is_a_plain_json_number(ask: Callable[..., dict[str, Any]]) -> None:
    answer = ask(prompt=PROMPT, temperature=0.7, top_p=0.5, n=9)
    again = json.loads(json.dumps(answer, allow_nan=False))
    for c in again["candidates"]:
        assert type(c["token_id"]) is type(c["rank"]) is int
        assert all(type(c[k]) in (float, int) for k in ("logit", "logprob", "probability", "final_probability"))
        assert type(c["token"]) is str
    assert all(type(i) is int for i in again["context"]["token_ids"])


def test_the_raw_numbers_are_those_of_the_model(
    ask: Callable[..., dict[str, Any]], raw: np.ndarray, storyteller: Backend
) -> None:
    answer, p = ask(prompt=PROMPT, n=1000), softmax(raw)
    assert answer["context"]["token_ids"] == list(storyteller.tokenizer.encode(PROMPT))
    assert answer["context"]["tokens"] == storyteller.vocabulary.labels(answer["context"]["token_ids"])
    assert answer["vocab_size"] == len(raw)
    assert answer["entropy_nats"] == pytest.approx(nats(p), abs=1e-4)
    order = np.argsort(-raw, kind="stable")
    assert [c["token_id"] for c in answer["candidates"]] == order[:1000].tolist()
    assert [c["rank"] for c in answer["candidates"]] == list(range(1, 1001))
    for c in answer["candidates"]:
        i = c["token_id"]
        assert c["token"] == storyteller.vocabulary.label(i)
        assert c["logit"] == pytest.approx(raw[i], abs=1e-4)
        assert c["logprob"] == pytest.approx(math.log(p[i]), abs=1e-4)
        assert c["probability"] == pytest.approx(p[i], rel=1e-4)
        assert c["final_probability"] == pytest.approx(p[i], rel=1e-4)
        assert c["removed_by"] is None
    assert answer["rest"]["tokens"] == len(raw) - 1000
    assert answer["rest"]["probability"] == pytest.approx(1 - p[order[:1000]].sum(), abs=1e-5)
    assert answer["stages"] == []


def test_fifty_candidates_are_listed_unless_told_otherwise(ask: Callable[..., dict[str, Any]]) -> None:
    assert len(ask(prompt=PROMPT)["candidates"]) == 50


def test_the_processors_do_what_the_textbook_says(ask: Callable[..., dict[str, Any]], raw: np.ndarray) -> None:
    answer = ask(prompt=PROMPT, temperature=0.8, top_k=40, top_p=0.9, min_p=0.05, n=60)
    softened = raw / 0.8
    left = softened.copy()
    removed: dict[int, str] = {}
    kept_of_the_model, kept_tokens, entropies = [], [], []

    def drop(name: str, gone: np.ndarray) -> None:
        removed.update({int(i): name for i in np.flatnonzero(gone & np.isfinite(left))})
        left[gone] = -np.inf
        note()

    def note() -> None:
        kept_tokens.append(int(np.isfinite(left).sum()))
        kept_of_the_model.append(softmax(raw)[np.isfinite(left)].sum())
        entropies.append(nats(softmax(left)))

    note()
    drop("top_k", left < np.sort(left)[-40])
    order = np.argsort(-left, kind="stable")
    before = np.cumsum(softmax(left)[order]) - softmax(left)[order]
    drop("top_p", np.isin(np.arange(len(left)), order[before >= 0.9]))
    drop("min_p", softmax(left) < 0.05 * softmax(left).max())

    assert {c["token_id"]: c["removed_by"] for c in answer["candidates"]} == {
        c["token_id"]: removed.get(c["token_id"]) for c in answer["candidates"]
    }
    assert {"top_k", "top_p"} <= {c["removed_by"] for c in answer["candidates"]}
    final = softmax(left)
    for c in answer["candidates"]:
        assert c["final_probability"] == pytest.approx(final[c["token_id"]], abs=1e-5)
    assert [(s["name"], s["value"]) for s in answer["stages"]] == [
        ("temperature", 0.8), ("top_k", 40), ("top_p", 0.9), ("min_p", 0.05),
    ]  # fmt: skip
    assert [s["tokens_kept"] for s in answer["stages"]] == kept_tokens
    assert [s["probability_kept"] for s in answer["stages"]] == pytest.approx(kept_of_the_model, abs=1e-5)
    assert [s["entropy_nats"] for s in answer["stages"]] == pytest.approx(entropies, abs=1e-4)


def test_repetition_is_counted_in_the_prompt(ask: Callable[..., dict[str, Any]], storyteller: Backend) -> None:
    prompt = "the king and the king and the"
    king = storyteller.tokenizer.encode(" king")[0]
    answer = ask(prompt=prompt, repetition_penalty=1.3, no_repeat_ngram_size=2, n=1000)
    by_id = {c["token_id"]: c for c in answer["candidates"]}
    assert by_id[king]["removed_by"] == "no_repeat_ngram_size"
    assert by_id[king]["final_probability"] == 0
    ids = torch.tensor([storyteller.tokenizer.encode(prompt)])
    with torch.inference_mode():
        row = storyteller.model.module(input_ids=ids, logits_to_keep=1).logits[0, -1].double().numpy()
    for i in set(ids[0].tolist()):
        row[i] = row[i] * 1.3 if row[i] < 0 else row[i] / 1.3
    row[king] = -np.inf
    final = softmax(row)
    for i, c in by_id.items():
        assert c["final_probability"] == pytest.approx(final[i], rel=1e-3, abs=1e-7)


def test_a_neutral_setting_is_no_stage(ask: Callable[..., dict[str, Any]]) -> None:
    assert ask(prompt=PROMPT, **NEUTRAL, n=1) == ask(prompt=PROMPT, n=1)
    assert [s["name"] for s in ask(prompt=PROMPT, **{**NEUTRAL, "typical_p": 0.5}, n=1)["stages"]] == ["typical_p"]


def test_an_empty_prompt_starts_from_the_end_of_text_token(ask: Callable[..., dict[str, Any]]) -> None:
    assert ask(prompt="", n=1)["context"] == {"token_ids": [0], "tokens": ["<|endoftext|>"]}


def test_a_prompt_that_fills_the_context_is_answered(ask: Callable[..., dict[str, Any]], storyteller: Backend) -> None:
    answer = ask(prompt=" the" * storyteller.model.context_length, n=1)
    assert len(answer["context"]["token_ids"]) == storyteller.model.context_length


# ---- generate


@pytest.mark.parametrize(
    "settings",
    [
        {"do_sample": False},
        {"seed": 7},
        {"seed": 3, "temperature": 0.8, "top_p": 0.9, "top_k": 50, "min_p": 0.02, "typical_p": 0.95},
        {"do_sample": False, "repetition_penalty": 1.2, "no_repeat_ngram_size": 3},
    ],
)
def test_it_streams_the_tokens_of_generate(
    stream: Callable[..., list[dict[str, Any]]], storyteller: Backend, settings: dict[str, Any]
) -> None:
    answers = stream(prompt=PROMPT, max_new_tokens=10, **settings)
    assert [a["step"] for a in answers] == list(range(1, 11))
    keys = {"step", "token_ids", "text", "logprobs", "cum_logprob", "finish_reason"}
    assert all(set(a) == keys for a in answers)
    prompt = torch.tensor([storyteller.tokenizer.encode(PROMPT)])
    asked = {"do_sample": True, "top_k": 0, **settings}
    seed = asked.pop("seed", 0)
    if not asked["do_sample"]:
        del asked["top_k"]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        theirs = storyteller.model.module.generate(
            prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=10, pad_token_id=0, **asked
        )[0, prompt.shape[1] :].tolist()
    for a in answers:
        assert a["token_ids"] == theirs[: a["step"]]
        assert a["text"] == storyteller.vocabulary.text(a["token_ids"])
    with torch.inference_mode():
        whole = storyteller.model.module(input_ids=torch.cat([prompt, torch.tensor([theirs])], 1)).logits[0]
    logprobs = torch.log_softmax(whole[prompt.shape[1] - 1 : -1].double(), -1)
    exact = [float(logprobs[i, token_id]) for i, token_id in enumerate(theirs)]
    assert answers[-1]["logprobs"] == pytest.approx(exact, abs=1e-4)
    assert answers[-1]["cum_logprob"] == pytest.approx(sum(exact), abs=1e-3)
    assert [a["finish_reason"] for a in answers] == [None] * 9 + ["length"]
    json.dumps(answers, allow_nan=False)


def test_the_defaults_are_forty_sampled_tokens_of_seed_zero(stream: Callable[..., list[dict[str, Any]]]) -> None:
    answers = stream(prompt=PROMPT)
    assert len(answers) == 40
    assert answers[-1] == stream(prompt=PROMPT, do_sample=True, seed=0, max_new_tokens=40)[-1]
    assert answers[-1]["token_ids"] != stream(prompt=PROMPT, seed=1)[-1]["token_ids"]


# ---- models


def test_it_tells_what_is_loaded(client: Client, storyteller: Backend) -> None:
    config = storyteller.model.module.config
    assert client.predict(api_name="/models") == [
        {
            "name": "storyteller", "title": "storyteller", "group": "shipped", "language": None, "state": "ready",
            "parameters": sum(p.numel() for p in storyteller.model.module.parameters()),
            "vocab_size": config.vocab_size, "context_length": config.n_positions, "layers": config.n_layer,
            "heads": config.n_head, "license": "apache-2.0", "ignored": [], "fetched": None, "error": None,
        }
    ]  # fmt: skip


def test_it_tells_of_a_model_that_is_on_its_way_and_of_one_that_never_came(
    serve: Callable[[ModelSlot], AbstractContextManager[str]], storyteller: Backend
) -> None:
    unknown = dict.fromkeys(
        ("parameters", "vocab_size", "context_length", "layers", "heads", "license", "ignored", "fetched", "error")
    )
    named = {"name": "her-model", "title": "her-model", "group": "own", "language": None}
    slot = ModelSlot("somebody/her-model")
    with serve(slot) as url:
        client = Client(url, verbose=False)
        assert client.predict(api_name="/models") == [{**named, "state": "loading", **unknown}]
        error = ModelUnavailableError(name="somebody/her-model", reason="it is gone.")
        slot._result.set_exception(error)
        (told,) = client.predict(api_name="/models")
        assert told == {**named, "state": "failed", **unknown, "error": str(error)}
        client.close()


# ---- errors

BAD = [
    ("temperature", 0, "0.01", "100"), ("temperature", -1, "0.01", "100"), ("temperature", "hot", "0.01", "100"),
    ("temperature", None, "0.01", "100"), ("temperature", True, "0.01", "100"), ("top_k", -1, "0", "1,000,000"),
    ("top_k", 2.5, "0", "1,000,000"), ("top_k", "40", "0", "1,000,000"), ("top_p", 1.5, "0", "1"),
    ("top_p", [], "0", "1"), ("min_p", -0.1, "0", "1"), ("typical_p", 0, "0.001", "1"),
    ("repetition_penalty", 0, "0.01", "100"), ("no_repeat_ngram_size", 65, "0", "64"),
]  # fmt: skip
BY_NAME = pytest.mark.parametrize(("name", "value", "low", "high"), BAD, ids=[f"{name}={v!r}" for name, v, *_ in BAD])


@BY_NAME
def test_next_token_names_the_argument_and_its_range(
    ask: Callable[..., Any], name: str, value: Any, low: str, high: str
) -> None:
    with pytest.raises(AppError) as caught:
        ask(prompt=PROMPT, **{name: value})
    message = str(caught.value)
    assert name in message
    assert low in message
    assert high in message


@BY_NAME
def test_generate_names_the_argument_and_its_range(
    stream: Callable[..., Any], name: str, value: Any, low: str, high: str
) -> None:
    with pytest.raises(AppError) as caught:
        stream(prompt=PROMPT, max_new_tokens=2, **{name: value})
    message = str(caught.value)
    assert name in message
    assert low in message
    assert high in message


@pytest.mark.parametrize("n", [0, -1, 1001, 1.5, "ten", None])
def test_the_number_of_candidates_has_a_range(ask: Callable[..., Any], n: Any) -> None:
    with pytest.raises(AppError, match=r"\bn\b.*1 and 1,000"):
        ask(prompt=PROMPT, n=n)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", -1), ("seed", 2**32), ("seed", 0.5), ("seed", "dice"), ("max_new_tokens", 0), ("max_new_tokens", 1.5),
        ("max_new_tokens", None), ("max_new_tokens", 10**6), ("do_sample", "maybe"), ("do_sample", None),
        ("do_sample", 1),
    ],
)  # fmt: skip
def test_generate_names_its_own_arguments_too(stream: Callable[..., Any], name: str, value: Any) -> None:
    with pytest.raises(AppError, match=name):
        stream(prompt=PROMPT, **{name: value})


def test_the_longest_run_is_what_fits_into_the_context(stream: Callable[..., Any], storyteller: Backend) -> None:
    room = storyteller.model.context_length - len(storyteller.tokenizer.encode(PROMPT)) + 1  # the last is never read
    assert room < longest_run(storyteller.model)
    with pytest.raises(AppError, match=rf"max_new_tokens.*1 and {room}\b"):
        stream(prompt=PROMPT, max_new_tokens=room + 1)


@pytest.mark.parametrize("prompt", [None, 5, ["a"], {"text": "a"}, True])
def test_a_prompt_that_is_no_text_is_refused_by_name(
    ask: Callable[..., Any], stream: Callable[..., Any], prompt: Any
) -> None:
    with pytest.raises(AppError, match="prompt"):
        ask(prompt=prompt)
    with pytest.raises(AppError, match="prompt"):
        stream(prompt=prompt)


def test_a_prompt_that_is_too_long_is_told_its_length_and_the_limit(
    ask: Callable[..., Any], stream: Callable[..., Any], storyteller: Backend
) -> None:
    limit = storyteller.model.context_length
    with pytest.raises(AppError, match=rf"{limit + 1}\b.*{limit}\b"):
        ask(prompt=" the" * (limit + 1))
    with pytest.raises(AppError, match=rf"{limit + 1}\b.*{limit}\b"):
        stream(prompt=" the" * (limit + 1))
    assert len(stream(prompt=" the" * limit, max_new_tokens=1)[-1]["token_ids"]) == 1  # chosen, and never read
    with pytest.raises(AppError, match="between 1 and 1"):
        stream(prompt=" the" * limit, max_new_tokens=2)


def test_a_value_that_is_no_number_in_the_model_is_told(
    ask: Callable[..., Any], stream: Callable[..., Any], storyteller: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = storyteller.model.forward
    monkeypatch.setattr(storyteller.model, "forward", lambda *read: Answer(forward(*read).logits * math.nan, None))
    with pytest.raises(AppError, match="storyteller"):
        ask(prompt="This prompt has not been read before")
    with pytest.raises(AppError, match="storyteller"):
        stream(prompt="Nor has this other prompt been read")


def test_settings_that_leave_nothing_are_told(
    storyteller: Backend, ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole vocabulary that is ruled out: only where the model itself rules out all but the prompt's tokens."""
    ids = storyteller.tokenizer.encode("One two three four")
    forward = storyteller.model.forward

    def narrow(*read: Any) -> Answer:
        row = torch.full_like(forward(*read).logits, -math.inf)
        row[0, list(ids)] = 0
        return Answer(row, None)

    monkeypatch.setattr(storyteller.model, "forward", narrow)
    with pytest.raises(AppError, match="no_repeat_ngram_size"):
        ask(prompt="One two three four", no_repeat_ngram_size=1)


def test_the_endpoints_are_described_and_the_buttons_of_the_page_are_not(client: Client) -> None:
    described = client.view_api(return_format="dict", print_info=False)
    assert set(described["named_endpoints"]) >= {"/next_token", "/generate", "/models"}
    handlers = {"run", "step", "pause", "stop", "back", "branch", "inspect", "redraw", "verify", "welcome", "lambda"}
    assert not {f"/{name}" for name in handlers} & set(described["named_endpoints"])
    assert described["unnamed_endpoints"] == {}
    for name in ("/next_token", "/generate"):
        arguments = described["named_endpoints"][name]["parameters"]
        assert {p["parameter_name"] for p in arguments} >= {"prompt", *NEUTRAL}
