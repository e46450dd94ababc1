"""Every error that a person can cause says, in words of the catalogue, what happened and what to do."""

import re

import pytest

from playground import errors
from playground.errors import PlaygroundError
from playground.i18n import blanks, catalogue, translator

HOSTILE = "no such {file} <b>"
CLASSES = PlaygroundError.__subclasses__()
each = pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)


def documented(kind: type[PlaygroundError]) -> list[str]:
    """The values that the docstring of an error names: `values: tokens, limit.`"""
    found = re.search(r"values: ([\w, ]+)\.", kind.__doc__ or "")
    return found[1].split(", ") if found else []


def values_of(kind: type[PlaygroundError]) -> dict[str, object]:
    """A number where the message shows one, hostile text elsewhere."""
    template = catalogue("en")[kind.key]
    counted = re.compile(r"{(\w+), (?:number|plural)")
    return {name: 12345 if name in counted.findall(template) else HOSTILE for name in documented(kind)}


def test_every_error_is_drawn_in_the_module() -> None:
    names = {"PlaygroundError", *(kind.__name__ for kind in CLASSES)}
    assert set(re.findall(r"\w+Error\b", errors.__doc__ or "")) == names
    assert len(names) >= 7


@each
def test_its_key_is_in_the_catalogue_and_is_its_own(kind: type[PlaygroundError]) -> None:
    assert kind.key in catalogue("en")
    assert [other for other in CLASSES if other.key == kind.key] == [kind]


@each
def test_its_message_shows_every_value_that_its_docstring_names(kind: type[PlaygroundError]) -> None:
    assert blanks(catalogue("en")[kind.key]) == set(documented(kind))
    error = kind(**values_of(kind))
    message = str(error)
    assert message == error.message(translator("en"))
    for value in error.values.values():
        assert ("12,345" if value == 12345 else HOSTILE) in message  # hostile text goes in as it is
    assert "\n" not in message and message.endswith(".")


@each
def test_it_keeps_its_values_and_is_caught_as_one_family(kind: type[PlaygroundError]) -> None:
    with pytest.raises(PlaygroundError) as error:
        raise kind(**values_of(kind))
    assert error.value.values == values_of(kind)


def test_the_number_of_tokens_and_the_limit_are_in_the_message() -> None:
    assert str(errors.PromptTooLongError(tokens=12345, limit=1024)).startswith(
        "The prompt has 12,345 tokens, but the model reads at most 1,024."
    )


def test_every_error_message_of_the_catalogue_has_its_error() -> None:
    assert {key for key in catalogue("en") if key.startswith("error.")} >= {kind.key for kind in CLASSES}


def test_a_forgotten_value_crashes_loudly() -> None:
    with pytest.raises(KeyError, match="limit"):
        str(errors.PromptTooLongError(tokens=3))


def test_an_unknown_key_or_language_crashes_loudly() -> None:
    with pytest.raises(KeyError):
        translator("en")("error.no_such_key")
    with pytest.raises(FileNotFoundError):
        translator("xx")
