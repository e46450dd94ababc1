"""How numbers are written: three significant digits, in the unit that the person chose."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Unit:
    """A unit of information: its name and how many of it a nat is."""

    name: str
    per_nat: float

    def amount(self, nats: float) -> str:
        """Example: NATS.amount(4.8914) -> "4.89"."""
        return significant(nats * self.per_nat)


NATS = Unit("nats", 1.0)
BITS = Unit("bits", 1 / math.log(2))
UNITS = {unit.name: unit for unit in (NATS, BITS)}


def significant(value: float, digits: int = 3) -> str:
    """Three significant digits, without an exponent down to one in a billion.

    Example: 17.94 -> "17.9", 0.00751 -> "0.00751", 1234.5 -> "1,234", 2e-12 -> "2.00e-12"
    """
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    if abs(value) < 1e-9:
        return f"{value:.{digits - 1}e}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}")))))
    return f"{value:,.{decimals}f}"


def percent(probability: float) -> str:
    """Example: 0.1794 -> "17.9 %", 1 -> "100 %"."""
    return f"{significant(100 * probability)} %"


def shorter(value: float) -> str:
    """A setting as a person types it: 0.8, 40."""
    return f"{value:g}"
