"""Pearson's χ²: how likely draws at least so far from a law are, if they follow it."""

from collections.abc import Hashable, Mapping

import torch

LEAST = 1e-4  # a law is rejected below this; the seeds are fixed, so a test passes always or never
POOLED = 8.0  # outcomes expected less often than this are counted together


def p_value(observed: Mapping[Hashable, int], law: Mapping[Hashable, float]) -> float:
    """Of counts under a law (probabilities that add up to 1). An outcome to which it gives no chance: 0."""
    draws = sum(observed.values())
    if any(count and law.get(outcome, 0.0) <= 0 for outcome, count in observed.items()):
        return 0.0
    cells: list[tuple[float, float]] = []
    rare = (0.0, 0.0)
    for outcome, probability in law.items():
        cell = (float(observed.get(outcome, 0)), draws * probability)
        if cell[1] < POOLED:
            rare = (rare[0] + cell[0], rare[1] + cell[1])
        else:
            cells.append(cell)
    if rare[1] >= POOLED:
        cells.append(rare)
    elif rare[1] > 0 and cells:  # too few to stand alone: with the least of the others
        least = min(range(len(cells)), key=lambda i: cells[i][1])
        cells[least] = (cells[least][0] + rare[0], cells[least][1] + rare[1])
    assert len(cells) > 1, "a law of one outcome can't be tested"
    statistic = sum((count - expected) ** 2 / expected for count, expected in cells)
    return tail(statistic, len(cells) - 1)


def tail(statistic: float, degrees: int) -> float:
    """The probability that χ² of so many degrees of freedom is at least this."""
    half = torch.tensor([degrees / 2, statistic / 2], dtype=torch.float64)
    return float(torch.special.gammaincc(half[0], half[1]))
