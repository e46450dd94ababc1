"""Same dice, other settings: what the noise of a step, and of a whole run, would have chosen otherwise."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from playground.catalog import Parameter
from playground.decoding import pipeline
from playground.decoding.pipeline import Stage
from playground.decoding.processors import Processor, Situation
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Multinomial
from playground.decoding.stopping import StopStrings
from playground.decoding.trace import Step, Trace
from playground.views.race import drawn, noise, throws
from playground.vocabulary import Vocabulary

Build = Callable[[Mapping[str, Any]], tuple[Processor, ...]]  # settings by name -> processors in order
_STEPS = 24  # values tried on each knob


def never() -> bool:
    """No bound on the time."""
    return False


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
        left_out: names of the knobs for which the time was too short.
    """

    bands: tuple[KnobBand, ...]
    taken_id: int
    taken_label: str
    now_id: int
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Parting:
    """Where a run under other settings, with the same dice, leaves the run that was made.

    Attributes:
        index: of the first step at which the choice differs; None if those compared are the same.
        steps: how many steps were compared, the last included; fewer than the run has where the time was over.
        ours, theirs: the token of the run and the other one, with their labels.
        states: what stateful processors would carry out of the last step compared: the comparison can go on there.
    """

    index: int | None
    steps: int
    ours: int | None = None
    theirs: int | None = None
    our_label: str = ""
    their_label: str = ""
    states: Mapping[str, float] = field(default_factory=dict)


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
    vocabulary: Vocabulary, is_over: Callable[[], bool] = never,
) -> SameDice:  # fmt: skip
    """Step `index` with each of the `parameters` turned through its range, the others at `values`. Once the time
    `is_over` no further knob is turned; the common ones come first, and one of them always."""
    step = trace.steps[index]
    exponentials = noise(step.selection.seed, index, step.logits.shape[-1])

    def taken(settings: Mapping[str, Any]) -> int | None:
        logits = _processed(trace, index, build(settings))
        return drawn(logits, exponentials) if _has_something(logits) else None

    bands: dict[str, KnobBand] = {}
    for parameter in sorted(parameters, key=lambda p: not p.is_common):
        if bands and is_over():
            break
        tried = [(v, taken({**values, parameter.name: v})) for v in knob_values(parameter)]
        now = values.get(parameter.name, parameter.neutral)
        bands[parameter.name] = KnobBand(parameter.name, now, parameter.neutral, _stretches(tried, vocabulary))
    now_id = taken(values)
    assert now_id is not None  # the page shows no step at which the settings leave nothing
    return SameDice(
        bands=tuple(bands[p.name] for p in parameters if p.name in bands),
        taken_id=step.choice.token_id,
        taken_label=vocabulary.label(step.choice.token_id),
        now_id=now_id,
        left_out=tuple(p.name for p in parameters if p.name not in bands),
    )


def _stretches(tried: Sequence[tuple[float, int | None]], vocabulary: Vocabulary) -> tuple[Stretch, ...]:
    runs: list[tuple[list[float], int | None]] = []
    for value, token_id in tried:
        if runs and runs[-1][1] == token_id:
            runs[-1][0].append(value)
        else:
            runs.append(([value], token_id))
    return tuple(Stretch(tuple(v), i, "" if i is None else vocabulary.label(i)) for v, i in runs)


def parting(
    trace: Trace, processors: tuple[Processor, ...], vocabulary: Vocabulary, after: Parting | None = None,
    is_over: Callable[[], bool] = never,
) -> Parting:  # fmt: skip
    """The first step at which the same dice, under other processors, draw another token; no forward pass. A token that
    a person chose stays chosen. Beyond that step the text would have gone another way, of which nothing is known here.

    Args:
        after: where an earlier comparison of this run ended without having found one: it goes on there.
        is_over: asked after every step; True ends the comparison.
    """
    generator, seed = None, None
    start, carried = (after.steps, after.states) if after else (0, dict[str, float]())
    carries = bool(pipeline.states_before(processors, {}))
    for step in trace.steps[start:]:
        if step.selection.seed != seed:
            seed = step.selection.seed
            generator = throws(seed, step.index, step.logits.shape[-1])
        assert generator is not None
        exponentials = next(generator)
        # a person's token is given; and with its own settings the choice is a fact
        is_given = step.choice.by == "hand" or (
            step.processors == processors and isinstance(step.selection, Multinomial)
        )
        if carries or not is_given:
            situation = _situation(step, processors, carried)
            stages = _stages(trace, step, processors, situation)
            logits, ours = pipeline.processed_logits(stages, step.logits[None])[0], step.choice.token_id
            theirs = ours if is_given else drawn(logits, exponentials) if _has_something(logits) else None
            if theirs != ours:
                their_label = "" if theirs is None else vocabulary.label(theirs)
                return Parting(step.index, step.index + 1, ours, theirs, vocabulary.label(ours), their_label, carried)
            carried = pipeline.states_after(stages, situation, ours)
        if is_over():
            return Parting(None, step.index + 1, states=carried)
    return Parting(None, len(trace.steps), states=carried)


def carried_over(trace: Trace, index: int, processors: tuple[Processor, ...]) -> Trace:
    """The first `index` steps as a sampling run under other processors would have made them, dice and tokens being the
    same: the trace from which such a run goes on."""
    steps: list[Step] = []
    carried: Mapping[str, float] = {}
    carries = bool(pipeline.states_before(processors, {}))
    for step in trace.steps[:index]:
        situation = _situation(step, processors, carried)
        steps.append(
            replace(
                step,
                situation=situation,
                processors=processors,
                selection=Multinomial(step.selection.seed),
                choice=step.choice if step.choice.by == "hand" else replace(step.choice, by="multinomial"),
                finish_reason=None,
            )
        )
        if carries:
            stages = _stages(trace, step, processors, situation)
            carried = pipeline.states_after(stages, situation, step.choice.token_id)
    stop = trace.request.strategy.stop
    strategy = Sampling(processors, Multinomial(trace.steps[index].selection.seed), stop)
    return Trace(replace(trace.request, strategy=strategy, taken_ids=()), tuple(steps))


def ended_by(trace: Trace, stop: StopStrings | None) -> int | None:
    """The first step whose token completes one of these stop strings; None if none does."""
    if stop is None:
        return None
    tokens = ((step.index, step.choice.token_id) for step in trace.steps)
    return next((index for index, token_id in tokens if stop.completed_by(trace.context(index), token_id)), None)


def _situation(step: Step, processors: Sequence[Processor], carried: Mapping[str, float]) -> Situation:
    """That of the step, for these processors: what stateful ones (mirostat) carry from step to step depends on
    themselves."""
    return replace(step.situation, states=pipeline.states_before(processors, carried))


def _stages(trace: Trace, step: Step, processors: Sequence[Processor], situation: Situation) -> tuple[Stage, ...]:
    return pipeline.run(processors, torch.tensor([trace.context(step.index)]), step.logits[None], situation)


def _processed(trace: Trace, index: int, processors: tuple[Processor, ...]) -> Tensor:
    logits = trace.steps[index].logits[None]
    return pipeline.processed_logits(trace.stages_at(index, processors), logits)[0]


def _has_something(logits: Tensor) -> bool:
    return bool(np.isfinite(logits.numpy().max()))
