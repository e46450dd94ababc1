"""The best sequences of a finished search, how they differ, and what greedy decoding would have made of the prompt."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from playground.decoding.beam_steps import Hypothesis
from playground.decoding.beam_trace import BeamTrace
from playground.views.beam_tree import BeamTree


def distinct(sequences: Sequence[Sequence[int]], n: int) -> float | None:
    """Distinct-n over all sequences together: different n-grams / n-grams; None where there is none.

    Example: [[1, 2, 1], [1, 2, 3]], 2 -> 3 / 4
    """
    grams = [tuple(ids[i : i + n]) for ids in sequences for i in range(len(ids) - n + 1)]
    return len(set(grams)) / len(grams) if grams else None


def shared_beginning(sequences: Sequence[Sequence[int]]) -> int:
    """How many tokens all sequences have in common at their beginning."""
    columns = zip(*sequences, strict=False)
    return next((i for i, column in enumerate(columns) if len(set(column)) > 1), min(map(len, sequences), default=0))


def repeated_pairs(prompt_ids: Sequence[int], token_ids: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """The pairs of neighbouring tokens that a text makes though they were there before, in the prompt or in itself.

    Example: (7,), (1, 2, 1, 2) -> ((1, 2),)
    """
    ids = [*prompt_ids, *token_ids]
    pairs = list(pairwise(ids))
    seen = set(pairs[: max(0, len(prompt_ids) - 1)])
    again = []
    for pair in pairs[max(0, len(prompt_ids) - 1) :]:
        if pair in seen:
            again.append(pair)
        seen.add(pair)
    return tuple(again)


@dataclass(frozen=True)
class Verdict:
    """The winner beside greedy decoding under the same processors.

    Attributes:
        gain: how much the winner's summed log-probability is above greedy's, in nats; below 0 it lost.
        score_gain: the same for the normalised scores, by which the search ranks.
        parts_at: the first token (from 1) at which the two differ; None if they are the same.
        given_up: how much less probable than greedy's choice the winner's token was there, in nats.
        paid_back_at: the token from which on the winner's sum stays above greedy's; None if it never does.
        pruned_at: the step (from 1) at which greedy's own beginning was dropped, and its rank among the candidates
            there (from 1; None: not even considered). Both None if it stayed.
    """

    winner: Hypothesis
    greedy: Hypothesis
    gain: float
    score_gain: float
    parts_at: int | None = None
    given_up: float = 0.0
    paid_back_at: int | None = None
    pruned_at: int | None = None
    pruned_rank: int | None = None

    @property
    def is_same(self) -> bool:
        return self.parts_at is None


def verdict(trace: BeamTrace, greedy: Hypothesis, tree: BeamTree) -> Verdict:
    """Compare the winner of a finished search with greedy's text."""
    winner = trace.best
    assert winner is not None  # the search has ended
    gain, score_gain = winner.cum_logprob - greedy.cum_logprob, winner.score - greedy.score
    both = list(zip(winner.token_ids, greedy.token_ids, strict=False))
    parts = next((i for i, (ours, theirs) in enumerate(both) if ours != theirs), len(both))
    if parts == len(winner.token_ids) == len(greedy.token_ids):
        return Verdict(winner, greedy, gain, score_gain)
    at_parting = parts < len(both)
    given_up = greedy.logprobs[parts] - winner.logprobs[parts] if at_parting else 0.0
    pruned_at, pruned_rank = _pruned(greedy, tree)
    return Verdict(
        winner, greedy, gain, score_gain, parts + 1, given_up, _paid_back(winner, greedy, parts), pruned_at, pruned_rank
    )


def _paid_back(winner: Hypothesis, greedy: Hypothesis, parts: int) -> int | None:
    """The last token after which the winner's sum, from below, is above greedy's for good."""
    ahead = 0.0
    at = None
    for i, (ours, theirs) in enumerate(zip(winner.logprobs, greedy.logprobs, strict=False)):
        before, ahead = ahead, ahead + ours - theirs
        if i >= parts and ahead > 0 >= before:
            at = i + 1
    return at if ahead > 0 else None


def _pruned(greedy: Hypothesis, tree: BeamTree) -> tuple[int | None, int | None]:
    parent = -1
    for step, token_id in enumerate(greedy.token_ids[: len(tree.layers)]):
        found = next((n for n in tree.layers[step] if n.parent == parent and n.candidate.token_id == token_id), None)
        if found is None:
            return step + 1, None
        if found.candidate.beam is None and found.candidate.fate != "finished":
            ended = step + 1 == len(greedy.token_ids) and found.candidate.ended_by is not None
            return (None, None) if ended and found.candidate.fate == "outscored" else (step + 1, found.index + 1)
        parent = found.index
    return None, None
