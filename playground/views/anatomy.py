"""Anatomy: where a model's parameters are, part by part."""

from collections.abc import Mapping
from dataclasses import dataclass

PARTS = ("token_embedding", "position_embedding", "attention", "mlp", "norm", "head", "other")
_NAMES = {  # norms first: some of them stand inside an attention
    "norm": {"ln_1", "ln_2", "ln_f"},
    "head": {"lm_head", "embed_out"},
    "token_embedding": {"wte", "embed_tokens", "word_embeddings", "embed_in"},
    "position_embedding": {"wpe", "embed_positions"},
    "attention": {"attn", "self_attn", "attention", "self_attention"},
    "mlp": {"mlp", "feed_forward"},
}


@dataclass(frozen=True)
class Part:
    """One part, over all blocks: how many numbers, and their share of the whole."""

    name: str
    count: int
    share: float


@dataclass(frozen=True)
class Anatomy:
    """A model's parameters.

    Attributes:
        parts: in the order of PARTS; those that it has.
        total: all of them, each tensor counted once.
        is_tied: whether the LM head is the token embedding again.
        width, vocab_size: what the head maps from and to.
    """

    parts: tuple[Part, ...]
    total: int
    is_tied: bool
    width: int
    vocab_size: int

    @property
    def head_count(self) -> int:
        """Numbers in the LM head, whether shared or its own."""
        return self.width * self.vocab_size

    @property
    def base_total(self) -> int:
        """Parameters of the model without its LM head."""
        return self.total if self.is_tied else self.total - self.head_count


def part_of(name: str) -> str:
    """The part that a tensor belongs to, by the names of transformers' models. Example: "h.0.ln_1.bias" -> "norm"."""
    words = name.split(".")
    for part, known in _NAMES.items():
        if any(word in known or (part == "norm" and "norm" in word) for word in words):
            return part
    return "other"


def anatomy(sizes: Mapping[str, int], is_tied: bool, width: int, vocab_size: int) -> Anatomy:
    """Of the number of parameters in each tensor, by its name; a tied head is not among them."""
    total = sum(sizes.values())
    counts = dict.fromkeys(PARTS, 0)
    for name, count in sizes.items():
        counts[part_of(name)] += count
    parts = tuple(Part(name, count, count / total) for name, count in counts.items() if count)
    return Anatomy(parts, total, is_tied, width, vocab_size)
