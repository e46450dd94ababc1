"""Errors that a person can cause: each carries the key of a message that says what to do.

PlaygroundError
├── EmptyPromptError          no text, and the model has no token to start from
├── PromptTooLongError        more tokens than the model can read
├── OutOfRangeError           a setting outside its range
├── InvalidArgumentError      an argument of an endpoint that is no text, no truth value …
├── TextTooLongError          a written setting with too much in it
├── UnknownPhraseError        a phrase that the tokenizer has no tokens for
├── MissingBiasError          a phrase without the number that it is biased by
├── NotOneTokenError          a phrase where a single token is wanted
├── UnknownTokenError         a token id that the vocabulary lacks
├── ModelUnavailableError     the model can't be loaded
├── TokenizerUnavailableError a tokenizer can't be loaded
├── InvalidModelOutputError   NaN logits
├── NothingToInspectError     the architecture does not show this part of itself
└── NothingLeftToChooseError  the settings removed every token
Anything else is a bug and is not caught.
"""

from playground.i18n import translator


class PlaygroundError(Exception):
    """Shown to the person. `str(error)` is the English message; `message(language)` the translated one."""

    key: str

    def __init__(self, **values: object) -> None:
        super().__init__(values)
        self.values = values

    def message(self, language: str = "en") -> str:
        return translator(language)(self.key, **self.values)

    def __str__(self) -> str:
        return self.message()


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


class ModelUnavailableError(PlaygroundError):
    """values: name, reason."""

    key = "error.model_unavailable"


class TokenizerUnavailableError(PlaygroundError):
    """values: name, reason."""

    key = "error.tokenizer_unavailable"


class InvalidModelOutputError(PlaygroundError):
    """values: name."""

    key = "error.invalid_output"


class NothingToInspectError(PlaygroundError):
    """values: name, what."""

    key = "error.nothing_to_inspect"


class NothingLeftToChooseError(PlaygroundError):
    key = "error.nothing_left"
