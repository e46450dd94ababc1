"""Answers: what the endpoints share: arguments, checked."""

from typing import TYPE_CHECKING, Any

from playground.engines import prompts
from playground.engines.huggingface import context
from playground.engines.protocol import check_whole
from playground.errors import InvalidArgumentError
from playground.i18n import say

if TYPE_CHECKING:
    from playground.engines.protocol import Engine

Json = dict[str, Any]


def truth(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidArgumentError(name=name, rule="true or false", value=value)
    return value


def room(ids: tuple[int, ...], backend: "Engine") -> int:
    """How many tokens may follow the prompt. Raises PromptTooLongError if it does not fit."""
    return context.room(backend.model.context_length, ids)


def prompt_ids(prompt: str, backend: "Engine", leave_end_off: object = False) -> tuple[int, ...]:
    if not isinstance(prompt, str):
        raise InvalidArgumentError(name="prompt", rule="text", value=prompt)
    check_whole(backend, say("error.not_told.endpoint"))
    ids = prompts.prompt(prompt, backend, not truth("leave_end_off", leave_end_off))
    room(ids, backend)
    return ids
