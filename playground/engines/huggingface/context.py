"""The context: how many tokens a model can read, and how many may follow a prompt."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from playground.errors import PromptTooLongError

UNBOUNDED = 2**20  # for architectures without a position limit
# what configurations call it; transformers maps most other names to the first
_NAMES = (
    "max_position_embeddings", "n_positions", "max_seq_len", "max_sequence_length", "max_seq_length", "seq_length",
    "context_length", "n_ctx",
)  # fmt: skip


def context_length(module: Any) -> int:
    """The most tokens that a causal language model of transformers can read at once.

    A table of rotary positions that stretches with the length ("dynamic") is made for `factor` times as many tokens
    as the configuration names. RoBERTa and its kin keep the first rows of their table of positions for padding.
    """
    config = module.config.get_text_config()
    named = (getattr(config, name, None) for name in _NAMES)
    limit = next((int(value) for value in named if isinstance(value, int) and value > 0), UNBOUNDED)
    rope = getattr(config, "rope_parameters", None)
    if isinstance(rope, dict) and rope.get("rope_type") == "dynamic":
        limit = int(limit * rope.get("factor", 1.0))
    for name, part in module.named_modules():
        if name.endswith("position_embeddings") and isinstance(part, nn.Embedding) and part.padding_idx is not None:
            limit = min(limit, part.num_embeddings - part.padding_idx - 1)
    return limit


def room(limit: int, *prompts: Sequence[int]) -> int:
    """How many tokens may follow the longest of the prompts in a context of `limit` tokens: the last one is chosen and
    never read, so it needs no place. Raises PromptTooLongError if a prompt itself does not fit."""
    longest = max(map(len, prompts))
    if longest > limit:
        raise PromptTooLongError(tokens=longest, limit=limit)
    return limit - longest + 1
