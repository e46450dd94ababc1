"""A sweep: its values by hand, each a setup of its own, and what it refuses."""

import pytest

from playground.errors import NotTakenError, OutOfRangeError
from playground.runs.setup import Setup
from playground.runs.sweep import MOST_STEPS, knobs, sweep, values


def test_the_values_are_even_or_by_equal_factors() -> None:
    assert values(0.4, 1.6, 5, False) == (0.4, 0.7, 1.0, 1.3, 1.6)
    assert values(1.6, 0.4, 3, False) == (1.6, 1.0, 0.4)
    assert values(2, 2000, 4, True) == (2, 20, 200, 2000)
    assert values(0, 100, 3, True) == (0, 50, 100)
    assert values(1, 3, 9, True) == (1, 2, 3)  # whole numbers once each


def test_each_value_is_the_same_setup_but_for_its_knob() -> None:
    setup = Setup("sample", {"temperature": 1.2, "top_p": 0.9}, 36, 12)
    found = sweep(setup, "top_k", 1, 100, 3)
    assert [value for value, _ in found] == [1, 10, 100]
    assert [one for _, one in found] == [
        Setup("sample", {"temperature": 1.2, "top_p": 0.9, "top_k": k}, 36, 12) for k in (1, 10, 100)
    ]
    neutral = dict(sweep(setup, "temperature", 0.5, 1.5, 3))
    assert neutral[1.0].settings == {"top_p": 0.9} and neutral[0.5].settings["temperature"] == 0.5


def test_beams_are_swept_by_their_own_knobs() -> None:
    beam = Setup("beam", {}, None, 8)
    assert [one.settings["num_beams"] for _, one in sweep(beam, "num_beams", 2, 4, 2)] == [2, 4]
    assert "num_beams" in knobs() and "dry_base" not in knobs()


@pytest.mark.parametrize(("strategy", "knob"), [("greedy", "temperature"), ("beam", "top_k"), ("sample", "num_beams"),
                                                 ("sample", "nonsense")])  # fmt: skip
def test_a_knob_that_does_nothing_is_refused(strategy: str, knob: str) -> None:
    with pytest.raises(NotTakenError):
        sweep(Setup(strategy), knob, 2, 3, 2)


@pytest.mark.parametrize("steps", [1, MOST_STEPS + 1, 2.5, None])
def test_too_few_and_too_many_steps_are_refused(steps: float | None) -> None:
    with pytest.raises(OutOfRangeError):
        sweep(Setup(), "temperature", 1, 2, steps)


def test_an_end_out_of_range_is_refused() -> None:
    with pytest.raises(OutOfRangeError):
        sweep(Setup(), "temperature", -1, 2, 3)
    with pytest.raises(OutOfRangeError):
        sweep(Setup(), "temperature", 1, None, 3)  # type: ignore[arg-type]
