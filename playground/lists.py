"""The settings that are lists (of token ids, of texts), as data beside the catalogue's numbers."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from playground.decoding.processors import Processor
from playground.decoding.processors_constraints import BadWords, SequenceBias, SuppressTokens
from playground.errors import InvalidArgumentError

MAX_ENTRIES = 1000


@dataclass(frozen=True)
class ListParameter:
    """One setting that is a list, named as in transformers' `generate`. Empty (or None) is off.

    Attributes:
        name: also the stem of its texts (`parameter.<name>.label`, `.short`, `.help`).
        rule: what it must be, for the error.
        entry: one entry, checked; raises ValueError or TypeError.
        processor: built from the entries; None where they go elsewhere (stop strings, the negative prompt).
        field: where the processor keeps them.
    """

    name: str
    rule: str
    entry: Callable[[Any], Any]
    processor: type | None = None
    field: str = ""

    def check(self, value: object) -> tuple[Any, ...]:
        """The entries as nested tuples. Raises InvalidArgumentError."""
        if value is None:
            return ()
        try:
            if not isinstance(value, (list, tuple)) or len(value) > MAX_ENTRIES:
                raise ValueError
            return tuple(self.entry(entry) for entry in value)
        except (ValueError, TypeError) as error:
            raise InvalidArgumentError(name=self.name, rule=self.rule, value=value) from error

    def build(self, entries: tuple[Any, ...]) -> Processor:
        assert self.processor is not None
        processor: Processor = self.processor(entries)
        return processor

    def read(self, processor: Processor) -> tuple[Any, ...]:
        """The entries of a processor of this kind."""
        entries: tuple[Any, ...] = getattr(processor, self.field)
        return entries


def _token_id(value: Any) -> int:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or value != int(value) or value < 0:
        raise ValueError
    return int(value)


def _sequence(value: Any) -> tuple[int, ...]:
    if not isinstance(value, (list, tuple)) or not value:
        raise ValueError
    return tuple(_token_id(i) for i in value)


def _biased(value: Any) -> tuple[tuple[int, ...], float]:
    ids, bias = value
    if not isinstance(bias, (int, float)) or isinstance(bias, bool) or not math.isfinite(bias):
        raise ValueError
    return _sequence(ids), float(bias)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    return value


LISTS: Mapping[str, ListParameter] = {
    one.name: one
    for one in (
        ListParameter(
            "sequence_bias", "a list of [[token ids], bias] pairs", _biased, SequenceBias, "sequences"
        ),
        ListParameter("bad_words_ids", "a list of lists of token ids", _sequence, BadWords, "sequences"),
        ListParameter("suppress_tokens", "a list of token ids", _token_id, SuppressTokens, "token_ids"),
        ListParameter("negative_prompt_ids", "a list of token ids", _token_id),
        ListParameter("stop_strings", "a list of texts, none of them empty", _text),
    )
}  # fmt: skip
