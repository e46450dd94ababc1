"""A sweep: one knob of a setup from one value to another in a few steps, each a setup of its own."""

import math

from playground.catalog import BY_NAME, Parameter
from playground.errors import NotTakenError, OutOfRangeError
from playground.i18n import say
from playground.runs.setup import Setup
from playground.runs.strategies import STRATEGIES
from playground.runs.strategies.options import Number

FEWEST_STEPS, MOST_STEPS = 2, 12
BY_FACTORS = 20  # a range whose ends are so many times apart is cut into equal factors, not into equal differences


def knobs() -> dict[str, Parameter | Number]:
    """Every number that a strategy may be swept by, details of other settings left out."""
    numbers: dict[str, Parameter | Number] = {
        one.name: one for one in BY_NAME.values() if one.belongs_to is None and not one.is_flag
    }
    for kind in STRATEGIES.values():
        numbers |= {one.name: one for one in kind.options if isinstance(one, Number) and one.label}
    return numbers


def values(first: float, last: float, steps: float | None, is_whole: bool) -> tuple[float, ...]:
    """From `first` to `last`, both included; whole numbers once each. By equal factors where both are above 0 and
    BY_FACTORS apart. Raises OutOfRangeError."""
    if steps is None or not FEWEST_STEPS <= steps <= MOST_STEPS or steps != int(steps):
        raise OutOfRangeError(name=say("compare.sweep.steps"), value=steps, minimum=FEWEST_STEPS, maximum=MOST_STEPS)
    steps = int(steps)
    low, high = sorted((first, last))
    shares = [i / (steps - 1) for i in range(steps)]
    if low > 0 and high / low >= BY_FACTORS:
        found = [first * math.exp(share * math.log(last / first)) for share in shares]
    else:
        found = [first + share * (last - first) for share in shares]
    found[-1] = last
    rounded = [float(round(value)) if is_whole else float(f"{value:.4g}") for value in found]
    return tuple(dict.fromkeys(rounded))


def sweep(setup: Setup, name: str, first: float, last: float, steps: float | None) -> list[tuple[float, Setup]]:
    """(value, setup) of each step. Raises NotTakenError for a knob that does nothing in the setup's strategy,
    OutOfRangeError."""
    knob = knobs().get(name)
    is_idle = isinstance(knob, Parameter) and knob.sampling_only and not setup.kind.draws
    if knob is None or name not in setup.kind.settings or is_idle:
        raise NotTakenError(name=name, strategy=say(setup.kind.label))
    first, last = knob.check(first), knob.check(last)
    return [
        (value, _with(setup, name, int(value) if knob.is_whole else value))
        for value in values(first, last, steps, knob.is_whole)
    ]


def _with(setup: Setup, name: str, value: float) -> Setup:
    return Setup.from_json(setup.to_json() | {name: value})
