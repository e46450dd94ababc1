"""Chat templates: turns as the text that a model was trained on, rendered by transformers; what the template added."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from playground.decoding.dialogue import Dialogue, Turn
from playground.engines import dialogues
from playground.errors import InvalidArgumentError, NoChatTemplateError


@dataclass(frozen=True)
class Segment:
    """A piece of the rendered text: a turn's own words (`turn` is its number, from 0), or the template's (None)."""

    text: str
    turn: int | None


@dataclass(frozen=True)
class Rendered:
    """What `apply_chat_template` makes of some turns.

    Attributes:
        text, token_ids: as it makes them.
        segments: the text in pieces.
        is_added: per token whether any character of it is the template's; None where the tokenizer tells no offsets.
    """

    text: str
    token_ids: tuple[int, ...]
    segments: tuple[Segment, ...]
    is_added: tuple[bool, ...] | None


def has_template(tokenizer: Any) -> bool:
    return bool(getattr(tokenizer, "chat_template", None))


def render(
    tokenizer: Any, name: str, messages: object, add_generation_prompt: bool = True, continues: bool = False
) -> Rendered:
    """The turns as the model called `name` reads them; `continues` leaves the last one open (then nothing opens
    another: transformers' continue_final_message).

    Raises InvalidArgumentError for what are no turns, or turns that the template refuses (roles that don't alternate, a
    system turn); NoChatTemplateError.
    """
    turns = dialogues.checked(messages).messages
    if not has_template(tokenizer):
        raise NoChatTemplateError(name=name)
    text = _text(tokenizer, turns, bool(add_generation_prompt) and not continues, continues)
    segments = _segments(text, [turn["content"] for turn in turns])
    is_fast = bool(getattr(tokenizer, "is_fast", False))
    read = tokenizer(text, add_special_tokens=False, return_offsets_mapping=is_fast, verbose=False)
    added = _added(segments, read["offset_mapping"]) if is_fast else None
    return Rendered(text, tuple(read["input_ids"]), segments, added)


def rest_of_a_turn(tokenizer: Any) -> str:
    """What the template puts behind a finished turn of the assistant; "" where it can't be told."""
    turns = Dialogue((Turn("user", "a"), Turn("assistant", "b"))).messages
    try:
        whole, open_ended = (_text(tokenizer, turns, False, continues) for continues in (False, True))
    except InvalidArgumentError:
        return ""
    return whole[len(open_ended) :] if whole.startswith(open_ended) else ""


def _text(tokenizer: Any, turns: list[dict[str, str]], opens: bool, continues: bool) -> str:
    try:
        return str(
            tokenizer.apply_chat_template(
                turns, tokenize=False, add_generation_prompt=opens, continue_final_message=continues
            )
        )
    except Exception as error:  # whatever a template raises: it is a program of somebody else's
        rule = "turns that the model's chat template takes"
        raise InvalidArgumentError(name="messages", rule=rule, value=str(error)) from error


def _segments(text: str, contents: Sequence[str]) -> tuple[Segment, ...]:
    """The text cut where each turn's words stand, in order; templates may trim them. Words that a template has changed
    otherwise count as its own."""
    segments, end = [], 0
    for number, content in enumerate(contents):
        own = next((one for one in (content, content.strip()) if one and text.find(one, end) >= 0), None)
        if own is None:
            continue
        start = text.find(own, end)
        segments += [Segment(text[end:start], None), Segment(own, number)]
        end = start + len(own)
    segments.append(Segment(text[end:], None))
    return tuple(segment for segment in segments if segment.text)


def _added(segments: Sequence[Segment], offsets: Sequence[tuple[int, int]]) -> tuple[bool, ...]:
    own = [segment.turn is None for segment in segments for _ in segment.text]
    return tuple(any(own[start:end]) for start, end in offsets)
