"""What a link says of the tokens that its run gave: read as written, and every difference is found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.runs.gave import MOST, Difference, Gave

IDS = st.lists(st.integers(0, 300_000), max_size=2 * MOST)


@given(IDS)
def test_the_same_tokens_differ_nowhere(ids: list[int]) -> None:
    assert Gave.of(ids).difference(ids) is None


@given(IDS.filter(bool), st.data())
def test_the_first_difference_is_found_as_far_as_the_link_holds_ids(ids: list[int], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(ids) - 1))
    other = [*ids[:place], ids[place] + 1, *ids[place + 1 :]]
    expected = Difference(place + 1, ids[place], ids[place] + 1) if place < MOST else Difference(None)
    assert Gave.of(ids).difference(other) == expected
    ended = Difference(place + 1, ids[place], None) if place < MOST else Difference(None)
    assert Gave.of(ids).difference(ids[:place]) == ended
    went_on = Difference(place + 1, None, ids[place]) if place <= MOST else Difference(None)
    assert Gave.of(ids[:place]).difference(ids) == went_on


@pytest.mark.parametrize(
    "gave", ["", "1", "2-00000000-1", "1-0000000g-1", "1-00000000-1-", "1-00000000-<b>", "1-00000000-1.", "9" * 2000]
)
def test_what_nobody_has_written_is_none(gave: str) -> None:
    assert Gave.read(gave, "1.0--2") is None
    assert Gave.read("1-00000000-1", "<script>") is None
