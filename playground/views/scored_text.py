"""A text read as the model reads it: what it said of each token before it came."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from playground.decoding.trace import Reading
from playground.views.measures import Text, perplexity
from playground.vocabulary import Vocabulary


@dataclass(frozen=True)
class ScoredToken:
    """One token of the text.

    Attributes:
        logprob: under the raw model after all that stands before, in nats; its surprisal is the negative.
        rank: 1 for the most probable token; of equals the lowest id comes first.
        entropy: of the whole next-token distribution, in nats.
    """

    token_id: int
    label: str
    logprob: float
    rank: int
    entropy: float


@dataclass(frozen=True)
class ScoredText:
    """The tokens of a text after what stands before it.

    Attributes:
        context_ids: what the first token was read after; nothing is said of these.
        text: of the tokens, without special ones.
        is_astride: the text's first token begins in the prompt: there the two were read as one.
    """

    context_ids: tuple[int, ...]
    tokens: tuple[ScoredToken, ...]
    text: str
    is_astride: bool = False

    @property
    def mean_logprob(self) -> float:
        return sum(token.logprob for token in self.tokens) / len(self.tokens)

    @property
    def perplexity(self) -> float:
        """exp(-mean log-probability)."""
        found = perplexity(self.mean_logprob)
        assert found is not None
        return found

    def among_first(self, n: int) -> int:
        """How many tokens were among the n most probable at their place. Gehrmann et al. 2019 (GLTR) ask it for 10, 100
        and 1000: text drawn with a cut rarely leaves the first, but so does plain text of a person."""
        return among_first((token.rank for token in self.tokens), n)

    @property
    def measured(self) -> Text:
        """For `measures`."""
        return Text(
            tuple(token.token_id for token in self.tokens),
            tuple(token.logprob for token in self.tokens),
            tuple(token.entropy for token in self.tokens),
            self.text,
        )


def among_first(ranks: Iterable[int], n: int) -> int:
    """How many of the ranks are at most n."""
    return sum(rank <= n for rank in ranks)


def scored_text(
    context_ids: Sequence[int], token_ids: Sequence[int], readings: Sequence[Reading], vocabulary: Vocabulary,
    is_astride: bool = False,
) -> ScoredText:  # fmt: skip
    """From the tokens (at least one) and what the model said of each."""
    tokens = tuple(
        ScoredToken(token_id, vocabulary.label(token_id), reading.logprob, reading.rank, reading.entropy)
        for token_id, reading in zip(token_ids, readings, strict=True)
    )
    return ScoredText(tuple(context_ids), tokens, vocabulary.text(token_ids), is_astride)
