"""A benchmark that has measured nothing fails: a demand is met or missed by a number only."""

import math
import random
import statistics
import sys
from typing import Any

import benchmark
import benchmark_compare
import pytest
from benchmark_report import Report, largest, percentile, spread


@pytest.mark.parametrize("is_smoke", [True, False])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("gate", ["at_most", "at_least"])
def test_what_is_not_a_number_fails_every_gate(
    gate: str, value: float, is_smoke: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    report = Report(is_smoke)
    getattr(report, gate)("strips", value, 150, "ms")
    assert report.failed == ["strips: nothing was measured"] and not report.missed
    assert "✗" in capsys.readouterr().out


@pytest.mark.parametrize(("value", "missed"), [(150.0, []), (150.1, ["strips"])])
def test_a_number_meets_a_demand_or_misses_it(value: float, missed: list[str]) -> None:
    report = Report(False)
    report.at_most("strips", value, 150, "ms")
    report.at_least("strips", -value, -150, "ms")
    assert report.missed == 2 * missed and not report.failed


@pytest.mark.parametrize("is_measured", [True, False])
def test_the_benchmark_ends_with_an_error_where_nothing_was_measured(
    is_measured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    lag = 1.0 if is_measured else math.nan
    monkeypatch.setattr(benchmark_compare, "measure", lambda report: report.at_most("lag", lag, 150, "ms"))
    monkeypatch.setattr(sys, "argv", ["benchmark.py", "--smoke", "--only", "compare"])
    assert benchmark.main() == (0 if is_measured else 1)


def test_a_moment_that_is_no_number_is_not_lost_among_others() -> None:
    for unmeasured in (math.nan, -math.inf):
        for place in range(20):
            values = [float(i) for i in range(20)]
            values[place] = unmeasured
            assert math.isnan(percentile(values, 0.95)) and math.isnan(largest(values))
            assert "nan" in spread(values)
    assert math.isnan(percentile([], 0.95)) and math.isnan(largest([]))
    assert largest([3.0, math.inf]) == math.inf  # what never came is infinitely late


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(i) for i in range(1, 41)]
    random.Random(0).shuffle(values)
    assert (percentile(values, 0.95), percentile(values, 0.5), percentile(values, 1), largest(values)) == (
        38,
        20,
        40,
        40,
    )
    assert percentile(values[:39], 0.5) == statistics.median_low(values[:39])


def seen(counts: list[list[int]]) -> dict[str, Any]:
    """What the page notes: each strip's tokens at 110, 120 … ms, the chart of surprisals 5 ms later."""
    return {
        "strips": [{"at": 110.0 + 10 * i, "counts": row} for i, row in enumerate(counts)],
        "charts": [{"at": 115.0 + 10 * i, "count": max(row)} for i, row in enumerate(counts)],
    }


def test_how_late_a_strip_is_counted_by_hand() -> None:
    lanes, report = benchmark_compare.LIVE_LANES, Report(False)
    found = seen([[0] * lanes, [1] * lanes, [2] * lanes])  # token 1 at 120, token 2 at 130; charts at 125, 135
    benchmark_compare._lateness(report, found, {1: 100.0, 2: 125.0}, 2)
    assert not report.failed and not report.missed


@pytest.mark.parametrize("limit, missed", [(19.9, 1), (20.0, 0)])
def test_the_limit_of_the_strips_is_judged(limit: float, missed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark_compare, "STRIP_LIMIT", limit)
    report = Report(False)
    lanes = benchmark_compare.LIVE_LANES
    benchmark_compare._lateness(report, seen([[0] * lanes, [1] * lanes, [2] * lanes]), {1: 100.0, 2: 125.0}, 2)
    assert len(report.missed) == missed and not report.failed


@pytest.mark.parametrize(
    ("made", "counts"),
    [
        ({}, [[0] * 6, [1] * 6]),  # the server made no frame
        ({1: 100.0}, [[0] * 6, [1] * 6]),  # it had made the first only when the page was asked
        ({1: 100.0, 2: 110.0}, [[1] * 6, [2, 2, 2, 2, 2, 1]]),  # the last lane's second token was never shown
        ({1: 100.0, 2: 110.0}, []),  # the page showed nothing
        ({1: 100.0, 2: 110.0}, [[0] * 6, [1] * 6]),  # nothing beyond the first token
    ],
)
def test_a_run_that_was_not_seen_fails(made: dict[int, float], counts: list[list[int]]) -> None:
    report = Report(True)
    benchmark_compare._lateness(report, seen(counts), made, 2)
    assert report.failed
