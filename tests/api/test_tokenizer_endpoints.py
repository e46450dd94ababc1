"""/tokenize as a program sees it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from playground.engines.huggingface.backend import Backend
from playground.engines.loading import ModelSlot
from playground.errors import NotOfferedError
from playground.settings import DEFAULT_MODEL


@pytest.fixture(scope="module")
def client(serve: Callable[[ModelSlot], AbstractContextManager[str]], storyteller: Backend) -> Iterator[Client]:
    with serve(ModelSlot.filled(storyteller, "assets/models/storyteller")) as url:
        yield Client(url, verbose=False)


def test_the_tokens_of_a_text(client: Client, storyteller: Backend) -> None:
    text = "The king 😀 <|endoftext|>"
    answer = client.predict(text, api_name="/tokenize")
    assert [token["token_id"] for token in answer["tokens"]] == list(storyteller.tokenizer.encode(text))
    assert set(answer) == {"tokens", "vocab_size", "context_length", "special_tokens"}
    assert (answer["vocab_size"], answer["context_length"]) == (8192, 512)
    assert answer["special_tokens"] == ["<|endoftext|>"]
    first, last = answer["tokens"][0], answer["tokens"][-1]
    assert first == {"token_id": 337, "token": "The", "bytes": [84, 104, 101], "start": 0, "end": 3, "special": False}
    assert last["special"] and (last["start"], last["end"]) == (11, 24)
    assert b"".join(bytes(token["bytes"]) for token in answer["tokens"]) == text.encode()


def test_another_tokenizer(client: Client) -> None:
    answer = client.predict("The king", model="wordpiece", api_name="/tokenize")
    assert [token["token"] for token in answer["tokens"]] == ["[CLS]", "the", "king", "[SEP]"]
    assert answer["context_length"] is None


def test_bad_input_is_an_error_that_says_what(client: Client) -> None:
    for arguments, word in (
        ({"text": 5}, "text"),
        ({"text": "a", "model": 7}, "model"),
        ({"text": "a", "model": "nobody/nothing"}, "nobody/nothing"),
        ({"text": "a" * 1_000_001}, "1,000,000"),
    ):  # fmt: skip
        with pytest.raises(AppError, match=word):
            client.predict(**arguments, api_name="/tokenize")


def test_a_public_server_reads_what_it_offers_and_says_so(
    serve: Callable[..., AbstractContextManager[str]], storyteller: Backend
) -> None:
    with serve(ModelSlot.filled(storyteller, "assets/models/storyteller"), is_public=True) as url:
        client = Client(url, verbose=False)
        for name, tokens in (("default", 2), ("wordpiece", 4)):
            assert len(client.predict("The king", model=name, api_name="/tokenize")["tokens"]) == tokens
        for name in (str(DEFAULT_MODEL), "gpt2", "nobody/nothing"):
            with pytest.raises(AppError) as caught:
                client.predict("The king", model=name, api_name="/tokenize")
            offered = "default, wordpiece, unigram, sentencepiece-bpe"
            assert str(NotOfferedError(name=name, offered=offered)) in str(caught.value)


def test_at_home_a_folder_is_read(client: Client) -> None:
    answer = client.predict("The king", model=str(DEFAULT_MODEL), api_name="/tokenize")
    assert [token["token"] for token in answer["tokens"]] == ["The", "␣king"]
