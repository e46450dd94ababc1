"""Parameters counted: a loaded model's by tensor, and the GPT-2 family's from configurations alone, without weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from transformers import GPT2Config, GPT2LMHeadModel, GPT2Model

_SHAPES = {
    "gpt2": (12, 12, 768),
    "gpt2-medium": (24, 16, 1024),
    "gpt2-large": (36, 20, 1280),
    "gpt2-xl": (48, 25, 1600),
}


@dataclass(frozen=True)
class Member:
    """One model of the family.

    Attributes:
        parameters: of the language model; base_parameters: of the model without its head.
    """

    name: str
    layers: int
    heads: int
    width: int
    vocab_size: int
    context_length: int
    parameters: int
    base_parameters: int

    @property
    def head_size(self) -> int:
        return self.width // self.heads


@cache
def gpt2_family() -> tuple[Member, ...]:
    """The four published sizes, built on the meta device: shapes only, not one weight."""
    return tuple(_member(name, *shape) for name, shape in _SHAPES.items())


def _member(name: str, layers: int, heads: int, width: int) -> Member:
    config = GPT2Config(n_layer=layers, n_head=heads, n_embd=width)
    with torch.device("meta"):
        whole, base = GPT2LMHeadModel(config), GPT2Model(config)
    return Member(
        name, layers, heads, width, config.vocab_size, config.n_positions, count(whole), count(base)
    )  # fmt: skip


def count(module: Any) -> int:
    """Every tensor once, however often it is used."""
    return sum(p.numel() for p in module.parameters())


def sizes(module: Any) -> Mapping[str, int]:
    """The number of parameters of each tensor by its name; a tied head is the embedding, and counted there."""
    return {name: p.numel() for name, p in module.named_parameters()}


def is_tied(module: Any) -> bool:
    """Whether the LM head is the very tensor of the token embedding."""
    return module.get_output_embeddings().weight is module.get_input_embeddings().weight
