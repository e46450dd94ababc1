"""Outright: an error of an endpoint reaches whoever called it as one line, and the log as a whole."""

import inspect
import logging
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, TypeVar, cast

import gradio as gr

from playground.errors import PlaygroundError
from playground.i18n import Translator, translator

Handler = TypeVar("Handler", bound=Callable[..., Any])
log = logging.getLogger("playground")


def in_words(error: Exception, t: Translator) -> str:
    """One line on what to do: the error's own, or for one that nobody foresaw, that it is in the log, where it goes."""
    if isinstance(error, PlaygroundError):
        return error.message(t)
    log.error("Not foreseen: %s", type(error).__name__, exc_info=error)
    return t("error.unexpected", kind=type(error).__name__)


def english(*arguments: Any) -> Translator:
    """The endpoints speak English, whoever calls: programs read their answers, and their schema is in English too."""
    return translator()


def outright(function: Handler, language_of: Callable[..., Translator] = english) -> Handler:
    """An endpoint, or a handler that has no panel of its own: its error is Gradio's, with one line, in the language
    that `language_of` finds out from its arguments."""

    def told(error: Exception, arguments: tuple[Any, ...]) -> gr.Error:
        return gr.Error(in_words(error, language_of(*arguments)), print_exception=False)

    if inspect.isgeneratorfunction(function):

        @wraps(function)
        def streaming(*args: Any, **kwargs: Any) -> Iterator[Any]:
            try:
                yield from function(*args, **kwargs)
            except gr.Error:
                raise
            except Exception as error:
                raise told(error, args) from error

        return marked(streaming)

    @wraps(function)
    def answering(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except gr.Error:
            raise
        except Exception as error:
            raise told(error, args) from error

    return marked(answering)


def is_guarded(function: Callable[..., Any]) -> bool:
    """Whether an error of this function reaches the person."""
    return bool(getattr(function, "is_guarded", False))


def marked(function: Any) -> Handler:  # type: ignore[type-var]  # the same arguments as before, as wraps says
    function.is_guarded = True
    return cast(Handler, function)
