"""The seam to a model: what a strategy needs of one, and nothing more."""

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from playground.decoding.rows import Desk, Row


class DecodingState(Protocol):
    """A KV cache holding B sequences, with the logits of their next token."""

    @property
    def logits(self) -> Tensor:
        """(B, V) float32: the logits of the token that follows each row."""
        ...

    def row(self, index: int, desk: Desk) -> Row:
        """The logits of one row as a Row, at hand on `desk` if they can be made again."""
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
    def step_bytes(self) -> int:
        """What a step of a run keeps for good, in bytes: 4 · V where rows of logits can't be made again."""
        ...

    @property
    def cache_bytes(self) -> int:
        """What one token of one sequence takes in the KV cache, in bytes; 0 where that is not known."""
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
