"""Dialogues: turns that somebody has written, checked; as JSON both ways."""

import json
from typing import Any

from playground.decoding.dialogue import Dialogue, Turn
from playground.errors import InvalidArgumentError
from playground.vocabulary import whole_characters

ROLES = ("system", "user", "assistant")
MOST_TURNS, MOST_CHARACTERS = 200, 100_000
_RULE = f"a list of turns, each with role ({', '.join(ROLES)}) and content (text)"


def checked(messages: object, continues: object = False) -> Dialogue:
    """Messages as transformers takes them. Raises InvalidArgumentError."""
    if not isinstance(messages, list) or not 0 < len(messages) <= MOST_TURNS:
        raise InvalidArgumentError(name="messages", rule=_RULE, value=messages)
    for turn in messages:
        is_turn = isinstance(turn, dict) and set(turn) == {"role", "content"} and turn["role"] in ROLES
        if not is_turn or not isinstance(turn["content"], str) or len(turn["content"]) > MOST_CHARACTERS:
            raise InvalidArgumentError(name="messages", rule=_RULE, value=turn)
    if not isinstance(continues, bool):
        raise InvalidArgumentError(name="continue_final_message", rule="true or false", value=continues)
    return Dialogue(tuple(Turn(turn["role"], whole_characters(turn["content"])) for turn in messages), continues)


def to_json(dialogue: Dialogue) -> dict[str, Any]:
    """By the names of apply_chat_template; what is as usual is left out."""
    return {"messages": dialogue.messages} | ({"continue_final_message": True} if dialogue.continues else {})


def from_json(value: object) -> Dialogue:
    """What `to_json` wrote, or anybody. Raises InvalidArgumentError."""
    if not isinstance(value, dict) or not set(value) <= {"messages", "continue_final_message"}:
        raise InvalidArgumentError(name="messages", rule=_RULE, value=value)
    return checked(value.get("messages"), value.get("continue_final_message", False))


def written(text: str, continues: bool = False) -> Dialogue:
    """Messages written as JSON. Raises InvalidArgumentError."""
    try:
        messages = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidArgumentError(name="messages", rule=_RULE, value=text) from error
    return checked(messages, continues)


def of_the_page(text: str) -> Dialogue | None:
    """What the page's list of turns says; None for plain text. Raises InvalidArgumentError."""
    if not text:
        return None
    try:
        return from_json(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise InvalidArgumentError(name="messages", rule=_RULE, value=text) from error


def for_the_page(dialogue: Dialogue | None) -> str:
    """The same, the other way."""
    return "" if dialogue is None else json.dumps(to_json(dialogue), ensure_ascii=False)
