"""The table that the benchmark prints: figures, the demands made of them, and what must never fail."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass
class Report:
    """Prints one line a figure and remembers which invariants failed.

    Attributes:
        is_smoke: a reduced run; its figures are printed but not judged.
        failed: the invariants that did not hold, and the demands of which nothing was measured.
        missed: the demands that were not met.
    """

    is_smoke: bool
    failed: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def section(self, title: str) -> None:
        print(f"\n{title}", flush=True)

    def figure(self, what: str, text: str, note: str = "") -> None:
        self._line(what, text, "", " ", note)

    def at_least(self, what: str, value: float, limit: float, unit: str, note: str = "") -> None:
        self._demand(what, value, limit, unit, value >= limit, "≥", note)

    def at_most(self, what: str, value: float, limit: float, unit: str, note: str = "") -> None:
        self._demand(what, value, limit, unit, value <= limit, "≤", note)

    def invariant(self, what: str, holds: bool, text: str) -> None:
        """Something that no noise excuses: the benchmark exits with an error if it does not hold."""
        if not holds:
            self.failed.append(what)
        self._line(what, text, "must", "✓" if holds else "✗", "")

    def _demand(self, what: str, value: float, limit: float, unit: str, holds: bool, sign: str, note: str) -> None:
        """A figure that is not a number was not measured: that fails, in a smoke run too."""
        is_measured = math.isfinite(value)
        if not is_measured:
            self.failed.append(f"{what}: nothing was measured")
        elif not holds:
            self.missed.append(what)
        mark = "✗" if not is_measured else "·" if self.is_smoke else "✓" if holds else "✗"
        self._line(what, f"{_short(value)} {unit}", f"{sign} {_short(limit)}", mark, note)

    def _line(self, what: str, text: str, demand: str, mark: str, note: str) -> None:
        print(f"  {mark} {what:<56} {text:>16}  {demand:<8} {note}".rstrip(), flush=True)


def _short(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 10 else f"{value:,.0f}"


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed. Example: share 0.95 of 1 … 40 is 38.
    nan where there are no values, or one of them is no moment: nan, or before all time."""
    if not _are_measured(values):
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def largest(values: Sequence[float]) -> float:
    """The largest value; nan as in `percentile`."""
    return max(values) if _are_measured(values) else math.nan


def _are_measured(values: Sequence[float]) -> bool:
    return bool(values) and not any(math.isnan(value) or value == -math.inf for value in values)


def spread(values: Sequence[float], scale: float = 1.0) -> str:
    """Example: "p50 41, p95 78" for seconds with scale 1000."""
    return f"p50 {percentile(values, 0.5) * scale:.0f}, p95 {percentile(values, 0.95) * scale:.0f}"


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
