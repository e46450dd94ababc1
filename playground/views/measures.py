"""Measures: numbers that say how probable, how varied and how repetitive texts are, by token ids.

A text may come from a run, a sample or a person: what is measured is its ids, the raw model's log-probability of each
and its bytes. None is a measure that has nothing to count; several texts are measured together, as each says.
"""

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from playground.decoding.clouds import Sample
from playground.decoding.lanes import Lane
from playground.decoding.trace import Trace
from playground.views.diversity import edit_distances, mean, self_bleus, unique
from playground.vocabulary import Vocabulary

Ids = Sequence[int]


@dataclass(frozen=True)
class Text:
    """What is measured of one text.

    Attributes:
        logprobs: of each token under the raw model, in nats.
        entropies: of the raw next-token distribution before each token, in nats; none where they are not known (beams).
        text: as a person reads it, without special tokens.
    """

    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...] = ()
    entropies: tuple[float, ...] = ()
    text: str = ""


@dataclass(frozen=True)
class Measures:
    """Of one text or of several.

    Attributes:
        texts, tokens: how many there are in all.
        length: mean tokens a text.
        mean_logprob: Σ ln p / n over all tokens of all texts, in nats.
        perplexity: exp(-mean_logprob): of the text under the raw model, whatever cut it was drawn with. Low is
            probable, not good: degenerate text has the lowest (Holtzman et al. 2019).
        mean_entropy: Σ H / n over all tokens of all texts, in nats.
        distinct_1, distinct_2, distinct_3: different n-grams / n-grams, over all texts together (Li et al. 2016). Falls
            with the number of tokens, so only texts of a length compare.
        seq_rep_4: 1 - different 4-grams / 4-grams, the mean over the texts (Welleck et al. 2019).
        longest_repeat: tokens of the longest sequence that stands twice in one text; the two may overlap.
        zlib_ratio: bytes of the text (UTF-8; several joined by line breaks) / bytes of zlib level 9 (Shaib et al.
            2024). High is repetitive; below some hundred bytes the header counts.
        self_bleu: the mean over the texts of sentence BLEU against all others, 0 to 100 (Zhu et al. 2018). None for
            one.
        edit_distance: the mean over pairs of Levenshtein distance / the longer length, 0 to 1, by ids. None for one.
        unique: different texts / texts, by ids.
    """

    texts: int
    tokens: int
    length: float
    mean_logprob: float | None
    perplexity: float | None
    mean_entropy: float | None
    distinct_1: float | None
    distinct_2: float | None
    distinct_3: float | None
    seq_rep_4: float | None
    longest_repeat: int
    zlib_ratio: float | None
    self_bleu: float | None
    edit_distance: float | None
    unique: float


def text_of(written: Lane | Sample, vocabulary: Vocabulary) -> Text:
    """What a lane has written so far, or what was drawn."""
    ids, logprobs, text = written.token_ids, written.logprobs, vocabulary.text(written.token_ids)
    if isinstance(written, Sample):
        return Text(ids, logprobs, written.entropies, text)
    steps = written.trace.steps if isinstance(written.trace, Trace) else ()
    return Text(ids, logprobs, tuple(step.reading.entropy for step in steps), text)


@dataclass(frozen=True)
class Likeness:
    """How much each of several texts has in common with the others, in their order; empty for fewer than two."""

    self_bleus: tuple[float, ...]
    edit_distances: tuple[float, ...]

    @classmethod
    def of(cls, ids: Sequence[Ids]) -> "Likeness":
        return cls(tuple(self_bleus(ids)), tuple(edit_distances(ids)))


def measures(texts: Sequence[Text], likeness: Likeness | None = None) -> Measures:
    """All of them, of at least one text. Likeness takes longest, for 256 texts of 40 tokens half a second, so it is
    off the model's thread; one that is known already may be given."""
    ids = [text.token_ids for text in texts]
    likeness = likeness or Likeness.of(ids)
    return Measures(
        texts=len(texts),
        tokens=sum(map(len, ids)),
        length=sum(map(len, ids)) / len(texts),
        mean_logprob=(logprob := mean(list(chain.from_iterable(text.logprobs for text in texts)))),
        perplexity=perplexity(logprob),
        mean_entropy=mean(list(chain.from_iterable(text.entropies for text in texts))),
        distinct_1=distinct(ids, 1),
        distinct_2=distinct(ids, 2),
        distinct_3=distinct(ids, 3),
        seq_rep_4=mean([repetition for one in ids if (repetition := seq_rep(one, 4)) is not None]),
        longest_repeat=max(map(longest_repeat, ids)),
        zlib_ratio=zlib_ratio([text.text for text in texts]),
        self_bleu=mean(likeness.self_bleus),
        edit_distance=mean(likeness.edit_distances),
        unique=unique(ids),
    )


def perplexity(mean_logprob: float | None) -> float | None:
    """exp(-mean_logprob), infinite beyond the largest float."""
    if mean_logprob is None:
        return None
    return math.exp(-mean_logprob) if mean_logprob > -700 else math.inf


def ngrams(ids: Ids, n: int) -> list[tuple[int, ...]]:
    """All of them, in order."""
    return [tuple(ids[i : i + n]) for i in range(len(ids) - n + 1)]


def distinct(texts: Sequence[Ids], n: int) -> float | None:
    """distinct-n: different n-grams / n-grams, over all texts; none reaches from one text into the next."""
    found = [gram for ids in texts for gram in ngrams(ids, n)]
    return len(set(found)) / len(found) if found else None


def seq_rep(ids: Ids, n: int) -> float | None:
    """seq-rep-n: the share of n-grams that have been there before."""
    found = ngrams(ids, n)
    return 1 - len(set(found)) / len(found) if found else None


def longest_repeat(ids: Ids) -> int:
    """How many tokens the longest sequence has that stands at two places, which may overlap."""
    low, high = 0, max(0, len(ids) - 1)
    while low < high:  # what stands twice has a beginning that stands twice
        n = (low + high + 1) // 2
        found = ngrams(ids, n)
        low, high = (n, high) if len(set(found)) < len(found) else (low, n - 1)
    return low


def zlib_ratio(texts: Sequence[str]) -> float | None:
    """Bytes / compressed bytes of the texts, joined by line breaks."""
    raw = "\n".join(texts).encode("utf-8", errors="replace")
    return len(raw) / len(zlib.compress(raw, 9)) if raw else None
