"""Written settings: phrases, tokens and texts as a person types them, read into the lists that the settings take."""

import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playground.errors import (
    MissingBiasError,
    NotOneTokenError,
    TextTooLongError,
    UnknownPhraseError,
    UnknownTokenError,
)
from playground.i18n import Said, say
from playground.lists import LISTS, MAX_BIAS
from playground.vocabulary import Vocabulary, printable, whole_characters

MAX_CHARACTERS = 2000  # of one field: a page of text, and no more for a public server to chew
_SHOWN = {"␣": " ", "⏎": "\n", "⇥": "\t", "\\n": "\n", "\\t": "\t"}
_QUOTES = (('"', '"'), ("“", "”"), ("„", "“"))


@dataclass(frozen=True)
class Speller:
    """What turns texts into ids.

    Attributes:
        inside: the ids of a text that stands inside another, without special tokens.
        prompt: the ids of a text that stands at the beginning, with those that the model's tokenizer adds.
        vocabulary: what the ids stand for.
    """

    inside: Callable[[str], Sequence[int]]
    prompt: Callable[[str], Sequence[int]]
    vocabulary: Vocabulary

    def phrase(self, line: str) -> tuple[int, ...]:
        """The ids of a phrase as it stands inside a text; () where the tokenizer has none for it.

        What says exactly what it means (see `exactly`) is taken so; any other phrase that begins with a word is read
        after a space. Example: house -> the ids of " house"; "house" in quotes -> those of "house"
        """
        line = whole_characters(line)
        exact = exactly(line)
        wanted = (" " if _begins_a_word(line) else "") + line if exact is None else exact
        if not wanted:
            return ()
        for ids in self._tries(wanted):
            if self._bytes(ids) == wanted.encode():
                return ids
        ids = tuple(self.inside(wanted))  # a tokenizer that changes what it reads: good if the letters are the same
        return ids if _letters(self._bytes(ids).decode(errors="replace")) == _letters(wanted) else ()

    def _tries(self, wanted: str) -> list[tuple[int, ...]]:
        """Some tokenizers put a space before every text: without the text's own, and after a line break."""
        anchor, after = tuple(self.inside("\n")), tuple(self.inside("\n" + wanted))
        anchored = [after[len(anchor) :]] if after[: len(anchor)] == anchor else []
        return [tuple(self.inside(wanted)), tuple(self.inside(wanted.removeprefix(" "))), *anchored]

    def _bytes(self, ids: Sequence[int]) -> bytes:
        return b"".join(self.vocabulary.piece(i) for i in ids)


@dataclass(frozen=True)
class Line:
    """One line as it was understood.

    Attributes:
        labels: of its tokens; of a text that stays a text, the text.
        ids: none where it stays a text.
        bias: what is added, of a sequence bias.
    """

    labels: tuple[str, ...]
    ids: tuple[int, ...] = ()
    bias: float | None = None


def exactly(line: str) -> str | None:
    """The text of a line that says exactly what it means, in quotes or with its spaces as the page shows them (␣, ⏎);
    None for any other."""
    inner = next((line[1:-1] for a, b in _QUOTES if len(line) > 1 and line[0] == a and line[-1] == b), None)
    if inner is None:
        if not any(shown in line for shown in _SHOWN):
            return None
        inner = line
    for shown, meant in _SHOWN.items():
        inner = inner.replace(shown, meant)
    return inner


def read(name: str, text: str, speller: Speller) -> tuple[Line, ...]:
    """A written setting, line by line; the negative prompt is one text.

    Raises TextTooLongError, UnknownPhraseError, MissingBiasError, NotOneTokenError, UnknownTokenError.
    """
    field = say(f"parameter.{name}.label")
    clean = whole_characters(text)
    if name == "negative_prompt_ids":
        _check_size(field, clean, 1, MAX_CHARACTERS)
        ids = tuple(speller.prompt(clean)) if clean.strip() else ()
        return (Line(_labels(ids, speller), ids),) if ids else ()
    _check_size(field, clean, len(clean.splitlines()), LISTS[name].most)
    lines = [line.strip() for line in clean.splitlines() if line.strip()]
    return tuple(one for line in lines for one in _READERS[name](field, line, speller))


def entries(name: str, lines: Sequence[Line]) -> tuple[Any, ...]:
    """The lines as the list that the setting takes."""
    if name == "sequence_bias":
        return tuple((line.ids, line.bias) for line in lines)
    if name == "bad_words_ids":
        return tuple(line.ids for line in lines)
    if name == "stop_strings":
        return tuple(line.labels[0] for line in lines)
    return tuple(i for line in lines for i in line.ids)


def settings(texts: Mapping[str, str], speller: Speller) -> dict[str, tuple[Any, ...]]:
    """The lists of all written settings that are on, by name. Raises as `read` does."""
    return {name: entries(name, read(name, text, speller)) for name, text in texts.items() if text.strip()}


def typed(name: str, value: Sequence[Any], vocabulary: Vocabulary) -> str:
    """A list as a person would type it, a line an entry: what `read` makes that list of, as long as the tokenizer cuts
    its texts as they are cut here."""
    if name == "negative_prompt_ids":
        return vocabulary.text(value)
    if name == "suppress_tokens":
        return "\n".join(map(str, value))
    if name == "stop_strings":
        return "\n".join(f'"{printable(text.encode())}"' for text in value)
    if name == "sequence_bias":
        return "\n".join(f'"{"".join(vocabulary.labels(ids))}" {bias:g}' for ids, bias in value)
    return "\n".join(f'"{"".join(vocabulary.labels(ids))}"' for ids in value)


# ---- one line ------------------------------------------------------------------------------------------------


def _phrase(field: Said | str, line: str, speller: Speller) -> list[Line]:
    ids = speller.phrase(line)
    if not ids:
        raise UnknownPhraseError(field=field, line=line)
    return [Line(_labels(ids, speller), ids)]


def _biased(field: Said | str, line: str, speller: Speller) -> list[Line]:
    phrase, _, number = line.rpartition(" ")
    bias = _number(number)
    if not phrase.strip() or not abs(bias) <= MAX_BIAS:
        raise MissingBiasError(field=field, line=line, most=MAX_BIAS)
    (read_phrase,) = _phrase(field, phrase.strip(), speller)
    return [Line(read_phrase.labels, read_phrase.ids, bias)]


def _token(field: Said | str, line: str, speller: Speller) -> list[Line]:
    size = len(speller.vocabulary.pieces)
    if re.fullmatch(r"\d+([\s,;]+\d+)*[,;]?", line):
        ids = tuple(int(number) for number in re.findall(r"\d+", line))
        for i in ids:
            if i >= size:
                raise UnknownTokenError(field=field, token_id=i, last=size - 1)
        return [Line(_labels((i,), speller), (i,)) for i in ids]
    (found,) = _phrase(field, line, speller)
    if len(found.ids) > 1:
        raise NotOneTokenError(field=field, line=line, labels=" · ".join(found.labels), count=len(found.ids))
    return [found]


def _string(field: Said | str, line: str, speller: Speller) -> list[Line]:
    exact = exactly(line)
    text = line if exact is None else exact
    if not text:
        raise UnknownPhraseError(field=field, line=line)
    _check_size(field, text, 1, 1, LISTS["stop_strings"].longest)
    return [Line((text,))]


_READERS: Mapping[str, Callable[[Said | str, str, Speller], list[Line]]] = {
    "sequence_bias": _biased, "bad_words_ids": _phrase, "suppress_tokens": _token, "stop_strings": _string,
}  # fmt: skip


def shown(line: Line) -> str:
    """A line as the page shows what became of it: its tokens."""
    return "·".join(line.labels) if line.ids else printable(line.labels[0].encode())


def _labels(ids: Sequence[int], speller: Speller) -> tuple[str, ...]:
    return tuple(speller.vocabulary.labels(ids))


def _check_size(field: Said | str, text: str, lines: int, most: int, longest: int = MAX_CHARACTERS) -> None:
    if len(text) > longest or lines > most:
        raise TextTooLongError(field=field, characters=longest, lines=most)


def _begins_a_word(line: str) -> bool:
    """Whether a space would come before it in a text: not before a full stop, not in Chinese or Japanese."""
    return line[:1].isalnum() and unicodedata.east_asian_width(line[0]) not in "WF"


def _number(text: str) -> float:
    """NaN for what is no number."""
    try:
        value = float(text.replace("−", "-"))
    except ValueError:
        return math.nan
    return value


def _letters(text: str) -> str:
    """Without what a tokenizer may change: spaces, accents, capitals, widths."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(c for c in plain if not c.isspace() and not unicodedata.combining(c))
