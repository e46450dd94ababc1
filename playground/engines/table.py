"""A tiny engine from a table of probabilities: the next token depends on the last one alone.

    engine = from_table({"the": {" fox": 0.7, " wolf": 0.3}, " fox": {" ran": 1}, " ran": {"the": 1}, " wolf": {}})

Every token named is in the vocabulary, in the order of its first mention; after one without a row of its own comes any,
each as probable as the other. For documentation and tests: a run that a reader can follow by hand, in a moment.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from playground.decoding.partial import Told
from playground.decoding.rows import Desk, Row
from playground.engines.protocol import Capabilities, Info
from playground.errors import PromptTooLongError
from playground.tokenization.text_tokenizer import TextTokenizer, from_functions
from playground.vocabulary import Vocabulary, whole_characters


@dataclass(eq=False)
class TableModel:
    """A LanguageModel and a Scorer written by hand.

    Attributes:
        table: (V, V) float32, the logits of the token that follows each id.
        eos_ids: ids that end a text.
        told: how many tokens of a row it tells, the most probable; None: all.
    """

    table: Tensor
    eos_ids: tuple[int, ...] = ()
    name: str = "table"
    context_length: int = 1024
    cache_bytes: int = 0
    told: int | None = None

    @property
    def vocab_size(self) -> int:
        return self.table.shape[1]

    @property
    def step_bytes(self) -> int:
        return 4 * self.vocab_size

    def prefill(self, prompt_ids: Sequence[int], taken_ids: Sequence[int] = ()) -> "TableState":
        """Raises PromptTooLongError, ValueError without a prompt."""
        ids = (*prompt_ids, *taken_ids)
        if not prompt_ids:
            raise ValueError("prefill needs at least one token id")
        self._fits(len(ids))
        return TableState(self, [ids[-1]], len(ids))

    def read(self, ids: Sequence[int]) -> Iterator[Tensor]:
        """The logits (n - 1, V) before each id but the first, at once. Raises PromptTooLongError."""
        self._fits(len(ids))
        yield self.table[list(ids[:-1])]

    def logprobs(self, ids: Sequence[int]) -> tuple[float, ...]:
        """The natural-log probability of each id but the first. Raises PromptTooLongError."""
        self._fits(len(ids))
        rows = torch.log_softmax(self.table[list(ids[:-1])], dim=-1)
        return tuple(rows.gather(1, torch.tensor(list(ids[1:]))[:, None])[:, 0].tolist())

    def _fits(self, tokens: int) -> None:
        if tokens > self.context_length:
            raise PromptTooLongError(tokens=tokens, limit=self.context_length)


class TableState:
    """B sequences of one length, of which only the last ids matter."""

    def __init__(self, model: TableModel, last_ids: Sequence[int], length: int) -> None:
        self.model, self.length = model, length
        self.logits = model.table[list(last_ids)]

    def row(self, index: int, desk: Desk) -> Row:
        told = self.model.told
        return Row(self.logits[index]) if told is None else Row.partial(Told.of(self.logits[index], told))

    def advance(self, parents: Sequence[int], token_ids: Sequence[int]) -> "TableState":
        """Raises PromptTooLongError when the context is full."""
        self.model._fits(self.length + 1)
        return TableState(self.model, token_ids, self.length + 1)

    def release(self) -> None:
        pass


@dataclass(frozen=True)
class TableTokenizer:
    """The tokens of a text, the longest first that fits; characters of which there is no token are left out."""

    vocabulary: Vocabulary

    def encode(self, text: str) -> tuple[int, ...]:
        return tuple(token_id for token_id, _ in self._read(text) if token_id >= 0)

    def encode_inside(self, text: str) -> tuple[int, ...]:
        return self.encode(text)

    def dropped(self, text: str) -> str:
        left_out = (character for token_id, character in self._read(text) if token_id < 0 and not character.isspace())
        return "".join(dict.fromkeys(left_out))

    def decode(self, token_ids: Sequence[int]) -> str:
        return self.vocabulary.text(token_ids)

    def finds(self, strings: Sequence[str]) -> bool:
        return False

    def text_tokenizer(self, name: str, context_length: int | None) -> TextTokenizer:
        return from_functions(
            name, self.vocabulary, lambda text, _: self.encode(text), self.vocabulary.text, context_length
        )

    def _read(self, text: str) -> Iterator[tuple[int, str]]:
        """(id, its text), or (-1, a character without a token)."""
        pieces = {
            piece.decode(): i for i, piece in enumerate(self.vocabulary.pieces) if i not in self.vocabulary.special_ids
        }
        longest = max(map(len, pieces), default=1)
        text = whole_characters(text)
        place = 0
        while place < len(text):
            found = (text[place : place + n] for n in range(longest, 0, -1) if text[place : place + n] in pieces)
            piece = next(found, "")
            yield pieces.get(piece, -1), piece or text[place]
            place += len(piece) or 1


@dataclass(frozen=True)
class TableEngine:
    """A table as an Engine."""

    model: TableModel
    tokenizer: TableTokenizer
    vocabulary: Vocabulary
    info: Info
    can: Capabilities


def from_table(
    table: Mapping[str, Mapping[str, float]], ends: Sequence[str] = (), name: str = "table",
    context_length: int = 1024, told: int | None = None,
) -> TableEngine:  # fmt: skip
    """An engine of the tokens that the table names: `table[token]` are the probabilities of what may follow it.

    Args:
        ends: the tokens that end a text; they are no text.
        name: of the model.
        told: as of TableModel; such an engine scores no text.

    Raises ValueError for probabilities of a row that are not 1 in all, or below 0.
    """
    tokens = list(dict.fromkeys(token for last, row in table.items() for token in (last, *row)) | dict.fromkeys(ends))
    places = {token: i for i, token in enumerate(tokens)}
    rows = torch.zeros(len(tokens), len(tokens))
    for last in tokens:
        row = table.get(last) or dict.fromkeys(tokens, 1 / len(tokens))
        if abs(sum(row.values()) - 1) > 1e-6 or min(row.values()) < 0:
            raise ValueError(f"the probabilities after {last!r} are not 1 in all")
        for token, probability in row.items():
            rows[places[last], places[token]] = probability
    eos_ids = tuple(places[token] for token in ends)
    vocabulary = Vocabulary(tuple(token.encode() for token in tokens), frozenset(eos_ids))
    model = TableModel(rows.log(), eos_ids, name, context_length, told=told)
    info = Info(name, parameters=rows.numel(), vocab_size=len(tokens), context_length=context_length, layers=0, heads=0)
    return TableEngine(model, TableTokenizer(vocabulary), vocabulary, info, Capabilities(told, scores=told is None))
