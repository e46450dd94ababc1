"""Notation: three significant digits, never a misleading one."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.views.notation import BITS, NATS, UNITS, percent, shorter, significant


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (17.94, "17.9"), (0.00751, "0.00751"), (1234.5, "1,234"), (1235.0, "1,235"), (2e-12, "2.00e-12"), (0, "0"),
        (-0.0, "0"), (1, "1.00"), (9.996, "10.0"), (99.96, "100"), (0.9996, "1.00"), (0.09996, "0.100"),
        (-3.14159, "-3.14"), (1e-9, "0.00000000100"), (float("inf"), "inf"), (123456.7, "123,457"),
    ],
)  # fmt: skip
def test_significant(value: float, text: str) -> None:
    assert significant(value) == text


@given(st.floats(1e-9, 1e9))
def test_the_written_number_is_within_half_a_unit_of_the_third_digit(value: float) -> None:
    written = float(significant(value).replace(",", ""))
    assert abs(written - value) <= 0.5 * 10 ** (math.floor(math.log10(value)) - 2) * (1 + 1e-9)
    assert "e" not in significant(value)


@given(st.floats(1e-9, 999.4))
def test_three_digits_are_written(value: float) -> None:
    digits = significant(value).replace(",", "").replace(".", "").lstrip("0")
    assert len(digits) == 3


@pytest.mark.parametrize(
    ("probability", "text"), [(0.1794, "17.9 %"), (1, "100 %"), (0, "0 %"), (0.00751, "0.751 %"), (1e-6, "0.000100 %")]
)
def test_percent(probability: float, text: str) -> None:
    assert percent(probability) == text


@pytest.mark.parametrize(("value", "text"), [(0.8, "0.8"), (40.0, "40"), (40, "40"), (1.25, "1.25"), (0.001, "0.001")])
def test_a_setting_is_written_as_a_person_types_it(value: float, text: str) -> None:
    assert shorter(value) == text


def test_a_bit_is_the_surprisal_of_a_fair_coin() -> None:
    assert (NATS.amount(math.log(2)), BITS.amount(math.log(2))) == ("0.693", "1.00")
    assert UNITS == {"nats": NATS, "bits": BITS}
