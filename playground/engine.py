"""The engine: folds a strategy's steps into traces, at the pace a person wants."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from playground.decoding import clouds, lanes, together
from playground.decoding.beam_steps import BeamStep, BeamStrategy
from playground.decoding.beam_trace import BeamTrace
from playground.decoding.clouds import Cloud, Sample
from playground.decoding.dialogue import Rendered
from playground.decoding.lanes import Comparison, Lane
from playground.decoding.model import LanguageModel
from playground.decoding.processors import MinNewTokens, NoRepeatNGram
from playground.decoding.rows import Desk
from playground.decoding.selection import InfiniteLogitsError, InvalidLogitsError, NothingLeftError
from playground.decoding.trace import GenerationRequest, Strategy, Trace
from playground.errors import (
    InfiniteModelOutputError,
    InvalidModelOutputError,
    NothingLeftToChooseError,
    PlaygroundError,
)

Item = TypeVar("Item")


def generate(model: LanguageModel, request: GenerationRequest, trace: Trace | None = None) -> Iterator[Trace]:
    """Yield the trace after every token of `request`; with `trace`, go on where that one ends (a length limit that it
    ended at is lifted).

    Closing the iterator stops the run and hands its KV cache back.
    Raises InvalidModelOutputError on NaN logits, InfiniteModelOutputError on infinite ones under guidance,
    NothingLeftToChooseError when the processors removed every token.
    """
    if trace:
        request = replace(request, desk=trace.request.desk)  # one run, one desk, however often it goes on
    trace = Trace(request, trace.unlimited().steps if trace else ())
    going_on = replace(request, taken_ids=trace.token_ids, states=trace.states)
    for step in _mendable(model, request.strategy, request.strategy.decode(model, going_on)):
        trace = trace.appended(step)
        yield trace


def search(
    model: LanguageModel, strategy: BeamStrategy, prompt_ids: tuple[int, ...], max_new_tokens: int,
    rendered: Rendered | None = None,
) -> Iterator[BeamStep]:  # fmt: skip
    """Yield the steps of a search with beams; `rendered`: the dialogue that the prompt is. Closing and errors as in
    `generate`."""
    request = GenerationRequest(prompt_ids, strategy, max_new_tokens, rendered=rendered)
    return _mendable(model, strategy, strategy.decode(model, request))


def compare(
    model: LanguageModel, requests: Sequence[GenerationRequest], before: Comparison | None = None
) -> Iterator[Comparison]:
    """Yield the comparison after every step of all lanes, one lane a request; with `before`, of as many lanes, go on
    where that one ends (length limits that lanes ended at are lifted). All lanes have one desk.

    Closing is as in `generate`; what raises there ends its lane here, with the error in it. Raises ValueError for
    prompts that differ.
    """
    desk = before.lanes[0].request.desk if before else Desk()
    requests = [replace(request, desk=desk) for request in requests]
    olds: Sequence[Lane | None] = before.lanes if before else [None] * len(requests)
    comparison = Comparison(tuple(_gone_on(r, old) for r, old in zip(requests, olds, strict=True)))
    steps = lanes.decode(model, comparison.lanes)
    try:
        for events in steps:
            said = [
                _said(model, lane.request.strategy, event) if isinstance(event, together.OWN_ERRORS) else event
                for lane, event in zip(comparison.lanes, events, strict=True)
            ]
            comparison = comparison.after(said)
            yield comparison
    finally:
        steps.close()  # type: ignore[attr-defined]  # a generator


def compare_each(
    models: Sequence[LanguageModel], requests: Sequence[GenerationRequest], before: Comparison | None = None
) -> Iterator[Comparison]:
    """The same with a model for each lane: those of one model are rows of its batch, the others run beside them, a step
    of each in turn. Closing and errors as in `compare`."""
    groups: dict[int, list[int]] = {}
    for place, model in enumerate(models):
        groups.setdefault(id(model), []).append(place)
    parts = []
    for places in groups.values():
        old = Comparison(tuple(before.lanes[i] for i in places)) if before else None
        parts.append((places, compare(models[places[0]], [requests[i] for i in places], old)))
    newest_of = list(before.lanes) if before else [Lane.before(request) for request in requests]
    try:
        while parts:
            going = []
            for places, comparisons in parts:
                newest = next(comparisons, None)
                if newest is None:
                    continue
                going.append((places, comparisons))
                for place, lane in zip(places, newest.lanes, strict=True):
                    newest_of[place] = lane
            parts = going
            if parts:
                yield Comparison(tuple(newest_of))
    finally:
        for _, comparisons in parts:
            comparisons.close()  # type: ignore[attr-defined]  # a generator


def draw(model: LanguageModel, request: GenerationRequest, count: int, first: int = 0) -> Iterator[Cloud]:
    """Yield the cloud of samples `first` to `first + count - 1` of a request as it grows; sample i has the dice
    seed + i. Closing as in `generate`; what raises there ends its sample here, with the error in it."""
    steps = clouds.draw(model, request, count, first)
    try:
        for cloud in steps:
            yield replace(cloud, samples=tuple(_told(model, request.strategy, sample) for sample in cloud.samples))
    finally:
        steps.close()  # type: ignore[attr-defined]  # a generator


def _told(model: LanguageModel, strategy: Strategy[Any], sample: Sample) -> Sample:
    is_own = isinstance(sample.error, together.OWN_ERRORS)
    return replace(sample, error=_said(model, strategy, sample.error)) if is_own else sample  # type: ignore[arg-type]


def _gone_on(request: GenerationRequest, old: Lane | None) -> Lane:
    if old is None:
        return Lane.before(request)
    if isinstance(old.trace, BeamTrace):
        return replace(old, request=request)
    trace = old.trace if len(old.trace.steps) >= request.max_new_tokens else old.trace.unlimited()
    return replace(old, request=request, trace=Trace(request, trace.steps))


def _bans(strategy: Strategy[Any]) -> tuple[str, ...]:
    """The names of what may leave a search nothing: cut-offs leave a token, and what rescales leaves all."""
    on = [p.name for p in strategy.processors if not p.is_neutral]
    found = [name for name in on if name == NoRepeatNGram.name] or on
    return (*found, *((MinNewTokens.name,) if strategy.min_new_tokens else ()))


def _said(
    model: LanguageModel, strategy: Strategy[Any], error: InfiniteLogitsError | InvalidLogitsError | NothingLeftError
) -> PlaygroundError:
    """What a person can mend, as an error with a message."""
    if isinstance(error, InfiniteLogitsError):
        return InfiniteModelOutputError(name=model.name, value=str(error))
    if isinstance(error, InvalidLogitsError):
        return InvalidModelOutputError(name=model.name)
    return NothingLeftToChooseError.by(error.by or _bans(strategy))


def _mendable(model: LanguageModel, strategy: Strategy[Any], steps: Iterator[Item]) -> Iterator[Item]:
    """The steps, with what a person can mend as a PlaygroundError; closes them at the end, whatever ends it."""
    try:
        yield from steps
    except together.OWN_ERRORS as error:
        raise _said(model, strategy, error) from error
    finally:
        steps.close()  # type: ignore[attr-defined]  # decode is a generator; Iterator hides it


def paced(
    traces: Iterator[Item],
    tokens_per_second: float | None,
    is_wanted: Callable[[], bool],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Item]:
    """Let traces through at most at `tokens_per_second` (None: as they come), until `is_wanted()` says no.

    Waits in short naps, so a stop takes effect within 50 ms; closes `traces` at the end, whatever ends it.
    """
    due = clock()
    try:
        while is_wanted():
            now = clock()
            if tokens_per_second is not None and now < due:
                sleep(min(0.05, due - now))
                continue
            try:
                trace = next(traces)
            except StopIteration:
                return
            due = max(due, now - 0.05) + (1 / tokens_per_second if tokens_per_second else 0)
            yield trace
    finally:
        traces.close()  # type: ignore[attr-defined]  # engine.generate is a generator


def latest_every(seconds: float, traces: Iterator[Item], clock: Callable[[], float] = time.monotonic) -> Iterator[Item]:
    """Thin a fast stream: at most one trace per `seconds`, always the newest, and always the last."""
    pending: Item | None = None
    due = -float("inf")
    try:
        for trace in traces:
            pending = trace
            now = clock()
            if now >= due:
                # on a beat, so that a stream of that very pace comes through whole; one beat missed begins a new one
                due = (due if now - due < seconds else now) + seconds
                yield trace
                pending = None
    except Exception:
        if pending is not None:
            yield pending  # what was there before it went wrong
        raise
    else:
        if pending is not None:
            yield pending
    finally:
        traces.close()  # type: ignore[attr-defined]  # a generator of this module
