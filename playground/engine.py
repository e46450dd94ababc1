"""The engine: folds a strategy's steps into traces, at the pace a person wants."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

from playground.decoding.beam_steps import BeamStep, BeamStrategy
from playground.decoding.model import LanguageModel
from playground.decoding.selection import InvalidLogitsError, NothingLeftError
from playground.decoding.trace import GenerationRequest, Trace
from playground.errors import InvalidModelOutputError, NothingLeftToChooseError

Item = TypeVar("Item")


def generate(model: LanguageModel, request: GenerationRequest, trace: Trace | None = None) -> Iterator[Trace]:
    """Yield the trace after every token of `request`; with `trace`, go on where that one ends (a length limit that it
    ended at is lifted).

    Closing the iterator stops the run and hands its KV cache back.
    Raises InvalidModelOutputError on NaN logits, NothingLeftToChooseError when the processors removed every token.
    """
    trace = Trace(request, trace.unlimited().steps if trace else ())
    going_on = replace(request, taken_ids=trace.token_ids, states=trace.states)
    for step in _mendable(model, request.strategy.decode(model, going_on)):
        trace = trace.appended(step)
        yield trace


def search(
    model: LanguageModel, strategy: BeamStrategy, prompt_ids: tuple[int, ...], max_new_tokens: int
) -> Iterator[BeamStep]:
    """Yield the steps of a search with beams; closing and errors as in `generate`."""
    return _mendable(model, strategy.decode(model, prompt_ids, max_new_tokens))


def _mendable(model: LanguageModel, steps: Iterator[Item]) -> Iterator[Item]:
    """The steps, with what a person can mend as a PlaygroundError; closes them at the end, whatever ends it."""
    try:
        yield from steps
    except InvalidLogitsError as error:
        raise InvalidModelOutputError(name=model.name) from error
    except NothingLeftError as error:
        raise NothingLeftToChooseError() from error
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
