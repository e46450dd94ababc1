"""Texts for people: one flat catalogue per language, read through a translator that knows its language's rules.

A text may hold (the syntax is ICU's, as far as it goes):

    {name}                                        the value as it is
    {name, number}                                a number with the language's separators: 50,257 · 0.125
    {name, plural, one {# token} other {# tokens}}   by the language's rules; # is the number; "=0 {no token}" is exact
    {name, select, left {on the left} other {on the right}}   by the value
    {name, list}                                  several values: a, b, and c
    {name:spec}                                   by Python's format, a comma in it by the language: {share:.1f}
    {name!r}                                      as Python writes the value
    {{ and }}                                     braces, outside of a branch: %{{x}} is Plotly's

A branch is a text itself. A branch "other" must be there. Chinese has no other branch than "other".
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from babel import Locale

DEFAULT_LANGUAGE = "en"
FOLDERS = [Path(__file__).parent]  # where catalogues lie
_KINDS = ("number", "plural", "select", "list")


def languages() -> tuple[str, ...]:
    """The codes of all languages that there is a catalogue of, English first."""
    found = sorted(path.stem for folder in FOLDERS for path in folder.glob("*.json"))
    return (DEFAULT_LANGUAGE, *(code for code in found if code != DEFAULT_LANGUAGE))


@cache
def catalogue(language: str) -> dict[str, str]:
    """All messages of a language, by key. Raises FileNotFoundError for a language without a catalogue."""
    paths = [folder / f"{language}.json" for folder in FOLDERS]
    path = next((one for one in paths if one.is_file()), paths[0])
    messages: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return messages


class Translator:
    """The function t(key, **values) -> text of a language. Raises KeyError for an unknown key or a missing value.

    Attributes:
        language: its code.
    """

    def __init__(self, language: str) -> None:
        self.language = language
        self._messages = catalogue(language)
        self._parts: dict[str, tuple[_Part, ...]] = {}

    def __call__(self, key: str, /, **values: object) -> str:
        parts = self._parts.get(key)
        if parts is None:
            parts = self._parts[key] = parse(self._messages[key])
        return self._filled(parts, values)

    def number(self, value: float) -> str:
        """With the language's separators, and no more than three digits after the point."""
        if isinstance(value, float) and not value.is_integer():
            return self._separated(f"{value:,.3f}".rstrip("0").rstrip("."))
        return self._separated(f"{value:,.0f}" if isinstance(value, float) else f"{value:,}")

    def listed(self, items: Sequence[str]) -> str:
        """All of them in one phrase. Example: a, b, and c"""
        from babel.lists import format_list

        return format_list(list(items), locale=self._locale)

    def _filled(self, parts: "tuple[_Part, ...]", values: Mapping[str, object], counted: str = "") -> str:
        found = []
        for part in parts:
            if isinstance(part, str):
                found.append(part.replace("#", counted) if counted else part)
                continue
            value = values[part.name]
            if isinstance(value, Said):
                value = value.words(self)
            if part.kind == "plural":
                assert isinstance(value, (int, float))
                of_value = part.branches.get(self._plural(value), part.branches["other"])
                branch = part.branches.get(f"={value}", of_value)  # which may be empty
                found.append(self._filled(branch, values, self.number(value)))
            elif part.kind == "select":
                branch = part.branches.get(str(value), part.branches["other"])
                found.append(self._filled(branch, values, counted))
            elif part.kind == "number":
                assert isinstance(value, (int, float))
                found.append(self.number(value))
            elif part.kind == "repr":
                found.append(repr(value))
            elif part.kind == "list":
                assert isinstance(value, (list, tuple))
                found.append(self.listed([said(one, self) for one in value]))
            else:
                text = format(value, part.spec) if part.spec else str(value)
                found.append(self._separated(text) if "," in part.spec else text)
        return "".join(found)

    def _plural(self, value: float) -> str:
        """Which form goes with a number: "one", "few", "other" …"""
        return str(self._locale.plural_form(value))

    def _separated(self, number: str) -> str:
        """A number written as in English, with the language's own separators."""
        group, point = self._separators
        return number if (group, point) == (",", ".") else number.translate({ord(","): group, ord("."): point})

    @cached_property
    def _locale(self) -> "Locale":
        """The rules of the language; of one that has none, as a language made for tests, those of English."""
        from babel import Locale, UnknownLocaleError  # late: only a text with a number in it needs them

        try:
            return Locale.parse(self.language, sep="-")
        except (UnknownLocaleError, ValueError):
            return Locale.parse(DEFAULT_LANGUAGE)

    @cached_property
    def _separators(self) -> tuple[str, str]:
        if self.language == DEFAULT_LANGUAGE:
            return ",", "."
        symbols: Any = self._locale.number_symbols
        symbols = symbols.get("latn", symbols)
        return str(symbols["group"]), str(symbols["decimal"])


@cache
def translator(language: str = DEFAULT_LANGUAGE) -> Translator:
    """The translator of a language. Raises FileNotFoundError for a language without a catalogue."""
    return Translator(language)


class Said:
    """A text that is not in any language yet: whoever tells it words it. It may be a value in another text."""

    def words(self, t: Callable[..., str]) -> str:
        """The text in the language of a translator."""
        raise NotImplementedError


@dataclass(frozen=True)
class Message(Said):
    """A text of the catalogue. Two are equal if they say the same."""

    key: str
    values: tuple[tuple[str, object], ...] = ()

    def words(self, t: Callable[..., str]) -> str:
        return t(self.key, **dict(self.values))


@dataclass(frozen=True)
class Joined(Said):
    """Texts one after the other, whole sentences or the entries of a list."""

    parts: tuple[object, ...]
    between: str = " "

    def words(self, t: Callable[..., str]) -> str:
        return self.between.join(said(part, t) for part in self.parts)


def say(key: str, /, **values: object) -> Said:
    """A text to be worded later: what t(key, **values) says in the language of whoever reads it then."""
    return Message(key, tuple(values.items()))


def said(text: object, t: Callable[..., str]) -> str:
    """A text, or what is still to be worded, in words."""
    return text.words(t) if isinstance(text, Said) else str(text)


# ---- how a text is read ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Blank:
    """A place in a text where a value goes."""

    name: str
    kind: str = ""
    spec: str = ""
    branches: Mapping[str, "tuple[_Part, ...]"] = None  # type: ignore[assignment]  # of plural and select only


_Part = str | Blank
_BLANK = re.compile(r"\{(\w+)(?:(!r)|:([^{}]*))?\}")
_KIND = re.compile(r"\{(\w+)\s*,\s*(\w+)\s*(,|\})\s*")
_BRANCH = re.compile(r"\s*(=?\w+)\s*\{")


def parse(text: str) -> tuple[_Part, ...]:
    """The parts of a text. Raises ValueError for one that can't be read."""
    parts, end = _read(text, 0, False)
    if end != len(text):
        raise ValueError(f"A closing brace too many in {text!r}.")
    return parts


def blanks(parts: "str | tuple[_Part, ...]") -> frozenset[str]:
    """The names of all values that a text takes, those within branches too."""
    parts = parse(parts) if isinstance(parts, str) else parts
    found: set[str] = set()
    for part in parts:
        if isinstance(part, Blank):
            found |= {part.name, *(name for branch in (part.branches or {}).values() for name in blanks(branch))}
    return frozenset(found)


def _read(text: str, at: int, is_branch: bool) -> tuple[tuple[_Part, ...], int]:
    """The parts from place `at` on, and where they end: at the end of the text, or at the brace that ends a branch."""
    parts: list[_Part] = []
    plain = ""
    while at < len(text):
        if not is_branch and text[at : at + 2] in ("{{", "}}"):
            plain, at = plain + text[at], at + 2
        elif text[at] == "{":
            blank, at = _blank(text, at)
            parts += [plain, blank] if plain else [blank]
            plain = ""
        elif text[at] == "}":
            if not is_branch:
                break
            return (*parts, plain) if plain else tuple(parts), at
        else:
            plain, at = plain + text[at], at + 1
    if is_branch:
        raise ValueError(f"A branch without its end in {text!r}.")
    return (*parts, plain) if plain else tuple(parts), at


def _blank(text: str, at: int) -> tuple[Blank, int]:
    if simple := _BLANK.match(text, at):
        return Blank(simple[1], "repr" if simple[2] else "", simple[3] or ""), simple.end()
    head = _KIND.match(text, at)
    if head is None or head[2] not in _KINDS or (head[3] == ",") != (head[2] in ("plural", "select")):
        raise ValueError(f"Not understood in {text!r}: {text[at : at + 20]!r}.")
    if head[3] == "}":
        return Blank(head[1], head[2]), text.index("}", at) + 1
    branches: dict[str, tuple[_Part, ...]] = {}
    at = head.end()
    while name := _BRANCH.match(text, at):
        branches[name[1]], at = _read(text, name.end(), True)
        at += 1
    if "other" not in branches or text[at : at + 1] != "}":
        raise ValueError(f'No branch "other", or no end of the branches in {text!r}.')
    return Blank(head[1], head[2], branches=branches), at + 1
