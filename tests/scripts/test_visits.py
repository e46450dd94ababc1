"""The guard of a change that must change nothing has to notice what did change."""

import pytest
import visits

RECORD = {"greedy": [{"action": "opened", "channels": {"badge": {"parts": ["40/40", 0.5]}, "rows": [1, 2]}}]}


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"badge": {"parts": ["40/40", 0.5]}, "rows": [1, 2]}, []),
        ({"badge": {"parts": ["40/40", 0.5 + 1e-9]}, "rows": [1, 2]}, []),
        ({"badge": {"parts": ["40/40", 0.51]}, "rows": [1, 2]}, ["badge.parts[1]: 0.5 -> 0.51"]),
        ({"badge": {"parts": ["39/40", 0.5]}, "rows": [1, 2]}, ["badge.parts[0]: 40/40 -> 39/40"]),
        ({"badge": {"parts": ["40/40", "0.5"]}, "rows": [1, 2]}, ["badge.parts[1]: 0.5 -> 0.5"]),
        ({"badge": {"parts": ["40/40", 0.5]}, "rows": [1]}, ["rows: 2 -> 1 entries"]),
        ({"badge": {"parts": ["40/40", 0.5]}}, ["rows: gone"]),
    ],
)
def test_what_changed_is_said(now: dict[str, object], said: list[str]) -> None:
    before = RECORD["greedy"][0]["channels"]
    assert list(visits.differences(before, now, "x")) == [f"x.{line}" for line in said]


def test_measured_times_may_differ() -> None:
    assert not list(visits.differences("token 5: 2.92 ms with the cache", "token 5: 5.2 ms with the cache", "x"))
    assert list(visits.differences("token 5: 2.92 ms with the cache", "token 6: 5.2 ms with the cache", "x"))
