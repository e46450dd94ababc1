"""Models that talk: a tiny random one with the shipped tokenizer, special tokens and a real chat template."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from playground.engines.huggingface.backend import Backend, load

MODEL = Path(__file__).resolve().parent.parent / "assets" / "models" / "storyteller"
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
SPECIAL = {
    "SmolLM2-Instruct": ["<|im_start|>", "<|im_end|>"],
    "Llama-3-Instruct": ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
    "Mistral-Instruct": ["[INST]", "[/INST]"],
    "Gemma-it": ["<start_of_turn>", "<end_of_turn>"],
    "Zephyr": ["<|user|>", "<|assistant|>", "<|system|>"],
}
TURNS = [
    {"role": "user", "content": "  Who lives in the wood?\n"},
    {"role": "assistant", "content": "A wolf <|im_end|> and 两 foxes."},
    {"role": "user", "content": "And in the sea?"},
]
SYSTEM = {"role": "system", "content": "You tell tales."}


def turns_for(name: str) -> list[dict[str, str]]:
    """Turns that the template takes."""
    return TURNS if name in ("Mistral-Instruct", "Gemma-it") else [SYSTEM, *TURNS]


def write_talker(folder: Path, name: str = "SmolLM2-Instruct") -> Path:
    """The folder of such a model. Only <|endoftext|> ends its texts, so that what ends a turn is the template's."""
    tokenizer: Any = AutoTokenizer.from_pretrained(MODEL)
    tokenizer.add_special_tokens({"additional_special_tokens": SPECIAL[name]})
    tokenizer.chat_template, tokenizer.bos_token = TEMPLATES[name], "<|endoftext|>"
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, initializer_range=0.4, tie_word_embeddings=False,
        bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = LlamaForCausalLM(config)
    module.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def talker(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Backend]:
    """The model with this template; one for everybody who asks."""

    @cache
    def built(name: str = "SmolLM2-Instruct") -> Backend:
        return load(str(write_talker(tmp_path_factory.mktemp(name), name)), name)

    return built
