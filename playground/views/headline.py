"""The numbers of the one sentence that says what happened at a step."""

import math
from dataclasses import dataclass

from playground.decoding.processors import Processor
from playground.decoding.trace import Trace
from playground.views.next_token import NextToken
from playground.views.strip import spelt_together
from playground.vocabulary import Vocabulary

_WORDS_BEFORE = 24  # characters of context quoted


@dataclass(frozen=True)
class Headline:
    """What happened at one step.

    Attributes:
        number, count: token `number` (from 1) of `count` so far.
        before: the end of the text before it.
        label: the token taken; `by` whom: "argmax", "multinomial" or "hand".
        probability, rank, surprisal (nats): of the token under the raw model.
        entropy: of the raw distribution, in nats.
        tokens_kept, vocab_size: how many tokens survive the processors shown.
        cuts: names of the processors that removed any of them.
        removed_by: name of the processor that would now remove the chosen token, if the settings were changed.
        is_partial: whether only some tokens of the row were told: the entropy is the most that it may be.
    """

    number: int
    count: int
    before: str
    label: str
    by: str
    probability: float
    rank: int
    surprisal: float
    entropy: float
    tokens_kept: int
    vocab_size: int
    cuts: tuple[str, ...]
    removed_by: str | None
    is_what_if: bool
    is_partial: bool = False


def headline(
    trace: Trace, index: int, processors: tuple[Processor, ...], view: NextToken, cuts: tuple[str, ...],
    vocabulary: Vocabulary,
) -> Headline:  # fmt: skip
    """The numbers of step `index`, its distribution seen under `processors`."""
    step = trace.steps[index]
    text = spelt_together(trace.context(index), vocabulary)
    chosen = view.chosen
    assert chosen is not None  # the view was made for this step: its chosen token is always listed
    return Headline(
        number=index + 1,
        count=len(trace.steps),
        before=end_of(text),
        label=chosen.label,
        by=step.choice.by,
        probability=math.exp(step.reading.logprob),
        rank=step.reading.rank,
        surprisal=-step.reading.logprob,
        entropy=step.reading.entropy,
        tokens_kept=view.tokens_kept,
        vocab_size=view.vocab_size,
        cuts=cuts,
        removed_by=chosen.removed_by,
        is_what_if=processors != step.processors,
        is_partial=step.row.told is not None,
    )


def end_of(text: str) -> str:
    """The last words of a text in one line; where there are no words to tell apart, its last characters."""
    line = " ".join(text.replace("⏎", " ").split())
    if len(line) <= _WORDS_BEFORE:
        return line
    end = line[-_WORDS_BEFORE:]
    return "… " + (end.partition(" ")[2] or end)
