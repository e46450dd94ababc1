"""A stop string ends a text exactly where transformers' StopStringCriteria says so."""

import random

import pytest
import torch
from transformers import StopStringCriteria

from playground.decoding.stopping import StopStrings


@pytest.mark.parametrize(
    ("context", "token", "is_hit"),
    [
        (("st",), "op", True),
        ((), "stop", True),
        (("st",), "opera", True),
        (("las",), "topper", True),
        (("s", "to"), "pped", True),
        (("x",), "xstopx", True),
        (("stop",), "at", False),
        (("st", "op"), "at", False),
        (("st", "opera"), "tion", False),
        (("stop",), "stop", True),
        ((), "sto", False),
        (("to",), "p", False),
    ],
)
def test_the_last_token_must_complete_it(context, token, is_hit):
    pieces = (*context, token)
    stop = StopStrings(("stop",), tuple(piece.encode() for piece in pieces))
    assert stop.completed_by(range(len(context)), len(context)) is is_hit


def test_an_empty_string_stops_nothing_and_is_refused():
    with pytest.raises(ValueError, match="at least one character"):
        StopStrings(("",), ())


def test_it_agrees_with_transformers_on_texts_of_the_default_model(storyteller):
    """Every beginning of some texts, also with a random token after it: across tokens, with overhang, in the prompt."""
    dice = random.Random(0)
    pieces, tokenizer = storyteller.vocabulary.pieces, storyteller.tokenizer._tokenizer
    texts = ("The old king said to his son: go home.", "A cat sat. A dog ran; the cat said “no”.", "Zoë’s café 🐈 to")
    encoded = [storyteller.tokenizer.encode(text) for text in texts]
    hits = 0
    for strings in (("to",), (".",), (" the", "in"), ("said to",), ("é",), ("“n", "cat s"), ("🐈",), ("old king sa",)):
        ours = StopStrings(strings, pieces)
        theirs = StopStringCriteria(tokenizer, list(strings))
        for ids in encoded:
            for length in range(1, len(ids) + 1):
                for row in (ids[:length], (*ids[:length], dice.randrange(len(pieces)))):
                    hit = bool(theirs(torch.tensor([row]), None)[0])
                    assert ours.completed_by(row[:-1], row[-1]) is hit, (strings, row)
                    hits += hit
    assert hits > 12
