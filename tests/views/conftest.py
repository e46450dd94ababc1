"""Hand-made vocabularies for the views: a few tokens, of every kind that a label has to spell."""

import pytest

from playground.vocabulary import Vocabulary


@pytest.fixture(scope="session")
def eight() -> Vocabulary:
    """Eight tokens: words with and without a space, a line end, a tag, half a character, a special one, Chinese."""
    pieces = (b" the", b" a", b"ing", b"\n", b"<b>x</b>", b"\xe4", b"<|end|>", "狼".encode())
    return Vocabulary(pieces, frozenset({6}))
