"""The next token: the most probable candidates before and after the processors, and the rest as one honest row."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from playground.decoding.distribution import Distribution
from playground.decoding.partial import Told
from playground.decoding.pipeline import Stage
from playground.decoding.processors import REMOVED
from playground.vocabulary import Vocabulary


@dataclass(frozen=True)
class Candidate:
    """One token of the distribution.

    Attributes:
        logit, logprob (nats), probability, rank (1 is the most probable): of the raw model.
        removed_by: name of the processor that removed it, or None.
        final_probability: after all processors, normalised over the whole vocabulary.
    """

    token_id: int
    label: str
    logit: float
    logprob: float
    probability: float
    rank: int
    removed_by: str | None
    final_probability: float


@dataclass(frozen=True)
class Rest:
    """All tokens that are not listed: how many, and their share of the raw and of the final distribution; of a partial
    row also how many of them were not told, and the `most` that one of these may have."""

    tokens: int
    probability: float
    final_probability: float
    untold: int = 0
    most: float = 0.0


@dataclass(frozen=True)
class NextToken:
    """The distribution of one step.

    Attributes:
        candidates: by rank; the n most probable of the raw model, and the chosen token whatever its rank.
        rest: everything else.
        vocab_size: V.
        entropy: of the raw distribution, in nats.
        tokens_kept: how many tokens survive all processors.
        chosen_id: the token taken, if one was.
    """

    candidates: tuple[Candidate, ...]
    rest: Rest
    vocab_size: int
    entropy: float
    tokens_kept: int
    chosen_id: int | None = None

    @property
    def chosen(self) -> Candidate | None:
        return next((c for c in self.candidates if c.token_id == self.chosen_id), None)


def next_token(
    logits: Tensor, stages: Sequence[Stage], vocabulary: Vocabulary, n: int, chosen_id: int | None = None,
    told: Told | None = None,
) -> NextToken:  # fmt: skip
    """The view of raw `logits` (V,) and the stages made of them (each (1, V)); of a partial row only what was told."""
    raw = Distribution.of(logits)
    final = stages[-1].outgoing if stages else raw
    ids = raw.most_probable(n) if told is None else told.most_probable(n)
    ranks = list(range(1, len(ids) + 1))
    if chosen_id is not None and chosen_id not in ids:
        ids.append(chosen_id)
        ranks.append(raw.rank(chosen_id))
    candidates = tuple(
        Candidate(
            token_id=i,
            label=vocabulary.label(i),
            logit=float(raw.logits[i]),
            logprob=raw.logprob(i),
            probability=math.exp(raw.logprob(i)),
            rank=rank,
            removed_by=next((s.processor.name for s in stages if s.outgoing.logits[i] == REMOVED), None),
            final_probability=float(final.probabilities[i]),
        )
        for i, rank in zip(ids, ranks, strict=True)
    )
    vocab_size = logits.shape[-1]
    beside = [_beside(distribution, ids, told) for distribution in (raw, final)]
    rest = Rest(
        tokens=vocab_size - len(candidates),
        probability=beside[0],
        final_probability=beside[1],
        untold=vocab_size - len(told.ids) if told else 0,
        most=told.most if told else 0.0,
    )
    return NextToken(candidates, rest, vocab_size, raw.entropy, final.kept, chosen_id)


def _beside(distribution: Distribution, ids: Sequence[int], told: Told | None) -> float:
    """What the tokens that are not listed share; of a partial row, which does not tell most of them, what is left."""
    if told is None:
        return distribution.mass_beside(ids)
    return max(0.0, 1 - sum(float(distribution.probabilities[i]) for i in ids))
