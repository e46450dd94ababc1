"""Growth: how much more there is with every repeat of the same thing, told from counts that come and go."""

from collections.abc import Sequence
from itertools import combinations
from statistics import median

WARM_UP = 3  # repeats after which everything that is made once has been made


def growth(counts: Sequence[float]) -> float:
    """More a repeat: the median of the slopes between any two counts after the warm-up (Theil 1950, Sen 1968).

    Of a page's nodes some hundred wait for the next collection, so the difference of two counts is luck; a leak is in
    all of them. Raises StatisticsError for fewer than WARM_UP + 2 counts.
    """
    settled = counts[WARM_UP:]
    return median((after - before) / (j - i) for (i, before), (j, after) in combinations(enumerate(settled), 2))
