"""Stop strings: found when the last token completes one, wherever the tokens are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.decoding.stopping import StopStrings

PIECES = (b"a", b"b", b"ab", b"ba", b"aab", b"", "é".encode()[:1], "é".encode()[1:])


def plain(ids: list[int], string: str) -> bool:
    """A naive rule: some occurrence in the whole text ends within the last token."""
    text, last = b"".join(PIECES[i] for i in ids), PIECES[ids[-1]]
    ends = [i + len(string.encode()) for i in range(len(text)) if text[i:].startswith(string.encode())]
    return any(len(text) - len(last) < end for end in ends)


@given(st.lists(st.integers(0, 7), min_size=1, max_size=9), st.text("abé", min_size=1, max_size=4))
def test_it_is_the_naive_rule(ids: list[int], string: str) -> None:
    assert (StopStrings((string,), PIECES).completed(ids) == string) == plain(ids, string)


def test_an_empty_string_is_refused_and_an_unknown_id_has_no_text() -> None:
    with pytest.raises(ValueError, match="empty"):
        StopStrings(("a", ""), PIECES)
    assert StopStrings(("a",), PIECES).completed((0, 99)) is None
