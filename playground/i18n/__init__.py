"""Texts for people: one flat catalogue per language, read through one translator."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

DEFAULT_LANGUAGE = "en"
Translator = Callable[..., str]


@cache
def catalogue(language: str) -> dict[str, str]:
    """All messages of a language, by key. Raises FileNotFoundError for a language without a catalogue."""
    path = Path(__file__).with_name(f"{language}.json")
    messages: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return messages


@cache
def translator(language: str = DEFAULT_LANGUAGE) -> Translator:
    """The function t(key, **values) -> text of a language. Raises KeyError for an unknown key or a missing value."""
    messages = catalogue(language)

    def translate(key: str, **values: object) -> str:
        return messages[key].format(**values)

    return translate
