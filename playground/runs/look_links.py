"""What a tab looks at, in links: a text and places in it as readable parameters of an address, both ways."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

from playground.i18n import Said, say
from playground.runs.links import MAX_NAME, MAX_PARAMETERS, MAX_QUERY, MOST_NOTES, is_beside
from playground.runs.setup import MAX_TEXT
from playground.vocabulary import whole_characters

TABS = ("tokenizer", "attention", "inside", "lockstep")
_DECIMAL = re.compile(r"[0-9]{1,9}(\.[0-9]{1,20})?(e-[0-9]{1,3})?")
_SHOWN = 40  # characters of a value in a notice


class Words(NamedTuple):
    """A text of so many characters."""

    longest: int = MAX_TEXT


class Whole(NamedTuple):
    """A whole number from `least` to `most`."""

    least: int
    most: int


class Amount(NamedTuple):
    """A number from `least` to `most`."""

    least: float
    most: float


class OneOf(NamedTuple):
    """One of these words; or of others that nobody is told of who does not know them."""

    known: Sequence[str]
    untold: Collection[str] = ()


class Several(NamedTuple):
    """Any of these words, with commas between them; or none."""

    known: Sequence[str]


Field = Words | Whole | Amount | OneOf | Several
Value = str | int | float


@dataclass(frozen=True)
class LinkedLook:
    """What an address says of a look.

    Attributes:
        values: what it says, by the names of the fields.
        model: the name of the page's model, None where it names none.
        notes: what of it could not be taken, a sentence each.
    """

    values: Mapping[str, Value]
    model: str | None = None
    notes: tuple[Said, ...] = ()


def query_of_look(values: Mapping[str, Value]) -> str:
    """The values as a query without its "?"."""
    return urlencode({name: whole_characters(str(value)) for name, value in values.items()}, safe=",")


def read_look(query: str, fields: Mapping[str, Field]) -> LinkedLook:
    """The look of an address's query. Whatever it says, this answers: what can't be taken is left out and noted."""
    if len(query) > MAX_QUERY:
        return LinkedLook({}, notes=(say("link.too_long", characters=MAX_QUERY),))
    try:
        pairs = parse_qsl(whole_characters(query).lstrip("?"), keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
    except ValueError:
        return LinkedLook({}, notes=(say("link.too_many", count=MAX_PARAMETERS),))
    notes: list[Said] = []
    values: dict[str, Value] = {}
    given = dict(reversed(pairs))
    for name, text in given.items():
        field = Words(MAX_NAME) if name == "model" else fields.get(name)
        if field is None:
            if not is_beside(name):
                notes.append(say("link.unknown", name=name[:_SHOWN]))
            continue
        value = _read(name, text, field, notes)
        if value is not None:
            values[name] = value
    model = values.pop("model", None)
    return LinkedLook(values, None if model is None else str(model), tuple(notes))


def _read(name: str, text: str, field: Field, notes: list[Said]) -> Value | None:
    if isinstance(field, Words):
        if len(text) <= field.longest:
            return text
        notes.append(say("link.text", name=name, characters=field.longest))
    elif isinstance(field, OneOf):
        if text in field.known or text in field.untold:
            return text
        notes.append(_none_of(name, text, field.known))
    elif isinstance(field, Several):
        words = [word for word in dict.fromkeys(text.split(",")) if word]
        notes += [_none_of(name, word, field.known) for word in words if word not in field.known][:MOST_NOTES]
        found = [word for word in words if word in field.known]
        return ",".join(found) if found or not words else None
    else:
        is_number = text.isascii() and text.isdigit() if isinstance(field, Whole) else _DECIMAL.fullmatch(text)
        value = (int(text[:9]) if isinstance(field, Whole) else float(text)) if is_number else None
        if value is not None and field.least <= value <= field.most:
            return value
        notes.append(say("link.value", name=name, value=text[:_SHOWN]))
    return None


def _none_of(name: str, text: str, known: Sequence[str]) -> Said:
    return say("link.choice", name=name, value=text[:_SHOWN], known=", ".join(known))
