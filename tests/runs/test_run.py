"""A run: whose turn it is, and its steps as one watches them."""

import time
from collections.abc import Iterator

import pytest

from playground.runs.run import Turns, watched


class Counting:
    """Steps 0, 1, 2 … that note whether they were closed."""

    def __init__(self, stop: int = 1000) -> None:
        self.is_closed = False
        self.taken = 0
        self._stop = stop

    def steps(self) -> Iterator[int]:
        try:
            for n in range(self._stop):
                self.taken += 1
                yield n
        finally:
            self.is_closed = True


@pytest.fixture
def turns() -> Turns:
    return Turns()


def test_a_run_that_begins_ends_the_one_before_it(turns: Turns) -> None:
    first, second = turns.begin(), turns.begin()
    assert (turns.is_current(first), turns.is_current(second)) == (False, True)
    turns.end(first)  # it has nothing to say any more
    assert turns.is_running
    turns.end(second)
    assert not turns.is_running
    assert turns.version == second


def test_a_stop_is_a_new_version_and_a_new_run_takes_the_stop_back(turns: Turns) -> None:
    run = turns.begin()
    turns.stop()
    turns.is_stopped = True
    assert (turns.is_running, turns.version) == (False, run + 1)
    turns.begin()
    assert not turns.is_stopped


def test_all_steps_come_and_are_closed(turns: Turns) -> None:
    counting = Counting(5)
    assert list(watched(turns, turns.begin(), counting.steps(), None)) == [0, 1, 2, 3, 4]
    assert counting.is_closed
    assert turns.is_running  # who began it ends it


def test_a_stop_takes_no_further_step(turns: Turns) -> None:
    counting, seen = Counting(), []
    for n in watched(turns, turns.begin(), counting.steps(), None):
        seen.append(n)
        if n == 2:
            turns.stop()
    assert (seen, counting.taken, counting.is_closed) == ([0, 1, 2], 3, True)


def test_a_single_step(turns: Turns) -> None:
    counting = Counting()
    assert list(watched(turns, turns.begin(), counting.steps(), None, single=True)) == [0]
    assert (counting.taken, counting.is_closed) == (1, True)


def test_what_is_not_taken_is_not_shown(turns: Turns) -> None:
    counting = Counting()
    assert list(watched(turns, turns.begin(), counting.steps(), None, take=lambda n: n < 2)) == [0, 1]
    assert counting.is_closed


def test_a_fast_run_is_thinned_to_frames_and_its_last_step_comes(turns: Turns) -> None:
    counting = Counting(500)
    seen = list(watched(turns, turns.begin(), counting.steps(), None, frame_seconds=60))
    assert (seen, counting.taken) == ([0, 499], 500)


def test_a_pace_is_kept(turns: Turns) -> None:
    begun = time.monotonic()
    assert list(watched(turns, turns.begin(), Counting(3).steps(), per_second=20)) == [0, 1, 2]
    assert time.monotonic() - begun >= 0.045  # two waits, of which one may be made up for


def test_an_error_of_the_steps_comes_through(turns: Turns) -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(watched(turns, turns.begin(), broken(), None))


def test_a_run_that_is_watched_begins_with_its_block_and_ends_behind_it(turns: Turns) -> None:
    counting, taken = Counting(3), []

    def take(run: int, n: int) -> bool:
        taken.append((run, n))
        return True

    with turns.watching(counting.steps(), None, take=take) as watch:
        assert turns.is_current(watch.run) and turns.is_auto and list(watch.steps) == [0, 1, 2]
    assert (turns.is_running, turns.version, taken) == (False, watch.run, [(watch.run, n) for n in range(3)])


def test_a_block_that_is_left_early_closes_its_steps_and_one_of_a_single_step_waits(turns: Turns) -> None:
    counting = Counting()
    with pytest.raises(ZeroDivisionError), turns.watching(counting.steps(), None, single=True) as watch:
        next(watch.steps)
        raise ZeroDivisionError
    assert (counting.is_closed, turns.is_running, turns.is_auto) == (True, False, False)


def test_a_block_does_not_end_a_run_that_was_begun_within_it(turns: Turns) -> None:
    with turns.watching(Counting().steps(), None) as watch:
        next(watch.steps)
        other = turns.begin()
        assert list(watch.steps) == []
    assert turns.is_current(other)
