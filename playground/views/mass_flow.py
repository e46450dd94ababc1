"""Mass flow: how the model's probability runs through the stages of a step, into the tokens that are left."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from playground.decoding.distribution import Distribution
from playground.decoding.pipeline import Stage
from playground.decoding.processors import REMOVED
from playground.vocabulary import Vocabulary


@dataclass(frozen=True)
class Column:
    """The distribution after one stage; the first column is the raw model's.

    Attributes:
        name, value: the processor; None for the model.
        tokens, entropy (nats): what is left.
        removed_tokens, removed_mass: what this stage took, as a share of what came in.
        entropy_before: of what came in.
    """

    name: str | None
    value: object
    tokens: int
    entropy: float
    removed_tokens: int = 0
    removed_mass: float = 0.0
    entropy_before: float = 0.0


@dataclass(frozen=True)
class Band:
    """A part of the vocabulary that is followed through the stages.

    Attributes:
        token_id, label: of a leading token; None for a group of all others that share their fate.
        tokens: how many.
        removed_at: the column at which it is taken out, None if it is left.
        masses: its probability in every column.
    """

    token_id: int | None
    label: str | None
    tokens: int
    removed_at: int | None
    masses: tuple[float, ...]


@dataclass(frozen=True)
class MassFlow:
    """Columns from the model to the draw, and the bands that run through them; every column's masses add up to 1."""

    columns: tuple[Column, ...]
    bands: tuple[Band, ...]
    chosen_id: int


def mass_flow(
    logits: Tensor, stages: Sequence[Stage], vocabulary: Vocabulary, chosen_id: int, leading: int = 5
) -> MassFlow:
    """Of raw `logits` (V,) and their stages. The most probable tokens, raw and final, and the chosen one run alone."""
    raw = Distribution.of(logits)
    distributions = [raw, *(stage.outgoing for stage in stages)]
    columns = [Column(None, None, raw.kept, raw.entropy)]
    never = len(distributions)
    fate = np.full(raw.logits.size, never)  # the column at which a token goes
    fate[raw.logits == REMOVED] = 0
    for at, (before, stage) in enumerate(zip(distributions, stages, strict=False), start=1):
        after = stage.outgoing
        gone = (after.logits == REMOVED) & (fate == never)
        fate[gone] = at
        columns.append(
            Column(
                name=stage.processor.name,
                value=stage.processor.value,
                tokens=after.kept,
                entropy=after.entropy,
                removed_tokens=int(np.count_nonzero(gone)),
                removed_mass=float(before.probabilities[gone].sum(dtype=np.float64)),
                entropy_before=before.entropy,
            )
        )
    alone = list(dict.fromkeys([*raw.most_probable(leading), *distributions[-1].most_probable(3), chosen_id]))
    bands = [
        Band(
            token_id=i,
            label=vocabulary.label(i),
            tokens=1,
            removed_at=None if fate[i] == never else int(fate[i]),
            masses=tuple(float(d.probabilities[i]) for d in distributions),
        )
        for i in sorted(alone, key=raw.rank)
    ]
    others = np.ones(raw.logits.size, dtype=np.bool_)
    others[alone] = False
    for at in [never, *range(len(stages), 0, -1)]:
        group = others & (fate == at)
        count = int(np.count_nonzero(group))
        if count:
            masses = tuple(float(d.probabilities[group].sum(dtype=np.float64)) for d in distributions)
            bands.append(Band(None, None, count, None if at == never else at, masses))
    return MassFlow(tuple(columns), tuple(bands), chosen_id)


@dataclass(frozen=True)
class OrderDifference:
    """The same settings in two orders.

    Attributes:
        only_here, only_there: labels of the most probable tokens that one order keeps and the other removes.
        here, there: how many tokens each keeps.
        shifted: the largest difference of a token's final probability.
        token_here, token_there: what the same dice take.
    """

    here: int
    there: int
    only_here: tuple[str, ...]
    only_there: tuple[str, ...]
    shifted: float
    token_here: str
    token_there: str

    @property
    def is_none(self) -> bool:
        return self.shifted == 0 and self.here == self.there


def order_difference(
    here: Distribution, there: Distribution, token_here: str, token_there: str, vocabulary: Vocabulary
) -> OrderDifference:
    kept_here, kept_there = (d.logits > REMOVED for d in (here, there))

    def labels(of: Distribution, group: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> tuple[str, ...]:
        ids = np.flatnonzero(group)
        best = ids[np.argsort(-of.probabilities[ids], kind="stable")][:3]
        return tuple(vocabulary.label(int(i)) for i in best)

    return OrderDifference(
        here=here.kept,
        there=there.kept,
        only_here=labels(here, kept_here & ~kept_there),
        only_there=labels(there, kept_there & ~kept_here),
        shifted=float(np.abs(here.probabilities - there.probabilities).max()),
        token_here=token_here,
        token_there=token_there,
    )
