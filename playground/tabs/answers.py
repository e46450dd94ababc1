"""Answers: what the endpoints share, from arguments that are checked to errors that are said."""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import gradio as gr

from playground.errors import EmptyPromptError, InvalidArgumentError, PlaygroundError, PromptTooLongError

if TYPE_CHECKING:
    from playground.backends.huggingface import Backend

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")
Json = dict[str, Any]


def one_answer(function: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    @wraps(function)
    def guarded(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        try:
            return function(*args, **kwargs)
        except PlaygroundError as error:
            raise gr.Error(str(error), print_exception=False) from error

    return guarded


def stream(function: Callable[Arguments, Iterator[Answer]]) -> Callable[Arguments, Iterator[Answer]]:
    @wraps(function)
    def guarded(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Iterator[Answer]:
        try:
            yield from function(*args, **kwargs)
        except PlaygroundError as error:
            raise gr.Error(str(error), print_exception=False) from error

    return guarded


def truth(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidArgumentError(name=name, rule="true or false", value=value)
    return value


def room(ids: tuple[int, ...], backend: "Backend") -> int:
    """How many tokens may follow the prompt. Raises PromptTooLongError if none may."""
    left = backend.model.context_length - len(ids)
    if left < 1:
        raise PromptTooLongError(tokens=len(ids), limit=backend.model.context_length - 1)
    return left


def prompt_ids(prompt: str, backend: "Backend") -> tuple[int, ...]:
    if not isinstance(prompt, str):
        raise InvalidArgumentError(name="prompt", rule="text", value=prompt)
    ids = backend.tokenizer.encode(prompt) or backend.model.eos_ids[:1]
    if not ids:
        raise EmptyPromptError()
    if len(ids) > backend.model.context_length:
        raise PromptTooLongError(tokens=len(ids), limit=backend.model.context_length)
    return ids
