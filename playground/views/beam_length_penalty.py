"""The length penalty α after the run: the pool, the bound and the stop replayed under other α, without the model.

Which beams run does not depend on α: they are kept by their plain sums. Only the finished pool, the bound and so the
moment of the stop do. So where the replay stops within the recorded steps, its ranking is what a run with that α
would return; where it does not stop, the search would have gone on, and only a new run can say how.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch

from playground.decoding.beam_steps import SHUT_OUT, EarlyStopping
from playground.decoding.beam_trace import BeamTrace

LOWEST, HIGHEST, STEP = -2.0, 4.0, 0.05
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Finished:
    """A sequence that ended at some step of the search, whether the pool took it or not."""

    token_ids: tuple[int, ...]
    cum_logprob: float
    step: int
    lacks: tuple[tuple[int, ...], ...] = ()

    def score(self, alpha: float) -> float:
        return float(self.cum_logprob / len(self.token_ids) ** alpha)


@dataclass(frozen=True)
class Ranking:
    """The result under one α.

    Attributes:
        order: the pool, best first.
        stops_after: how many steps the search takes under this α, or None: more than were recorded.
    """

    alpha: float
    order: tuple[Finished, ...]
    stops_after: int | None

    @property
    def is_exact(self) -> bool:
        """Whether a run with this α would return just this."""
        return self.stops_after is not None


@dataclass(frozen=True)
class Flip:
    """Where the winner changes as α grows."""

    alpha: float
    before: Finished
    after: Finished


def ranking(trace: BeamTrace, alpha: float) -> Ranking:
    """The result of a finished search under another α."""
    return rankings(trace, (alpha,))[0]


def rankings(trace: BeamTrace, alphas: tuple[float, ...]) -> tuple[Ranking, ...]:
    """The results under many α, all in one pass over the recorded steps."""
    rule = trace.strategy.pool_rule
    if rule is not None:
        return _replayed(trace, rule, alphas)
    finished = tuple(
        Finished(h.token_ids, h.cum_logprob, len(h.token_ids) - 1, h.lacks) for h in trace.steps[-1].finished
    )
    return tuple(
        Ranking(
            alpha,
            tuple(sorted(finished, key=lambda f: -f.score(alpha))),
            len(trace.steps) if alpha == trace.length_penalty else None,
        )
        for alpha in alphas
    )


def grid() -> tuple[float, ...]:
    """The α that the picture is drawn for."""
    return tuple(round(LOWEST + i * STEP, 10) for i in range(round((HIGHEST - LOWEST) / STEP) + 1))


def flips(trace: BeamTrace, over: tuple[Ranking, ...]) -> tuple[Flip, ...]:
    """Where the winner changes between neighbours of `over`, to within a thousandth."""
    found = []
    for left, right in pairwise(over):
        if not left.order or not right.order or left.order[0] == right.order[0]:
            continue
        low, high = left, right
        while high.alpha - low.alpha > 1e-3:
            middle = ranking(trace, (low.alpha + high.alpha) / 2)
            if middle.order[0] == low.order[0]:
                low = middle
            else:
                high = middle
        found.append(Flip((low.alpha + high.alpha) / 2, low.order[0], high.order[0]))
    return tuple(found)


def _replayed(trace: BeamTrace, rule: EarlyStopping, alphas: tuple[float, ...]) -> tuple[Ranking, ...]:
    """transformers' rules for pool, bound and stop (see decoding/beam_search.py), in its float32, for all α at once."""
    k, count = trace.strategy.num_beams, len(alphas)
    known: list[Finished] = []  # by number: what ended, in the order of the search
    pool = np.full((count, k), -1)
    scores = np.full((count, k), SHUT_OUT, np.float32)  # (A, K)
    stopped = np.zeros(count, int)  # after how many steps; 0: not yet
    for step in trace.steps:
        length = step.index + 1
        ended = np.array([c.ended_by is not None for c in step.candidates])
        may_finish: npt.NDArray[np.bool_] = ended & (np.arange(len(ended)) < k)
        sums = np.array([c.cum_logprob for c in step.candidates], np.float32)
        new = sums[None] / _norms(length, alphas)[:, None]  # (A, C)
        new = new + np.float32(SHUT_OUT) * (~may_finish).astype(np.float32)  # the same for every α
        numbers = np.full(len(ended), -1)
        for rank in np.flatnonzero(may_finish):
            numbers[rank] = len(known)
            before = trace.steps[step.index - 1].beams[step.candidates[rank].parent].token_ids if step.index else ()
            token_ids = (*before, step.candidates[rank].token_id)
            known.append(Finished(token_ids, step.candidates[rank].cum_logprob, step.index))
        merged = np.concatenate([scores, new.astype(np.float32)], axis=1)
        entries = np.concatenate([pool, np.broadcast_to(numbers, (count, len(numbers)))], axis=1)
        best = torch.topk(torch.from_numpy(merged), k)[1].numpy()  # of equals it takes the same ones as the search
        goes_on = stopped == 0
        scores = np.where(goes_on[:, None], np.take_along_axis(merged, best, axis=1), scores)
        pool = np.where(goes_on[:, None], np.take_along_axis(entries, best, axis=1), pool)

        is_full = (pool >= 0).all(axis=1)
        longest = np.array([rule == "never" and alpha > 0 for alpha in alphas])
        norms = np.where(longest, _norms(trace.max_new_tokens, alphas), _norms(length, alphas))
        reachable = np.float32(step.bound.best_sum) / norms
        is_open = np.logical_or(~is_full, reachable > scores.min(axis=1))
        stops = ~is_open | bool(ended.all()) | (is_full & (rule is True))
        stopped = np.where(goes_on & stops, length, stopped)
    return tuple(
        Ranking(alpha, tuple(known[n] for n in row if n >= 0), int(after) or None)
        for alpha, row, after in zip(alphas, pool.tolist(), stopped, strict=True)
    )


def _norms(length: int, alphas: tuple[float, ...]) -> Floats:
    return np.array([float(length**alpha) for alpha in alphas], np.float32)  # (A,)
