"""Lanes: several requests on one prompt, run together; those of single sequences are the rows of one batch."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, cast

from playground.decoding import together
from playground.decoding.beam_steps import BeamStep, BeamStrategy, Hypothesis
from playground.decoding.beam_trace import BeamTrace
from playground.decoding.model import LanguageModel
from playground.decoding.rows import DESK_BYTES, Row
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Throws
from playground.decoding.together import OWN_ERRORS
from playground.decoding.trace import TRACE_BYTES, FinishReason, GenerationRequest, Step, Trace
from playground.decoding.walk import Walk

Event = Step | BeamStep | Exception

_HYPOTHESIS_BYTES = 40  # a token of a beam: its id, its parent and its log-probabilities in tuples of their own
_CANDIDATE_BYTES = 512


@dataclass(frozen=True, eq=False)
class Lane:
    """One of several requests, and how far it is. Frozen; a change makes a new value.

    Attributes:
        trace: a BeamTrace where the strategy runs several sequences.
        error: what ended it before its end; None if nothing did.
    """

    request: GenerationRequest
    trace: Trace | BeamTrace
    error: Exception | None = None

    @classmethod
    def before(cls, request: GenerationRequest) -> "Lane":
        """Before its first token."""
        if is_of_beams(request):
            strategy = cast(BeamStrategy, request.strategy)
            return cls(
                request, BeamTrace(request.prompt_ids, strategy, request.max_new_tokens, rendered=request.rendered)
            )
        return cls(request, Trace(request))

    @property
    def token_ids(self) -> tuple[int, ...]:
        """The generated ids; of beams those of the best sequence: a finished one once the search has ended, a running
        one before."""
        if isinstance(self.trace, Trace):
            return self.trace.token_ids
        return self._shown.token_ids if self._shown else ()

    @property
    def logprobs(self) -> tuple[float, ...]:
        """Of these tokens under the raw model, in nats."""
        if isinstance(self.trace, Trace):
            return tuple(step.reading.logprob for step in self.trace.steps)
        return self._shown.raw_logprobs if self._shown else ()

    @property
    def finish_reason(self) -> FinishReason | None:
        """Of beams that of the best sequence, once the search has ended."""
        if isinstance(self.trace, Trace):
            return self.trace.finish_reason
        ended_by = self._shown.ended_by if self._shown and self.trace.is_finished else None
        return "stop" if ended_by == "eos" else ended_by

    @property
    def is_over(self) -> bool:
        if self.error is not None:
            return True
        return self.trace.is_finished if isinstance(self.trace, BeamTrace) else self.trace.finish_reason is not None

    @property
    def _shown(self) -> Hypothesis | None:
        assert isinstance(self.trace, BeamTrace)
        if not self.trace.steps:
            return None
        last = self.trace.steps[-1]
        found = last.finished if last.stop_reason else self.trace.running(last.index)
        return next((one for one in (*found, *last.beams) if not one.is_ghost), None)

    def after(self, event: Event | None) -> "Lane":
        """The lane with one event more; None leaves it as it is."""
        if event is None:
            return self
        if isinstance(event, Exception):
            return replace(self, error=event)
        return Lane(self.request, cast(Any, self.trace).appended(event), self.error)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Several lanes on one prompt."""

    lanes: tuple[Lane, ...]

    @property
    def is_over(self) -> bool:
        return all(lane.is_over for lane in self.lanes)

    @property
    def steps(self) -> int:
        """How many the longest lane has taken."""
        return max((len(lane.trace.steps) for lane in self.lanes), default=0)

    def after(self, events: Sequence[Event | None]) -> "Comparison":
        return Comparison(tuple(lane.after(event) for lane, event in zip(self.lanes, events, strict=True)))


def is_of_beams(request: GenerationRequest) -> bool:
    """Whether the strategy runs several sequences and yields BeamSteps."""
    return request.strategy.has_beams


def is_batched(request: GenerationRequest) -> bool:
    """Whether the request is one row of the common batch: one sequence, one reading."""
    return request.strategy.is_row_by_row and request.strategy.guidance is None


def decode(model: LanguageModel, lanes: Sequence[Lane]) -> Iterator[tuple[Event | None, ...]]:
    """Yield, after every step of all lanes that are not over, what came of each: a step, an error that ended it, or
    None: it was over. All requests have one prompt.

    Lanes of single sequences are the rows of one forward pass; one that ends leaves the batch. Those with guidance, and
    other strategies, run beside them. Lanes that have steps already go on after them: the tokens taken are read again
    in the batch in which they were taken, so that the numbers are bit for bit those of a run that never stopped.
    Raises ValueError for prompts that differ.
    """
    if any(a.request.prompt_ids != b.request.prompt_ids for a, b in pairwise(lanes)):
        raise ValueError("lanes have one prompt")
    together = [i for i, lane in enumerate(lanes) if is_batched(lane.request)]
    batch = _Batch(model, {i: lanes[i] for i in together})
    beside = {i: _alone(model, lane) for i, lane in enumerate(lanes) if i not in together and not lane.is_over}
    try:
        while True:
            events: dict[int, Event] = batch.step()
            for i, steps in list(beside.items()):
                event = next(steps, None)
                if event is None or isinstance(event, Exception):
                    del beside[i]
                if event is not None:
                    events[i] = event
            if not events:
                return
            yield tuple(events.get(i) for i in range(len(lanes)))
    finally:
        batch.close()
        for steps in beside.values():
            steps.close()  # type: ignore[attr-defined]  # a generator of this module


def _alone(model: LanguageModel, lane: Lane) -> Iterator[Event]:
    """The further steps of a lane that runs by itself."""
    request, trace, known = lane.request, lane.trace, 0
    if isinstance(trace, Trace):
        request = replace(request, taken_ids=trace.token_ids, states=trace.states)
    else:
        known = len(trace.steps)  # a search is made again from its start
    steps = request.strategy.decode(model, request)
    try:
        for number, step in enumerate(steps):
            if number >= known:
                yield step
    except OWN_ERRORS as error:
        yield error
    finally:
        steps.close()  # type: ignore[attr-defined]  # decode is a generator; Iterator hides it


class _Batch:
    """The lanes that share a forward pass: who stands in which row, and where each is."""

    def __init__(self, model: LanguageModel, lanes: dict[int, Lane]) -> None:
        self._model = model
        self._lanes = lanes
        self._rows = list(lanes)  # the lane of each row
        self._read = 0  # tokens after the prompt
        # the dice that are thrown; lanes with the same have the same numbers, thrown once
        drawn = [cast(Sampling, lane.request.strategy) for lane in lanes.values() if lane.request.strategy.is_drawn]
        self._throws = {strategy.seed: Throws(strategy.seed, model.vocab_size) for strategy in drawn}
        self._walks = {
            i: Walk(
                cast(Sampling, lane.request.strategy),
                model,
                replace(lane.request, taken_ids=lane.trace.token_ids, states=lane.trace.states),
                self._throws.get(lane.request.strategy.seed),
            )
            for i, lane in lanes.items()
            if isinstance(lane.trace, Trace)
            and not lane.is_over
            and len(lane.trace.steps) < lane.request.max_new_tokens
        }
        self._thrower = ThreadPoolExecutor(1)
        self._state = model.prefill(next(iter(lanes.values())).request.prompt_ids) if self._walks else None
        self._next: tuple[list[int], list[int]] | None = None  # parents and tokens of the pass to come

    def step(self) -> dict[int, Event]:
        """What came of each lane that was not over; nothing once all are."""
        events: dict[int, Event] = {}
        while self._state and not events:
            if self._next:
                self._throw_ahead()
                self._state = self._state.advance(*self._next)
                self._read += 1
            events = self._take()
        return events

    def _throw_ahead(self) -> None:
        """The dice of the next token fall while the model computes: they do not depend on what it says."""
        going = {
            self._walks[i].throws for i in self._rows if i in self._walks and self._walks[i].index == self._read + 1
        }
        for throws in going:
            if throws is not None:
                self._thrower.submit(throws.at, self._read + 1)

    def _take(self) -> dict[int, Event]:
        assert self._state
        taken = self._taken()
        going: list[int] = []
        parents: list[int] = []
        token_ids: list[int] = []
        for place, i in enumerate(self._rows):
            steps = cast(Trace, self._lanes[i].trace).steps
            step: Event | None = steps[self._read] if self._read < len(steps) else taken.get(i)
            if isinstance(step, Step) and step.finish_reason is None:
                going.append(i)
                parents.append(self._parent(place))
                token_ids.append(step.choice.token_id)
        self._rows = going
        self._next = (parents, token_ids)
        if not any(i in self._walks for i in going):
            self.close()
        return taken

    def _parent(self, place: int) -> int:
        return place if self._read else 0  # after the prompt all stand in one row

    def _taken(self) -> dict[int, Event]:
        """What came of each lane that takes a token now; one without a walk was ended by an error here."""
        assert self._state
        places = {
            i: self._parent(place)
            for place, i in enumerate(self._rows)
            if i in self._walks and self._read >= len(cast(Trace, self._lanes[i].trace).steps)
        }
        if not places:
            return {}
        rows: dict[int, Row] = {}
        for i, parent in places.items():
            if parent not in rows:
                rows[parent] = self._state.row(parent, self._lanes[i].request.desk)
        parents, logits = list(places.values()), self._state.logits
        if parents != list(range(len(logits))):
            logits = logits[parents]
        taken = together.take([self._walks[i] for i in places], [rows[parent] for parent in parents], logits)
        return cast(dict[int, Event], dict(zip(places, taken, strict=True)))

    def close(self) -> None:
        self._thrower.shutdown(wait=False)
        if self._state:
            self._state.release()
        self._state = None


def lane_bytes(model: LanguageModel, request: GenerationRequest, length: int) -> int:
    """What a lane of so many tokens keeps: rows of logits as `longest_run` counts them, without their desk, or the
    sequences and candidates of beams."""
    if not is_of_beams(request):
        return length * (2 if request.strategy.guidance else 1) * model.step_bytes
    beams = cast(BeamStrategy, request.strategy).num_beams
    # each step of a search keeps its running and its finished sequences whole
    sequences = 2 * beams * length * (length + 1) // 2 * _HYPOTHESIS_BYTES
    return 3 * beams * length * _CANDIDATE_BYTES + sequences


def longest_comparison(lanes: Sequence[tuple[LanguageModel, GenerationRequest]], held: int = 0) -> int:
    """The most tokens a lane that fit into TRACE_BYTES, all lanes together, with one desk for those of one model,
    beside so many bytes that are held already; at least 1."""
    models = {id(model): model for model, _ in lanes}.values()
    held += sum(DESK_BYTES for model in models if model.step_bytes < 4 * model.vocab_size)

    def taken(length: int) -> int:
        return held + sum(lane_bytes(model, request, length) for model, request in lanes)

    low, high = 1, 2**20
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if taken(middle) <= TRACE_BYTES else (low, middle - 1)
    return low
