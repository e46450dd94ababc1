"""Answers: what the endpoints share: arguments, checked."""

from typing import TYPE_CHECKING, Any

from playground.decoding.dialogue import Rendered
from playground.engines import dialogues, prompts
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


def asked(
    prompt: str, messages: object, continues: object, backend: "Engine", leave_end_off: object
) -> tuple[tuple[int, ...], Rendered | None]:
    """The ids of a prompt, a text or turns. Raises InvalidArgumentError where both are given, or what is no turns;
    NoChatTemplateError, PromptTooLongError."""
    if messages is None:
        if truth("continue_final_message", continues):
            raise InvalidArgumentError(name="continue_final_message", rule="false without messages", value=continues)
        return prompt_ids(prompt, backend, leave_end_off), None
    if prompt:
        raise InvalidArgumentError(name="prompt", rule="empty beside messages: they are the prompt", value=prompt)
    check_whole(backend, say("error.not_told.endpoint"))
    ids, rendered = prompts.turns(dialogues.checked(messages, continues), backend)
    room(ids, backend)
    return ids, rendered


def prompt_ids(prompt: str, backend: "Engine", leave_end_off: object = False) -> tuple[int, ...]:
    if not isinstance(prompt, str):
        raise InvalidArgumentError(name="prompt", rule="text", value=prompt)
    check_whole(backend, say("error.not_told.endpoint"))
    ids = prompts.prompt(prompt, backend, not truth("leave_end_off", leave_end_off))
    room(ids, backend)
    return ids
