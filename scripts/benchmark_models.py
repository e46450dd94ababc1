"""Models with random weights and a vocabulary of any size: their text is nonsense, their cost is that of real ones."""

from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from playground.engines.huggingface import backend as huggingface
from playground.engines.huggingface.backend import Backend

GPT2_SMALL: dict[str, Any] = {}  # what GPT2Config says by itself: 12 layers of 768, 124 million parameters
TINY: dict[str, Any] = {"n_layer": 2, "n_head": 2, "n_embd": 32}


def build(vocab_size: int, context: int = 1024, spread: float = 0.02, **shape: Any) -> Backend:
    """A GPT-2 of that shape without an end-of-text token, so that every run is as long as it was asked to be.

    Args:
        spread: standard deviation of the weights; 0.02 is GPT-2's own, a larger one makes a distribution more peaked.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = GPT2Config(
            vocab_size=vocab_size, n_positions=context, initializer_range=spread, bos_token_id=None, eos_token_id=None,
            **shape,
        )  # fmt: skip
        module = GPT2LMHeadModel(config)
    return huggingface.from_parts(module, words(vocab_size), f"random-{vocab_size}")


def words(vocab_size: int) -> PreTrainedTokenizerFast:
    """A tokenizer whose tokens are the words w0, w1, w2 …"""
    tokenizer = Tokenizer(models.WordLevel({f"w{i}": i for i in range(vocab_size)}, unk_token="w0"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


def prompt_of(tokens: int, first: int = 100) -> str:
    return " ".join(f"w{first + 7 * i}" for i in range(tokens))
