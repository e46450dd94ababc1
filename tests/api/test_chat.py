"""/chat_template: equal to apply_chat_template for five real templates; what a template adds is marked; errors told."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gradio as gr
import pytest

from playground.api.chat_endpoint import ChatEndpoint
from playground.api.endpoints import Endpoints
from playground.engines.huggingface.backend import Backend, HuggingFaceTokenizer
from playground.engines.loading import ModelSlot
from playground.errors import InvalidArgumentError, NoChatTemplateError
from tests.talkers import SYSTEM, TEMPLATES, TURNS, turns_for


def speaking(storyteller: Backend, template: str | None) -> tuple[ChatEndpoint, Any]:
    """The endpoint of the storyteller with a chat template, and its tokenizer."""
    tokenizer = copy.deepcopy(storyteller.tokenizer.tokenizer)
    tokenizer.chat_template, tokenizer.bos_token = template, "<|endoftext|>"
    backend = replace(storyteller, tokenizer=HuggingFaceTokenizer(tokenizer, storyteller.model.readable))
    return ChatEndpoint(ModelSlot.filled(backend, "a model")), tokenizer


@pytest.mark.parametrize("opens", [True, False])
@pytest.mark.parametrize("name", TEMPLATES)
def test_equal_to_transformers(name: str, opens: bool, storyteller: Backend) -> None:
    endpoint, tokenizer = speaking(storyteller, TEMPLATES[name])
    turns = turns_for(name)
    found = endpoint.chat_template(turns, opens)
    assert found["text"] == tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=opens)
    theirs = tokenizer.apply_chat_template(turns, add_generation_prompt=opens, return_dict=True)["input_ids"]
    assert found["token_ids"] == [token["token_id"] for token in found["tokens"]] == list(theirs)
    assert "".join(segment["text"] for segment in found["segments"]) == found["text"]
    own = [segment for segment in found["segments"] if segment["turn"] is not None]
    assert [segment["turn"] for segment in own] == list(range(len(turns)))
    for segment, turn in zip(own, turns, strict=True):
        assert segment["text"] in (turn["content"], turn["content"].strip())
    assert {token["added"] for token in found["tokens"]} == {True, False}


def test_what_the_template_adds_by_itself_is_marked(storyteller: Backend) -> None:
    endpoint, tokenizer = speaking(storyteller, TEMPLATES["SmolLM2-Instruct"])
    found = endpoint.chat_template([{"role": "user", "content": "king"}])
    first, own, last = found["segments"]
    assert first["text"].startswith("<|im_start|>system\nYou are a helpful AI") and own == {"text": "king", "turn": 0}
    assert last["text"] == "<|im_end|>\n<|im_start|>assistant\n"
    kept = [token["token_id"] for token in found["tokens"] if not token["added"]]
    assert tokenizer.decode(kept) in ("king", "\nking")


@pytest.mark.parametrize(
    ("template", "turns", "words"),
    [
        ("Gemma-it", [SYSTEM, *TURNS], "System role not supported"),
        ("Mistral-Instruct", TURNS[1:], "alternate"),
        ("Zephyr", [], "role"),
        ("Zephyr", "king", "role"),
        ("Zephyr", [{"role": "robber", "content": "x"}], "robber"),
        ("Zephyr", [{"role": "user", "content": 3}], "role"),
        ("Zephyr", [{"role": "user"}], "role"),
    ],
)
def test_what_does_not_fit_is_said(template: str, turns: Any, words: str, storyteller: Backend) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        speaking(storyteller, TEMPLATES[template])[0].chat_template(turns)


def test_a_model_without_turns_says_so(storyteller: Backend) -> None:
    with pytest.raises(NoChatTemplateError, match="storyteller has no chat template"):
        ChatEndpoint(ModelSlot.filled(storyteller, "storyteller")).chat_template(TURNS)


# ---- /generate and /next_token on turns


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_prompt_may_be_turns(name: str, talker: Callable[..., Backend]) -> None:
    backend, turns = talker(name), turns_for(name)
    tokenizer: Any = backend.tokenizer.tokenizer
    endpoints = Endpoints(ModelSlot.filled(backend, "talker"))
    for messages, how in ((turns, {"add_generation_prompt": True}), (turns[:-1], {"continue_final_message": True})):
        goes_on = "continue_final_message" in how
        found = endpoints.next_token("", n=1, messages=messages, continue_final_message=goes_on)
        theirs = tokenizer.apply_chat_template(messages, return_dict=True, **how)["input_ids"]
        assert found["context"]["token_ids"] == list(theirs)
        *_, last = endpoints.generate("", False, max_new_tokens=3, messages=messages, continue_final_message=goes_on)
        assert last["token_ids"][0] == found["candidates"][0]["token_id"]


def test_what_ends_a_turn_ends_an_answer(talker: Callable[..., Backend]) -> None:
    backend = talker()
    end = backend.tokenizer.tokenizer.convert_tokens_to_ids("<|im_end|>")
    endpoints = Endpoints(ModelSlot.filled(backend, "talker"))
    *_, last = endpoints.generate("", messages=TURNS, sequence_bias=[[[end], 80]])
    assert (last["token_ids"], last["finish_reason"]) == ([end], "stop")


@pytest.mark.parametrize(
    ("prompt", "arguments", "words"),
    [
        ("a text", {"messages": TURNS}, "prompt"),
        ("", {"messages": []}, "messages"),
        ("", {"messages": "king"}, "messages"),
        ("", {"messages": TURNS, "continue_final_message": "yes"}, "continue_final_message"),
        ("king", {"continue_final_message": True}, "continue_final_message"),
    ],
)
def test_what_is_no_dialogue_is_said(
    prompt: str, arguments: dict[str, Any], words: str, talker: Callable[..., Backend]
) -> None:
    endpoints = Endpoints(ModelSlot.filled(talker(), "talker"))
    with pytest.raises(gr.Error, match=words):
        endpoints.next_token(prompt, **arguments)
    with pytest.raises(gr.Error, match=words):
        list(endpoints.generate(prompt, **arguments))


def test_turns_for_a_model_without_a_template_are_refused(storyteller: Backend) -> None:
    with pytest.raises(gr.Error, match="no chat template"):
        Endpoints(ModelSlot.filled(storyteller, "storyteller")).next_token("", messages=TURNS)
