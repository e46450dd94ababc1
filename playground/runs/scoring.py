"""Scoring: any text after a prompt, read by the model token by token as if it had written it (teacher forcing)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from torch import Tensor

from playground.decoding.dialogue import Dialogue, Prompt, Rendered, plain
from playground.decoding.lanes import Lane
from playground.decoding.rows import Desk, Row
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Argmax, Choice
from playground.decoding.trace import FinishReason, GenerationRequest, Step, Trace, read
from playground.engines import prompts
from playground.engines.protocol import scorer
from playground.errors import EmptyPromptError, InvalidModelOutputError, UnknownTextError
from playground.views.scored_text import ScoredText, scored_text

if TYPE_CHECKING:
    from playground.engines.protocol import Engine

TEXT_BYTES = 2 * 2**20  # rows of logits that a text's lane holds besides its numbers
TOKEN_BYTES = 1024  # the numbers of one token, with its step


def score_text(prompt: str, text: str, backend: "Engine") -> ScoredText:
    """What the model says of each token of a text after a prompt; one pass, no dice, no processors.

    The ids are those of prompt and text read as one, without the special tokens that a tokenizer puts behind a text.
    The tokens of the text are those after what the prompt alone begins with; one that lies astride, which happens where
    a text begins in the middle of a word, counts as the text's. Without a prompt it begins after the end-of-text token
    where the model has one; else nothing is said of its first token.

    Raises EmptyPromptError without a text, or without anything to read its first token after; UnknownTextError for a
    text of which the tokenizer makes no token; PromptTooLongError, UnreadableTokenError, InvalidModelOutputError;
    CannotScoreError where the engine reads no text at once.
    """
    ids, start, is_astride, _ = _joined(prompt, text, backend)
    readings = [read(row, ids[place]) for place, row in _rows(ids, start, backend)]
    return scored_text(ids[:start], ids[start:], readings, backend.vocabulary, is_astride)


def text_lane(prompt: Prompt, text: str, backend: "Engine") -> Lane:
    """The same as a lane of a comparison, which has ended: every token of the text chosen by hand, no processors. After
    turns it begins where the chat template leaves off; after their plain text where the model has none.

    Keeps the numbers of its tokens, and TEXT_BYTES of rows of logits; one that is not at hand is read again with the
    whole text, so that its bits are the same. Raises what `score_text` raises.
    """
    ids, start, _, rendered = _joined(prompt, text, backend)
    desk = Desk(TEXT_BYTES)
    request = GenerationRequest(ids[:start], Sampling(), len(ids) - start, desk=desk, rendered=rendered)
    steps = []
    for place, logits in _rows(ids, start, backend):
        row = Row(logits.clone(), lambda place=place: _row_again(ids, place, backend), desk)  # type: ignore[misc]
        reason: FinishReason | None = "length" if place == len(ids) - 1 else None
        step = Step(place - start, row, (), Argmax(), Choice(ids[place], "hand"), reason)
        _ = step.reading  # while the row is at hand: it is kept, and the row need not be
        steps.append(step)
    return Lane(request, Trace(request, tuple(steps)))


def _row_again(ids: tuple[int, ...], place: int, backend: "Engine") -> Tensor:
    return next(row for at, row in _rows(ids, place, backend) if at == place).clone()


def _rows(ids: tuple[int, ...], start: int, backend: "Engine") -> Iterator[tuple[int, Tensor]]:
    """(place, the logits (V,) before the token there), from `start` on. Raises InvalidModelOutputError."""
    place = 0
    for rows in scorer(backend).read(ids):
        for row in rows:
            place += 1
            if place >= start:
                if not bool(row.max().isfinite()):  # NaN anywhere is the largest too
                    raise InvalidModelOutputError(name=backend.info.name)
                yield place, row


def _joined(
    begins: Prompt, text: str, backend: "Engine"
) -> tuple[tuple[int, ...], int, bool, Rendered | None]:  # fmt: skip
    """The ids of both read as one, the place of the text's first token, whether that begins in the prompt, and the
    dialogue that was read."""
    if not text:
        raise EmptyPromptError()
    if isinstance(begins, Dialogue) and prompts.speaks(backend):
        opened, rendered = prompts.turns(begins, backend)
        ids = prompts.answer(begins, text, backend)
        common = _common(opened, ids)
        if common == len(ids):
            raise UnknownTextError(text=text)
        return ids, max(1, common), common < len(opened), rendered
    prompt = plain(begins)
    ids = prompts.read(prompt + text, backend, with_end=False)
    try:
        before = prompts.prompt(prompt, backend, with_end=False)
    except EmptyPromptError:
        before = ids[:1]
    if not prompt and ids[: len(before)] != before:
        ids = before + ids
    common = _common(before, ids)
    start = max(1, common)  # nothing stands before the first id of all
    if start == len(ids):
        raise UnknownTextError(text=text) if prompt else EmptyPromptError()
    return ids, start, common < len(before), None


def _common(before: tuple[int, ...], ids: tuple[int, ...]) -> int:
    """How many ids both begin with."""
    shorter = min(len(before), len(ids))
    return next((i for i, (a, b) in enumerate(zip(before, ids, strict=False)) if a != b), shorter)
