"""The seam to a model: what a strategy needs of one, and nothing more."""

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor


class DecodingState(Protocol):
    """A KV cache holding B sequences, with the logits of their next token."""

    @property
    def logits(self) -> Tensor:
        """(B, V) float32: the logits of the token that follows each row."""
        ...

    def advance(self, parents: Sequence[int], token_ids: Sequence[int]) -> "DecodingState":
        """Row i of the result continues row parents[i] with token_ids[i]. Consumes this state."""
        ...

    def release(self) -> None:
        """Hand the cache back, so that a later prefill may reuse its prefix. Consumes this state."""
        ...


class LanguageModel(Protocol):
    """A causal language model over token ids."""

    @property
    def name(self) -> str: ...

    @property
    def vocab_size(self) -> int:
        """Number of logits, V."""
        ...

    @property
    def context_length(self) -> int:
        """The most tokens that the model can read."""
        ...

    @property
    def eos_ids(self) -> tuple[int, ...]:
        """Ids that end a text; none, one or several."""
        ...

    def prefill(self, prompt_ids: Sequence[int], taken_ids: Sequence[int] = ()) -> DecodingState:
        """Read a prompt (at least one id) and the tokens already taken after it; return their state, B = 1."""
        ...


class Tokenizer(Protocol):
    """Text to ids, and ids to what a person sees."""

    def encode(self, text: str) -> tuple[int, ...]: ...

    def decode(self, token_ids: Sequence[int]) -> str: ...
