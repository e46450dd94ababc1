"""/compare_settings against fresh runs of each setting, and against its own documentation of what is wrong."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from playground import catalog, engine
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Multinomial
from playground.decoding.trace import GenerationRequest
from playground.engines.huggingface.backend import Backend
from playground.engines.loading import ModelSlot

pytestmark = [
    pytest.mark.filterwarnings("ignore:'future.no_silent_downcasting'"),
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated"),
]
PROMPT = "The old king said to his"
SETTINGS: list[dict[str, Any]] = [
    {"temperature": 0.8, "top_p": 0.9}, {"temperature": 0.8, "top_p": 0.9}, {"temperature": 1.6, "top_p": 0.9}, {},
    {"top_k": 1}, {"temperature": 0.8, "top_p": 0.9, "order": "llama.cpp"},
    {"temperature": 1.9, "top_p": 0.5, "order": ["top_p", "temperature"]},
]  # fmt: skip


@pytest.fixture(scope="module")
def compare(
    storyteller: Backend, serve: Callable[[ModelSlot], AbstractContextManager[str]]
) -> Iterator[Callable[..., dict[str, Any]]]:
    with serve(ModelSlot.filled(storyteller, "assets/models/storyteller")) as url:
        client = Client(url, verbose=False)
        yield lambda **arguments: client.predict(api_name="/compare_settings", **arguments)
        client.close()


def test_each_text_is_that_of_a_run_of_its_own(compare: Callable[..., dict[str, Any]], storyteller: Backend) -> None:
    answer = compare(prompt=PROMPT, seed=3, settings=SETTINGS, max_new_tokens=12)
    ids = storyteller.tokenizer.encode(PROMPT)
    assert answer["context"]["token_ids"] == list(ids)
    assert [run["settings"] for run in answer["runs"]] == SETTINGS
    first = answer["runs"][0]["token_ids"]
    parted = 0
    for one, run in zip(SETTINGS, answer["runs"], strict=True):
        order = one.get("order", "transformers")
        values = {name: value for name, value in one.items() if name != "order"}
        chain = catalog.processors(values, True, catalog.ORDERS[order] if isinstance(order, str) else order)
        *_, fresh = engine.generate(
            storyteller.model, GenerationRequest(ids, Sampling(chain, Multinomial(3)), 12)
        )  # fmt: skip
        assert run["token_ids"] == list(fresh.token_ids)
        assert run["logprobs"] == pytest.approx([s.reading.logprob for s in fresh.steps])
        assert run["text"] == storyteller.vocabulary.text(fresh.token_ids)
        assert run["finish_reason"] == fresh.finish_reason
        pairs = list(zip(first, run["token_ids"], strict=False))
        index = next((i for i, (a, b) in enumerate(pairs) if a != b), None)
        if index is None:
            assert run["first_difference"] is None
        else:
            parted += 1
            assert run["first_difference"] == {
                "index": index, "token_id": run["token_ids"][index],
                "token": storyteller.vocabulary.label(run["token_ids"][index]), "first_token_id": first[index],
                "first_token": storyteller.vocabulary.label(first[index]),
            }  # fmt: skip
    assert parted >= 4
    assert answer["runs"][1]["first_difference"] is None


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ([], "settings must be a list of 1 to 16"),
        ("top_p", "settings must be a list of 1 to 16"),
        ([{}] * 17, "settings must be a list of 1 to 16"),
        ([3], "settings must be objects"),
        ([{"nobody": 1}], "settings must be objects"),
        ([{"top_p": 2}], "top_p must be between"),
        ([{"order": "mine"}], "order must be"),
        ([{"order": ["nobody"]}], "order must be"),
    ],
)
def test_what_is_wrong_is_named(compare: Callable[..., dict[str, Any]], settings: Any, words: str) -> None:
    with pytest.raises(AppError, match=words):
        compare(prompt=PROMPT, seed=3, settings=settings)


def test_seed_and_length_are_checked(compare: Callable[..., dict[str, Any]]) -> None:
    with pytest.raises(AppError, match="seed must be"):
        compare(prompt=PROMPT, seed=-1, settings=[{}])
    with pytest.raises(AppError, match="max_new_tokens must be"):
        compare(prompt=PROMPT, seed=1, settings=[{}], max_new_tokens=0)


def test_many_settings_of_a_long_text_are_refused_before_anything_is_computed(
    compare: Callable[..., dict[str, Any]], storyteller: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[Any] = []
    monkeypatch.setattr(storyteller.model, "forward", lambda *arguments: passes.append(arguments))
    words = r"max_new_tokens must be at most 64 for 16 settings \(1024 tokens in all\), and you gave 65"
    with pytest.raises(AppError, match=words):
        compare(prompt=PROMPT, seed=1, settings=[{}] * 16, max_new_tokens=65)
    assert passes == []
