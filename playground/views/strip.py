"""The text as tokens, each with the measures by which it can be shaded."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from playground.decoding.trace import Step
from playground.vocabulary import Vocabulary, printable

SURPRISAL_AT_FULL_SHADE = 10.0  # nats: a chance of 1 in 22,000


@dataclass(frozen=True)
class StripToken:
    """One generated token.

    Attributes:
        text: as it reads in a line: its own spaces kept, everything invisible spelt out.
        label: its printable label.
        by_hand: whether a person chose it.
        probability, surprisal (nats), rank, entropy (nats): of the raw model at its step.
        shades: 0 to 1 for probability, surprisal, rank and entropy.
        is_partial: whether only some tokens of the row were told: the entropy is the most that it may be.
    """

    text: str
    label: str
    by_hand: bool
    probability: float
    surprisal: float
    rank: int
    entropy: float
    shades: tuple[float, float, float, float]
    is_partial: bool = False


def strip_tokens(steps: Sequence[Step], vocabulary: Vocabulary) -> list[StripToken]:
    return [_token(step, vocabulary) for step in steps]


def _token(step: Step, vocabulary: Vocabulary) -> StripToken:
    reading, vocab_size = step.reading, step.logits.shape[-1]
    probability = math.exp(reading.logprob)
    return StripToken(
        text=spelt(step.choice.token_id, vocabulary),
        label=vocabulary.label(step.choice.token_id),
        by_hand=step.choice.by == "hand",
        probability=probability,
        surprisal=-reading.logprob,
        rank=reading.rank,
        entropy=reading.entropy,
        shades=(
            _share(probability),
            _share(-reading.logprob / SURPRISAL_AT_FULL_SHADE),
            _share(math.log(reading.rank) / math.log(vocab_size)),
            _share(reading.entropy / math.log(vocab_size)),
        ),
        is_partial=step.row.told is not None,
    )


def _share(value: float) -> float:
    """Between 0 and 1: rounding may carry a measure a hair beyond its scale."""
    return min(1.0, max(0.0, value))


def spelt_together(token_ids: Sequence[int], vocabulary: Vocabulary) -> str:
    """A sequence as it stands in a line of text: characters that are split over several tokens come out whole."""
    pieces = b"".join(vocabulary.piece(token_id) for token_id in token_ids)
    return printable(pieces).replace("␣", " ")


def spelt(token_id: int, vocabulary: Vocabulary) -> str:
    """A token as it stands in a line of text: spaces as spaces, line ends as ⏎, other bytes as <0xE4>."""
    if token_id in vocabulary.special_ids:
        return vocabulary.label(token_id)
    return printable(vocabulary.piece(token_id)).replace("␣", " ")
