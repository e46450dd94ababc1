"""The settings that are lists (of token ids, of texts), as data beside the catalogue's numbers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from playground.decoding.processors import Processor
from playground.decoding.processors_constraints import BadWords, SequenceBias, SuppressTokens
from playground.errors import InvalidArgumentError, UnknownTokenError

MAX_ENTRIES = 1000
MAX_ID = 2**31  # no vocabulary has so many tokens
MAX_BIAS = 1_000_000.0  # a bias beyond float32 would make logits that are no numbers
MAX_STOP_STRINGS, MAX_STOP_STRING = 8, 60  # transformers lays out every character over the whole vocabulary


@dataclass(frozen=True)
class ListParameter:
    """One setting that is a list, named as in transformers' `generate`. Empty (or None) is off.

    Attributes:
        name: also the stem of its texts (`parameter.<name>.label`, `.short`, `.help`).
        rule: what it must be, for the error.
        entry: one entry, checked; raises ValueError, TypeError or OverflowError.
        processor: built from the entries; None where they go elsewhere (stop strings, the negative prompt).
        field: where the processor keeps them.
        most, longest: how many entries are taken, and how many ids or characters each.
        paper: who brought it up; `url` where to read about it.
        belongs_to: the name of the setting of which it is a part.
    """

    name: str
    rule: str
    entry: Callable[[Any], Any]
    processor: type | None = None
    field: str = ""
    most: int = MAX_ENTRIES
    longest: int = MAX_ENTRIES
    paper: str = "transformers"
    url: str = ""
    belongs_to: str | None = None

    @property
    def sampling_only(self) -> bool:
        """Greedy search takes them all, as `generate` does."""
        return False

    def check(self, value: object) -> tuple[Any, ...]:
        """The entries as nested tuples. Raises InvalidArgumentError."""
        if value is None:
            return ()
        try:
            if not isinstance(value, (list, tuple)) or len(value) > self.most:
                raise ValueError
            return tuple(self.entry(entry) for entry in value)
        except (ValueError, TypeError, OverflowError) as error:
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
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < MAX_ID or value != int(value):
        raise ValueError
    return int(value)


def _sequence(value: Any) -> tuple[int, ...]:
    if not isinstance(value, (list, tuple)) or not 0 < len(value) <= MAX_ENTRIES:
        raise ValueError
    return tuple(_token_id(i) for i in value)


def _biased(value: Any) -> tuple[tuple[int, ...], float]:
    ids, bias = value
    if not isinstance(bias, (int, float)) or isinstance(bias, bool) or not abs(bias) <= MAX_BIAS:
        raise ValueError
    return _sequence(ids), float(bias)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_STOP_STRING:
        raise ValueError
    return value


DOCS = "https://huggingface.co/docs/transformers/internal/generation_utils#transformers."
LISTS: Mapping[str, ListParameter] = {
    one.name: one
    for one in (
        ListParameter("sequence_bias", f"a list of [[token ids], bias] pairs, no bias beyond ±{MAX_BIAS:,.0f}",
                      _biased, SequenceBias, "sequences", url=DOCS + "SequenceBiasLogitsProcessor"),
        ListParameter("bad_words_ids", "a list of lists of token ids", _sequence, BadWords, "sequences",
                      url=DOCS + "NoBadWordsLogitsProcessor"),
        ListParameter("suppress_tokens", "a list of token ids", _token_id, SuppressTokens, "token_ids",
                      url=DOCS + "SuppressTokensLogitsProcessor"),
        ListParameter("negative_prompt_ids", "a list of token ids", _token_id, belongs_to="guidance_scale",
                      paper="Sanchez et al. 2023, Stay on topic with Classifier-Free Guidance",
                      url="https://arxiv.org/abs/2306.17806"),
        ListParameter("stop_strings",
                      f"a list of at most {MAX_STOP_STRINGS} texts of 1 to {MAX_STOP_STRING} characters", _text,
                      most=MAX_STOP_STRINGS, longest=MAX_STOP_STRING, url=DOCS + "StopStringCriteria"),
    )
}  # fmt: skip


def check_ids(values: Mapping[str, Any], vocab_size: int) -> None:
    """Raises UnknownTokenError for a list that names an id which the vocabulary lacks (transformers fails on some, and
    passes suppressed ones over without a word)."""
    for name in ("sequence_bias", "bad_words_ids", "suppress_tokens", "negative_prompt_ids"):
        checked = LISTS[name].check(values.get(name))
        sequences = [one[0] for one in checked] if name == "sequence_bias" else checked
        for i in (i for one in sequences for i in ((one,) if isinstance(one, int) else one)):
            if i >= vocab_size:
                raise UnknownTokenError(field=name, token_id=i, last=vocab_size - 1)
