"""The clock of the charts: all with the first and the last frame, in turns between, and never more than their share."""

import itertools

from playground.tabs.generate.chart_clock import PARTS, SECONDS, SHARE, ChartClock


def drawings(clock: ChartClock, took: float, frames: int = 200, every: float = 0.04) -> list[tuple[str, ...]]:
    found = []
    for number in range(frames):
        parts = clock.due(number * every, number == frames - 1)
        clock.made(parts, number * every, took)
        found.append(parts)
    return found


def test_the_first_and_the_last_frame_have_all_charts() -> None:
    for is_paced in (True, False):
        found = drawings(ChartClock(is_paced), 0.004)
        assert found[0] == found[-1] == PARTS


def test_in_a_paced_run_they_take_turns_and_none_is_left_behind() -> None:
    found = drawings(ChartClock(is_paced=True), 0.004)[1:-1]
    assert max(len(parts) for parts in found) == 1
    for part in PARTS:
        drawn = [number for number, parts in enumerate(found) if part in parts]
        gaps = [after - before for before, after in itertools.pairwise(drawn)]
        assert set(gaps) == {3}  # every 0.12 s: the first frame after SECONDS
        assert drawn[0] * 0.04 < 2 * SECONDS


def test_slow_charts_hold_a_paced_run_not_up_and_a_free_one_no_more_than_their_share() -> None:
    took = 0.03
    assert drawings(ChartClock(is_paced=True), took) == drawings(ChartClock(is_paced=True), 0.0)
    free = drawings(ChartClock(is_paced=False), took)
    made = [parts for parts in free[:-1] if parts]
    assert all(parts == PARTS for parts in made[2:])
    assert len(made) * took <= SHARE * len(free) * 0.04 + 2 * took
