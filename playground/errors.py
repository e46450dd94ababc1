"""Errors that a person can cause: each carries the key of a message that says what to do.

PlaygroundError
├── EmptyPromptError          no text, and the model has no token to start from
├── UnknownTextError          a text for none of whose characters the tokenizer has a token
├── PromptTooLongError        more tokens than the model can read
├── OutOfRangeError           a setting outside its range
├── InvalidArgumentError      an argument of an endpoint that is no text, no truth value …
├── NotTakenError             a setting that does nothing in the strategy it is meant for
├── TextTooLongError          a written setting with too much in it
├── UnknownPhraseError        a phrase that the tokenizer has no tokens for
├── MissingBiasError          a phrase without the number that it is biased by
├── NotOneTokenError          a phrase where a single token is wanted
├── UnknownTokenError         a token id that the vocabulary lacks
├── UnreadableTokenError      a text with a token that the model has no embedding for
├── ModelUnavailableError     the model can't be loaded
├── UnknownModelError         a name that is not on the shelf
├── TokenizerUnavailableError a tokenizer can't be loaded
├── NoChatTemplateError       a model that knows no turns
├── OtherTextError            two models that don't read the same characters of a text
├── RoundedModelError         a model in fewer bits, where its own numbers are wanted
├── NotOfferedError           a tokenizer that a public server does not load for strangers
├── InvalidModelOutputError   NaN logits
├── InfiniteModelOutputError  infinite logits where guidance needs their differences
├── NothingToInspectError     the architecture does not show this part of itself
├── CannotScoreError          the engine does not say how probable a given text is
├── NotToldError              needs every token of a row, of which the engine tells some
└── NothingLeftToChooseError  the settings removed every token
Anything else is a bug: said in one line, and in the log as a whole (playground.tabs.shell).
"""

import reprlib
from collections.abc import Callable, Iterable

from playground.i18n import Joined, Said, say, translator

_LONGEST = 2000  # characters of a text within a message
_brief = reprlib.Repr()
_brief.maxlevel, _brief.maxlist, _brief.maxtuple, _brief.maxdict = 4, 20, 20, 20
_brief.maxstring, _brief.maxlong = 200, 60


class _Brief:
    """What stands in a message for a value that may be of any size and depth: its beginning."""

    def __init__(self, value: object) -> None:
        self.words = _brief.repr(value)

    def __repr__(self) -> str:
        return self.words


def _shown(value: object, t: Callable[..., str]) -> object:
    """A value as a message takes it: as it is, unless it is too long or still to be worded."""
    if isinstance(value, Said):
        value = value.words(t)
    if isinstance(value, str):
        return value if len(value) <= _LONGEST else value[:_LONGEST] + "…"
    is_huge = isinstance(value, int) and abs(value) >= 10**18
    return _Brief(value) if is_huge or isinstance(value, (list, tuple, dict)) else value


class PlaygroundError(Exception):
    """Shown to the person. `message(t)` is worded by whoever tells it; `str(error)` is in English, for the log."""

    key: str

    def __init__(self, **values: object) -> None:
        super().__init__(values)
        self.values = values

    def message(self, t: Callable[..., str]) -> str:
        return t(self.key, **{name: _shown(value, t) for name, value in self.values.items()})

    def __str__(self) -> str:
        return self.message(translator())


class EmptyPromptError(PlaygroundError):
    key = "error.empty_prompt"


class PromptTooLongError(PlaygroundError):
    """values: tokens, limit."""

    key = "error.prompt_too_long"


class OutOfRangeError(PlaygroundError):
    """values: name, value, minimum, maximum."""

    key = "error.out_of_range"


class InvalidArgumentError(PlaygroundError):
    """values: name, rule, value."""

    key = "error.invalid_argument"


class NotTakenError(PlaygroundError):
    """values: name, strategy."""

    key = "error.not_taken"


class TextTooLongError(PlaygroundError):
    """values: field, lines, characters. The last two are the most that it takes."""

    key = "error.text_too_long"


class UnknownPhraseError(PlaygroundError):
    """values: field, line."""

    key = "error.unknown_phrase"


class MissingBiasError(PlaygroundError):
    """values: field, line, most."""

    key = "error.missing_bias"


class NotOneTokenError(PlaygroundError):
    """values: field, line, labels, count."""

    key = "error.not_one_token"


class UnknownTokenError(PlaygroundError):
    """values: field, token_id, last."""

    key = "error.unknown_token"


class UnreadableTokenError(PlaygroundError):
    """values: token, token_id, last."""

    key = "error.unreadable_token"


class ModelUnavailableError(PlaygroundError):
    """values: name, reason."""

    key = "error.model_unavailable"


class UnknownModelError(PlaygroundError):
    """values: name, known."""

    key = "error.unknown_model"


class TokenizerUnavailableError(PlaygroundError):
    """values: name, reason."""

    key = "error.tokenizer_unavailable"


class NoChatTemplateError(PlaygroundError):
    """values: name."""

    key = "error.no_chat_template"


class OtherTextError(PlaygroundError):
    """values: first, second. Names of models."""

    key = "error.other_text"


class RoundedModelError(PlaygroundError):
    """values: name, dtype."""

    key = "error.rounded_model"


class NotOfferedError(PlaygroundError):
    """values: name, offered."""

    key = "error.not_offered"


class InvalidModelOutputError(PlaygroundError):
    """values: name."""

    key = "error.invalid_output"


class InfiniteModelOutputError(PlaygroundError):
    """values: name, value."""

    key = "error.infinite_logits"


class NothingToInspectError(PlaygroundError):
    """values: name, what."""

    key = "error.nothing_to_inspect"


class CannotScoreError(PlaygroundError):
    """values: name."""

    key = "error.cannot_score"


class NotToldError(PlaygroundError):
    """values: name, told, what."""

    key = "error.not_told"


class NothingLeftToChooseError(PlaygroundError):
    """values: settings."""

    key = "error.nothing_left"

    @classmethod
    def by(cls, names: Iterable[str]) -> "NothingLeftToChooseError":
        """Of the settings of these names, which have removed every token together."""
        named = (Joined((say(f"parameter.{name}.short"), f"({name})")) for name in names)
        return cls(settings=Joined(tuple(named), ", "))


class UnknownTextError(PlaygroundError):
    """values: text."""

    key = "error.unknown_text"
