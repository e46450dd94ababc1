"""What a search with beams leaves behind: one BeamStep a token, with every candidate that it considered."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, Self

from torch import Tensor

from playground.decoding.model import LanguageModel
from playground.decoding.stopping import StopStrings
from playground.decoding.trace import Strategy

SHUT_OUT = -1.0e9  # transformers' score of what must not be chosen

Fate = Literal["kept", "finished", "outscored", "late", "unfulfilled", "pruned"]
Ending = Literal["eos", "stop_string", "length"]
StopReason = Literal["full", "no_improvement", "length", "complete"]
EarlyStopping = bool | Literal["never"]


def is_shut_out(cum_logprob: float) -> bool:
    """Whether a sum is no sum of log-probabilities: of a row that only fills the batch, or of a removed token."""
    return cum_logprob < SHUT_OUT / 2


@dataclass(frozen=True)
class BeamCandidate:
    """One continuation that was considered.

    Attributes:
        rank: its place among the candidates of the step, from 0 (within its group, where there are groups).
        parent: the beam that it continues.
        logprob: of this token after the processors, in nats.
        cum_logprob: of all generated tokens, in nats.
        fate: "kept" as a running beam; "finished" and in the pool; "outscored" (it ended, but the pool is closed or
            full of better ones); "late" (it ended below the first num_beams candidates: only those may finish);
            "unfulfilled" (it ended without the phrases that must appear); "pruned".
        score: cum_logprob / length ** length_penalty, whether it ended or not.
        raw_logprob: of this token before the processors, in nats.
        ended_by: what ended it, or None: it can go on.
        beam: its place among the running beams after the step, if kept.
        pool_place: its place in the pool after the step, best first, if finished.
        group: the group whose candidate it is (diverse beam search).
        penalty: what was taken off `logprob` because earlier groups took the token, in nats (diverse beam search).
        bank: how many tokens of the phrases that must appear it has brought (constrained beam search).
        is_forced: it was proposed by a phrase, not by the model (constrained beam search).
        perturbed: the Gumbel-perturbed sum by which it was ranked (stochastic beam search).
        lacks: of one that ended, the phrases that must appear and stand neither in the prompt nor in it (by their ids).
    """

    rank: int
    parent: int
    token_id: int
    logprob: float
    cum_logprob: float
    fate: Fate
    score: float = 0.0
    raw_logprob: float = 0.0
    ended_by: Ending | None = None
    beam: int | None = None
    pool_place: int | None = None
    group: int = 0
    penalty: float = 0.0
    bank: int | None = None
    is_forced: bool = False
    perturbed: float | None = None
    lacks: tuple[tuple[int, ...], ...] = ()

    @property
    def is_ghost(self) -> bool:
        """Whether it only fills the batch: it continues no real beam, or with a token that was removed."""
        return is_shut_out(self.cum_logprob)


@dataclass(frozen=True)
class Hypothesis:
    """A generated sequence.

    Attributes:
        token_ids: the generated ids.
        beam_indices: the beam that each token continued.
        cum_logprob: sum of the log-probabilities, in nats.
        score: cum_logprob / length ** length_penalty; the length counts the generated tokens, the end-of-text token
            included and the prompt not.
        logprobs: of each token after the processors, in nats.
        raw_logprobs: of each token before the processors, in nats.
        ended_by: what ended it, or None while it runs.
        is_ghost: it only fills the batch: it has ended, or never began. Its score means nothing.
        missing: how many of the phrases that must appear it has not brought, as the search counts them.
        group, bank, perturbed, lacks: as of BeamCandidate.
    """

    token_ids: tuple[int, ...]
    beam_indices: tuple[int, ...]
    cum_logprob: float
    score: float
    logprobs: tuple[float, ...] = ()
    raw_logprobs: tuple[float, ...] = ()
    ended_by: Ending | None = None
    is_ghost: bool = False
    missing: int = 0
    group: int = 0
    bank: int | None = None
    perturbed: float | None = None
    lacks: tuple[tuple[int, ...], ...] = ()

    def grown(
        self, parent: int, token_id: int, logprob: float, raw_logprob: float, cum_logprob: float, score: float
    ) -> "Hypothesis":
        """This sequence, which is beam `parent`, with one token more."""
        return replace(
            self,
            token_ids=(*self.token_ids, token_id),
            beam_indices=(*self.beam_indices, parent),
            cum_logprob=cum_logprob,
            score=score,
            logprobs=(*self.logprobs, logprob),
            raw_logprobs=(*self.raw_logprobs, raw_logprob),
            is_ghost=is_shut_out(cum_logprob),
        )

    def as_candidate(
        self, rank: int, fate: Fate, beam: int | None = None, pool_place: int | None = None
    ) -> BeamCandidate:
        """Its last token, as the step that considers it records it."""
        return BeamCandidate(
            rank=rank,
            parent=self.beam_indices[-1],
            token_id=self.token_ids[-1],
            logprob=self.logprobs[-1],
            cum_logprob=self.cum_logprob,
            fate=fate,
            score=self.score,
            raw_logprob=self.raw_logprobs[-1],
            ended_by=self.ended_by,
            beam=beam,
            pool_place=pool_place,
            group=self.group,
            bank=self.bank,
            perturbed=self.perturbed,
            lacks=self.lacks,
        )


@dataclass(frozen=True)
class Bound:
    """Whether going on can still change the result.

    Attributes:
        best_possible: the score that the best running beam could reach, by the rule of early_stopping.
        worst_finished: the lowest score of the pool, or None while it has room.
        is_open: whether a finished sequence may still enter the pool; once it is closed the search (of the group) ends.
        best_sum: the summed log-probability of the best running beam, in nats.
        length: the length by which it is judged: best_possible = best_sum / length ** length_penalty.
        group: whose pool this is (diverse beam search).
    """

    best_possible: float
    worst_finished: float | None
    is_open: bool
    best_sum: float = 0.0
    length: int = 0
    group: int = 0


@dataclass(frozen=True)
class Cost:
    """What was computed: forward passes, tokens that went through the model, continuations that got a score."""

    forwards: int = 0
    tokens: int = 0
    candidates: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.forwards + other.forwards, self.tokens + other.tokens, self.candidates + other.candidates)


@dataclass(frozen=True)
class BeamStep:
    """One step of the search.

    Attributes:
        candidates: all that were considered, by rank (group by group, where there are groups).
        beams: the running sequences after the step, best first (within their group).
        finished: the pool after the step, best first; after the last step, what is returned.
        stop_reason: "full" (early_stopping is True and the pool is full), "no_improvement" (the bound is closed),
            "length" (every candidate ended), "complete" (stochastic: every sequence drawn has ended), or None.
        evicted: what this step pushed out of the pool.
        cost: of this step alone. The prompt is counted in the first, even where a kept KV cache saved reading it.
        total: of the search so far.
        bounds: one for each group, where there are groups; `bound` is then that of the first open one.
    """

    index: int
    candidates: tuple[BeamCandidate, ...]
    beams: tuple[Hypothesis, ...]
    finished: tuple[Hypothesis, ...]
    bound: Bound
    stop_reason: StopReason | None = None
    evicted: tuple[Hypothesis, ...] = ()
    cost: Cost = field(default_factory=Cost)
    total: Cost = field(default_factory=Cost)
    bounds: tuple[Bound, ...] = ()


class BeamStrategy(Strategy[BeamStep], Protocol):
    """A strategy that runs several sequences at once. The prompt is read once, whatever their number."""

    @property
    def num_beams(self) -> int: ...

    @property
    def length_penalty(self) -> float:
        """The power of the length by which sums are divided; 0: they are not."""
        ...

    @property
    def phrases(self) -> tuple[tuple[int, ...], ...]:
        """What must appear in a sequence, by id."""
        ...

    @property
    def pool_rule(self) -> EarlyStopping | None:
        """When transformers' one pool of finished sequences closes; None: what ends goes into a pool of another kind,
        which can't be filled again under another length penalty."""
        ...

    @property
    def is_perturbed(self) -> bool:
        """Whether sequences are ranked by sums with noise in them, and no length penalty applies."""
        ...


class Search:
    """What most searches with beams declare of themselves; one that is otherwise says so."""

    @property
    def seed(self) -> int:
        return 0

    @property
    def stop(self) -> StopStrings | None:
        return None

    @property
    def guidance(self) -> None:
        return None

    @property
    def has_beams(self) -> bool:
        return True

    @property
    def is_row_by_row(self) -> bool:
        return False

    @property
    def is_drawn(self) -> bool:
        return False

    @property
    def is_perturbed(self) -> bool:
        return False

    @property
    def pool_rule(self) -> EarlyStopping | None:
        return None

    def reseeded(self, seed: int) -> Self:
        return self


class Stepping(Protocol):
    """A search at work, between its steps."""

    def step(self, logits: Tensor) -> BeamStep:
        """The next step, from the logits (B, V) behind its beams, or (1, V) behind the prompt."""
        ...


def searched(search: Stepping, model: LanguageModel, prompt_ids: Sequence[int]) -> Iterator[BeamStep]:
    """The steps of a search whose beams are the rows of one state, until one ends it. Closing hands the cache back."""
    state = model.prefill(prompt_ids)
    try:
        while True:
            step = search.step(state.logits)
            yield step
            if step.stop_reason:
                return
            state = state.advance(*advance_rows(step.beams, state.logits.shape[0]))
    finally:
        state.release()


def starting_beams(count: int, group: int = 0) -> list[Hypothesis]:
    """`count` times the prompt, of which only the first counts: they are all the same."""
    beam = Hypothesis((), (), 0.0, 0.0, group=group)
    return [beam, *[replace(beam, cum_logprob=SHUT_OUT, is_ghost=True)] * (count - 1)]


def cost_of(prompt_length: int, beams: Sequence[Hypothesis], rows: int, vocab_size: int) -> Cost:
    """What a step takes that goes on from these beams: the whole prompt, if nothing has been generated yet."""
    tokens = rows if beams[0].token_ids else prompt_length
    return Cost(1, tokens, vocab_size * sum(not beam.is_ghost for beam in beams))


def evicted(before: Iterable[Hypothesis | None], after: Sequence[Hypothesis]) -> tuple[Hypothesis, ...]:
    """What was in the pool and is no more."""
    left = {id(hypothesis) for hypothesis in after}
    return tuple(hypothesis for hypothesis in before if hypothesis is not None and id(hypothesis) not in left)


def advance_rows(beams: Sequence[Hypothesis], rows: int) -> tuple[list[int], list[int]]:
    """The parents and tokens with which a DecodingState of `rows` rows goes on to these beams."""
    return [min(beam.beam_indices[-1], rows - 1) for beam in beams], [beam.token_ids[-1] for beam in beams]
