"""The table that the benchmark prints: figures, the demands made of them, and what must never fail."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass
class Report:
    """Prints one line a figure and remembers which invariants failed.

    Attributes:
        is_smoke: a reduced run; its figures are printed but not judged.
        failed: the invariants that did not hold.
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
        if not holds:
            self.missed.append(what)
        mark = "·" if self.is_smoke else "✓" if holds else "✗"
        self._line(what, f"{_short(value)} {unit}", f"{sign} {_short(limit)}", mark, note)

    def _line(self, what: str, text: str, demand: str, mark: str, note: str) -> None:
        print(f"  {mark} {what:<56} {text:>16}  {demand:<8} {note}".rstrip(), flush=True)


def _short(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 10 else f"{value:,.0f}"


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed. Example: share 0.95 of 1 … 40 is 38."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def spread(values: Sequence[float], scale: float = 1.0) -> str:
    """Example: "p50 41, p95 78 ms" for seconds with scale 1000."""
    return f"p50 {statistics.median(values) * scale:.0f}, p95 {percentile(values, 0.95) * scale:.0f}"


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
