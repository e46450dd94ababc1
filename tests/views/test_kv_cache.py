"""The formula of the cache against a count of its numbers, and the work of a run against counting it."""

import pytest

from playground.views.kv_cache import cache_size, work


@pytest.mark.parametrize("windows", [(None, None, None), (4, None, 4), (2, 2, 2)])
@pytest.mark.parametrize("tokens", [1, 3, 9])
def test_the_bytes_are_those_of_the_numbers_kept(windows: tuple[int | None, ...], tokens: int) -> None:
    size = cache_size(windows, [2 * 2 * 8] * 3, value_bytes=4, tokens=tokens)
    numbers = 0
    for window in windows:
        kept = range(tokens) if window is None else range(max(0, tokens - (window - 1)), tokens)
        numbers += sum(2 * 2 * 8 for _ in kept)  # a key and a value of two heads
    assert size.total == 4 * numbers
    assert size.per_token == 2 * 2 * 8 * 3 * 4
    assert size.has_windows == any(w is not None and w - 1 < tokens for w in windows)
    if not size.has_windows:
        assert size.total == size.per_token * tokens


def test_the_work_is_counted_step_by_step() -> None:
    found = work(prompt=5, steps=4)
    assert found.with_cache == (5, 6, 7, 8)  # the prompt once, then one a step
    assert found.without == (5, 5 + 6, 5 + 6 + 7, 5 + 6 + 7 + 8)
    assert found.times == 26 / 8
