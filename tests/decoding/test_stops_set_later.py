"""Stop strings that are set, or taken away, while a text is there: where it ends then, and where it should have."""

import torch

from playground.decoding.processors import Situation
from playground.decoding.rows import Row
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Argmax, Choice
from playground.decoding.stopping import StopStrings
from playground.decoding.trace import GenerationRequest, Step, Trace

PIECES = tuple(bytes([97 + i]) for i in range(8))  # a to h


def trace_of(text: str, stop: str | None, reason: str | None = None) -> Trace:
    stops = StopStrings((stop,), PIECES) if stop else None
    ids = [ord(c) - 97 for c in text]
    steps = tuple(
        Step(
            i,
            Row(torch.zeros(8)),
            (),
            Argmax(),
            Choice(t, "argmax"),
            reason if i == len(ids) - 1 else None,
            Situation(1),
        )
        for i, t in enumerate(ids)
    )
    return Trace(GenerationRequest((7,), Sampling(stop=stops), 9), steps)


def test_a_stop_string_that_is_taken_away_ends_nothing_any_more() -> None:
    ended = trace_of("abc", "bc", "stop_string")
    assert ended.unstopped(None).finish_reason is None
    assert ended.unstopped(StopStrings(("ab",), PIECES)).finish_reason is None
    assert ended.unstopped(None).token_ids == ended.token_ids
    assert ended.unstopped(StopStrings(("x", "c"), PIECES)) is ended
    assert trace_of("abc", None, "stop").unstopped(None).finish_reason == "stop"


def test_which_string_it_was() -> None:
    stop = StopStrings(("zz", "bc", "c"), PIECES)
    assert stop.which((0, 1), 2) == "bc"
    assert stop.which((0, 0), 2) == "c"
    assert stop.which((1, 2), 0) is None


def test_a_text_that_went_past_a_stop_string_is_known() -> None:
    assert trace_of("abcab", None).passed_a_stop == -1
    assert trace_of("abcabc", "bc").passed_a_stop == 2
    assert trace_of("abcabcd", "bc").passed_a_stop == 5
    assert trace_of("abc", "bc").passed_a_stop == -1
    assert trace_of("", "bc").passed_a_stop == trace_of("a", "a").passed_a_stop == -1
