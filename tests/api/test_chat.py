"""/chat_template: equal to apply_chat_template for five real templates; what a template adds is marked; errors told."""

import copy
from dataclasses import replace
from typing import Any

import pytest

from playground.api.chat_endpoint import ChatEndpoint
from playground.engines.huggingface.backend import Backend, HuggingFaceTokenizer
from playground.engines.loading import ModelSlot
from playground.errors import InvalidArgumentError, NoChatTemplateError

_ALTERNATE = (
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must "
    "alternate user/assistant/user/assistant/...') }}{% endif %}"
)
# as the models' own tokenizer_config.json have them
TEMPLATES = {
    "SmolLM2-Instruct": (
        "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n"
        "You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}"
        "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
    ),
    "Llama-3-Instruct": (
        "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + "
        "message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}"
        "{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
    ),
    "Mistral-Instruct": (
        "{{ bos_token }}{% for message in messages %}" + _ALTERNATE + "{% if message['role'] == 'user' %}"
        "{{ '[INST] ' + message['content'] + ' [/INST]' }}{% elif message['role'] == 'assistant' %}"
        "{{ message['content'] + eos_token}}{% else %}"
        "{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}"
    ),
    "Gemma-it": (
        "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}"
        "{% endif %}{% for message in messages %}" + _ALTERNATE + "{% if (message['role'] == 'assistant') %}"
        "{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}"
        "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}"
    ),
    "Zephyr": (
        "{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\n' + message['content'] + "
        "eos_token }}\n{% elif message['role'] == 'system' %}\n{{ '<|system|>\n' + message['content'] + eos_token }}\n"
        "{% elif message['role'] == 'assistant' %}\n{{ '<|assistant|>\n'  + message['content'] + eos_token }}\n"
        "{% endif %}\n{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}"
    ),
}  # fmt: skip
TURNS = [
    {"role": "user", "content": "  Who lives in the wood?\n"},
    {"role": "assistant", "content": "A wolf <|im_end|> and 两 foxes."},
    {"role": "user", "content": "And in the sea?"},
]
SYSTEM = {"role": "system", "content": "You tell tales."}


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
    turns = TURNS if name in ("Mistral-Instruct", "Gemma-it") else [SYSTEM, *TURNS]
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
