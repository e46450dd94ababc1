"""Diversity: how much several texts have in common, by token ids.

Written out here and compared with sacrebleu and rapidfuzz in tests: those take a hypothesis and its references one at a
time, which is quadratic in the texts (seconds for 256), and would be seven packages more at run time.
"""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

ORDER = 4  # of the n-grams that BLEU counts
_PAIRS = 2048  # compared at once
Ints = np.ndarray[tuple[int, ...], np.dtype[np.signedinteger]]


def unique(texts: Sequence[Sequence[int]]) -> float:
    """Different texts / texts."""
    return len(set(map(tuple, texts))) / len(texts)


def self_bleu(texts: Sequence[Sequence[int]]) -> float | None:
    """The mean of `self_bleus`; None for fewer than two texts."""
    return mean(self_bleus(texts))


def mean(values: Sequence[float]) -> float | None:
    """None of none."""
    return math.fsum(values) / len(values) if values else None


def self_bleus(texts: Sequence[Sequence[int]]) -> list[float]:
    """Of each text its sentence BLEU against all others, 0 to 100; none of fewer than two.

    Zhu et al. 2018; as `sacrebleu.sentence_bleu(…, tokenize="none")` of the ids as words: n-grams up to 4, exponential
    smoothing, effective order, the closest reference's length.
    """
    if len(texts) < 2:
        return []
    counts = [_counts(ids) for ids in texts]
    most: dict[tuple[int, ...], tuple[int, int, int]] = {}  # the most often in one text, which, most often in another
    for i, counted in enumerate(counts):
        for gram, count in counted.items():
            first, owner, second = most.get(gram, (0, -1, 0))
            most[gram] = (count, i, first) if count > first else (first, owner, max(second, count))
    lengths = [len(ids) for ids in texts]
    scores = []
    for i, counted in enumerate(counts):
        correct, total = [0] * ORDER, [0] * ORDER
        for gram, count in counted.items():
            first, owner, second = most[gram]
            total[len(gram) - 1] += count
            correct[len(gram) - 1] += min(count, second if owner == i else first)
        others = lengths[:i] + lengths[i + 1 :]
        closest = min(others, key=lambda length: (abs(length - lengths[i]), length))
        scores.append(_bleu(correct, total, lengths[i], closest))
    return scores


def _counts(ids: Sequence[int]) -> Counter[tuple[int, ...]]:
    return Counter(tuple(ids[i : i + n]) for n in range(1, ORDER + 1) for i in range(len(ids) - n + 1))


def _bleu(correct: Sequence[int], total: Sequence[int], length: int, reference: int) -> float:
    """Of one text, from its n-grams that a reference has, all of them, its length and the closest reference's."""
    if not any(correct):
        return 0.0
    brevity = math.exp(1 - reference / length) if length < reference else 1.0
    logs, halved = [], 1.0
    for right, of in zip(correct, total, strict=True):
        if not of:
            break
        if not right:
            halved *= 2
        logs.append(math.log(100 * right / of if right else 100 / (halved * of)))
    return brevity * math.exp(sum(logs) / len(logs))


def edit_distance(texts: Sequence[Sequence[int]]) -> float | None:
    """The mean over all pairs, which is that of `edit_distances`; None for fewer than two texts."""
    return mean(edit_distances(texts))


def edit_distances(texts: Sequence[Sequence[int]]) -> list[float]:
    """Of each text the mean over all others of Levenshtein distance / the longer length, 0 to 1; none of fewer than 2.

    Levenshtein 1966: the fewest insertions, deletions and replacements of ids that make one text the other.
    """
    if len(texts) < 2:
        return []
    lengths = np.array([len(ids) for ids in texts])
    padded = np.full((len(texts), max(1, lengths.max())), -1, dtype=np.int32)
    for row, ids in zip(padded, texts, strict=True):
        row[: len(ids)] = ids
    ones, others = np.triu_indices(len(texts), 1)
    totals = np.zeros(len(texts))
    for start in range(0, len(ones), _PAIRS):
        a, b = ones[start : start + _PAIRS], others[start : start + _PAIRS]
        distances = _levenshtein(padded[a], lengths[a], padded[b], lengths[b])
        shares = distances / np.maximum(1, np.maximum(lengths[a], lengths[b]))
        np.add.at(totals, a, shares)
        np.add.at(totals, b, shares)
    return [float(total) for total in totals / (len(texts) - 1)]


def _levenshtein(a: Ints, a_lengths: Ints, b: Ints, b_lengths: Ints) -> Ints:
    """(P,) distances of P pairs of padded texts (P, L), one row of all their tables at a time."""
    places = np.arange(b.shape[1] + 1, dtype=np.int32)
    row = np.broadcast_to(places, (len(a), len(places))).copy()  # distances of nothing to each beginning of b
    found = np.where(a_lengths == 0, b_lengths, 0)
    for i in range(a.shape[1]):
        below = row + 1  # a's token deleted
        np.minimum(below[:, 1:], row[:, :-1] + (a[:, i : i + 1] != b), out=below[:, 1:])  # or replaced, or kept
        row = np.minimum.accumulate(below - places, axis=1) + places  # or b's tokens inserted
        ends = a_lengths == i + 1
        found[ends] = row[ends, b_lengths[ends]]
    return found
