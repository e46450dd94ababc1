"""Same dice, other settings: what the noise of a step, and of a whole run, would have chosen otherwise."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor

from playground.catalog import Parameter
from playground.decoding import pipeline
from playground.decoding.processors import Processor
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Multinomial
from playground.decoding.stopping import StopStrings
from playground.decoding.trace import Trace
from playground.views.race import drawn, noise, throws
from playground.vocabulary import Vocabulary

Build = Callable[[Mapping[str, Any]], tuple[Processor, ...]]  # settings by name -> processors in order
_STEPS = 24  # values tried on each knob


@dataclass(frozen=True)
class Stretch:
    """Neighbouring values of a knob, `values[0]` to `values[-1]`, at which the same dice take the same token; None
    where no token is left."""

    values: tuple[float, ...]
    token_id: int | None
    label: str


@dataclass(frozen=True)
class KnobBand:
    """One knob turned through its range, every other setting as it stands.

    Attributes:
        value: where it stands now.
        stretches: from the lowest value to the highest; the neutral value, if it is no end of the range, comes first.
    """

    name: str
    value: float
    neutral: float
    stretches: tuple[Stretch, ...]


@dataclass(frozen=True)
class SameDice:
    """The inspected step under other settings.

    Attributes:
        bands: one a knob.
        taken_id: the token that the run took.
        now_id: the token that these dice take under the settings as they stand.
    """

    bands: tuple[KnobBand, ...]
    taken_id: int
    taken_label: str
    now_id: int


@dataclass(frozen=True)
class Parting:
    """Where a run under other settings, with the same dice, leaves the run that was made.

    Attributes:
        index: of the first step at which the choice differs; None if all of them are the same.
        steps: how many steps were compared, the last included.
        ours, theirs: the token of the run and the other one, with their labels.
    """

    index: int | None
    steps: int
    ours: int | None = None
    theirs: int | None = None
    our_label: str = ""
    their_label: str = ""


def knob_values(parameter: Parameter) -> tuple[float, ...]:
    """The values of a knob that are worth trying, ascending: its slider's range; whole numbers bunched at the low end,
    where each of them matters. Without the neutral value where that is an end of no use (top-k 0)."""
    low, high, step = parameter.slider
    if parameter.is_whole and high > _STEPS:
        spread = np.unique(np.geomspace(max(low, 1), 10 * high, _STEPS).round())
        return tuple(int(v) for v in spread)
    count = min(_STEPS, round((high - low) / step) + 1)
    grid = np.linspace(low, high, count)
    snapped = np.unique(np.round(np.round((grid - low) / step) * step + low, 6))
    return tuple(int(v) if parameter.is_whole else float(v) for v in snapped)


def same_dice(
    trace: Trace, index: int, parameters: Sequence[Parameter], values: Mapping[str, Any], build: Build,
    vocabulary: Vocabulary,
) -> SameDice:  # fmt: skip
    """Step `index` with each of the `parameters` turned through its range, the others at `values`."""
    step = trace.steps[index]
    exponentials = noise(step.selection.seed, index, step.logits.shape[-1])

    def taken(settings: Mapping[str, Any]) -> int | None:
        logits = _processed(trace, index, build(settings))
        return drawn(logits, exponentials) if _has_something(logits) else None

    bands = []
    for parameter in parameters:
        tried = [(v, taken({**values, parameter.name: v})) for v in knob_values(parameter)]
        now = values.get(parameter.name, parameter.neutral)
        bands.append(KnobBand(parameter.name, now, parameter.neutral, _stretches(tried, vocabulary)))
    now_id = taken(values)
    assert now_id is not None  # the page shows no step at which the settings leave nothing
    return SameDice(tuple(bands), step.choice.token_id, vocabulary.label(step.choice.token_id), now_id)


def _stretches(tried: Sequence[tuple[float, int | None]], vocabulary: Vocabulary) -> tuple[Stretch, ...]:
    runs: list[tuple[list[float], int | None]] = []
    for value, token_id in tried:
        if runs and runs[-1][1] == token_id:
            runs[-1][0].append(value)
        else:
            runs.append(([value], token_id))
    return tuple(Stretch(tuple(v), i, "" if i is None else vocabulary.label(i)) for v, i in runs)


def parting(trace: Trace, processors: tuple[Processor, ...], vocabulary: Vocabulary, start: int = 0) -> Parting:
    """The first step from `start` on at which the same dice, under other processors, draw another token; no forward
    pass. A token that a person chose stays chosen. Beyond that step the text would have gone another way, of which
    nothing is known here."""
    generator, seed = None, None
    situations = _situations(trace, processors)
    for step in trace.steps[start:]:
        if step.selection.seed != seed:
            seed = step.selection.seed
            generator = throws(seed, step.index, step.logits.shape[-1])
        assert generator is not None
        exponentials = next(generator)
        if step.choice.by == "hand":
            continue
        if step.processors == processors and isinstance(step.selection, Multinomial):
            continue  # its own settings: the choice is a fact
        logits, ours = _processed(situations(step.index), step.index, processors), step.choice.token_id
        theirs = drawn(logits, exponentials) if _has_something(logits) else None
        if theirs != ours:
            their_label = "" if theirs is None else vocabulary.label(theirs)
            return Parting(step.index, step.index + 1, ours, theirs, vocabulary.label(ours), their_label)
    return Parting(None, len(trace.steps))


def carried_over(trace: Trace, index: int, processors: tuple[Processor, ...]) -> Trace:
    """The first `index` steps as a sampling run under other processors would have made them, dice and tokens being the
    same: the trace from which such a run goes on."""
    situations = _situations(trace, processors)
    steps = tuple(
        replace(
            situations(step.index).steps[step.index],
            processors=processors,
            selection=Multinomial(step.selection.seed),
            choice=step.choice if step.choice.by == "hand" else replace(step.choice, by="multinomial"),
            finish_reason=None,
        )
        for step in trace.steps[:index]
    )
    stop = getattr(trace.request.strategy, "stop", None)
    strategy = Sampling(processors, Multinomial(trace.steps[index].selection.seed), stop)
    return Trace(replace(trace.request, strategy=strategy, taken_ids=()), steps)


def ended_by(trace: Trace, stop: StopStrings | None) -> int | None:
    """The first step whose token completes one of these stop strings; None if none does."""
    if stop is None:
        return None
    tokens = ((step.index, step.choice.token_id) for step in trace.steps)
    return next((index for index, token_id in tokens if stop.completed_by(trace.context(index), token_id)), None)


def _situations(trace: Trace, processors: tuple[Processor, ...]) -> Callable[[int], Trace]:
    """The trace as it stands for `processors` at step `index`. What stateful ones (mirostat) carry from step to step
    depends on themselves, so it is carried anew; asked for in ascending order."""
    if not pipeline.states_before(processors, {}):
        return lambda index: trace
    steps, carried = list(trace.steps), dict[str, float]()
    done = 0

    def at(index: int) -> Trace:
        nonlocal done, carried
        while done <= index:
            step = steps[done]
            states = pipeline.states_before(processors, carried)
            steps[done] = replace(step, situation=replace(step.situation, states=states))
            stages = replace(trace, steps=tuple(steps)).stages_at(done, processors)
            carried = pipeline.states_after(stages, steps[done].situation, step.choice.token_id)
            done += 1
        return replace(trace, steps=tuple(steps))

    return at


def _processed(trace: Trace, index: int, processors: tuple[Processor, ...]) -> Tensor:
    logits = trace.steps[index].logits[None]
    return pipeline.processed_logits(trace.stages_at(index, processors), logits)[0]


def _has_something(logits: Tensor) -> bool:
    return bool(np.isfinite(logits.numpy().max()))
