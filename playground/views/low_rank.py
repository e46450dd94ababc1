"""What an adapter changes: every matrix, how large its change is beside it, and how few numbers that took."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor

_NAME = re.compile(r"^(?:.*?\.)?(\d+)\.(.+)$")


@dataclass(frozen=True)
class Change:
    """One matrix.

    Attributes:
        block: from 0, None where the name has no number; part: its name within the block.
        rank: of the change; parameters: that were trained for it.
        size, weight: Frobenius norms ‖ΔW‖ and ‖W‖.
    """

    block: int | None
    part: str
    rank: int
    parameters: int
    size: float
    weight: float

    @property
    def share(self) -> float:
        """‖ΔW‖ / ‖W‖."""
        return self.size / self.weight if self.weight else 0.0


@dataclass(frozen=True)
class LowRank:
    """All that an adapter changes, beside the `whole` number of its base's parameters."""

    changes: tuple[Change, ...]
    whole: int

    @property
    def parameters(self) -> int:
        return sum(change.parameters for change in self.changes)

    @property
    def share(self) -> float:
        return self.parameters / self.whole

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the columns, in the order of their first block."""
        return tuple(dict.fromkeys(change.part for change in self.changes))

    @property
    def blocks(self) -> tuple[int | None, ...]:
        found = {change.block for change in self.changes}
        return tuple(sorted(found, key=lambda block: -1 if block is None else block))


def low_rank(matrices: Iterable[tuple[str, Tensor, Tensor, int, int]], whole: int) -> LowRank:
    """Of (name of the layer, ΔW, W, rank, parameters) each."""
    changes = []
    for name, delta, weight, rank, parameters in matrices:
        found = _NAME.match(name)
        block, part = (int(found[1]), found[2]) if found else (None, name)
        sizes = (float(one.double().norm()) for one in (delta, weight))
        changes.append(Change(block, part, rank, parameters, *sizes))
    return LowRank(tuple(changes), whole)
