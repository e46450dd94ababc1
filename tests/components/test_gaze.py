"""A look is a value with a number: an old one is not answered, and an answer that is late draws nothing back."""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from playground.components.gaze import as_index, as_pair, look_of, looked
from playground.components.live_bus import FrameLog, frame
from playground.tabs.delivery import lossless


def value(at: int, picked: Any) -> str:
    return json.dumps({"at": at, "picked": picked})


def shown(sent: Any) -> dict[str, Any]:
    channels: dict[str, Any] = json.loads(sent)["channels"]
    return channels


@pytest.fixture
def session() -> Any:
    return SimpleNamespace(frames=FrameLog())


def test_an_answer_says_which_look_it_answers(session: Any) -> None:
    handler = looked("text.token", lambda session, picked, unit: frame({"chart": [picked, unit]}))
    assert shown(handler(session, value(3, 7), "nats")) == {"gaze.text.token": 3, "chart": [7, "nats"]}
    assert next(iter(shown(handler(session, value(4, 7), "nats")))) == "gaze.text.token"


def test_a_look_older_than_one_that_has_come_in_is_not_answered(session: Any) -> None:
    seen = []
    handler = looked("text.token", lambda session, picked: seen.append(picked) or frame({"chart": picked}))
    assert shown(handler(session, value(2, 9)))["chart"] == 9
    assert handler(session, value(1, 8)) == gr.skip()
    assert handler(session, value(2, 9)) == gr.skip()  # the same event sent again
    assert seen == [9]
    other = looked("text.other", lambda session, picked: frame({"chart": picked}))
    assert shown(other(session, value(1, 5)))["chart"] == 5  # every gaze counts for itself


def test_a_look_that_has_nothing_to_show_is_answered_all_the_same(session: Any) -> None:
    handler = looked("text.token", lambda session, picked: gr.skip())
    assert shown(handler(session, value(1, 9))) == {"gaze.text.token": 1}


def test_the_frames_of_a_stream_are_marked_and_its_other_outputs_left_alone(session: Any) -> None:
    def stream(session: Any, picked: int) -> Iterator[Any]:
        yield frame({"chart": picked}), "large", gr.skip()

    ((sent, large, rest),) = looked("text.token", stream)(session, value(1, 4))
    assert shown(sent) == {"gaze.text.token": 1, "chart": 4}
    assert (large, rest) == ("large", gr.skip())


@pytest.mark.parametrize("sent", [None, "", "7", "[]", "{}", '{"at": null, "picked": 1}', '{"at": "x"}', 5])
def test_what_no_page_sends_is_no_look(session: Any, sent: Any) -> None:
    assert look_of(sent) == (0, None)
    assert looked("text.token", lambda session, picked: frame({"chart": picked}))(session, sent) == gr.skip()


def test_only_a_whole_number_is_an_index_and_only_two_are_a_cell() -> None:
    assert [as_index(one) for one in (3, -1, 0, True, 1.0, "1", None, [1])] == [3, -1, 0, *[None] * 5]
    assert as_pair([1, -1]) == (1, -1)
    assert [as_pair(one) for one in ([1], [1, 2, 3], [1, "2"], [1, True], (1, 2), 1, None)] == [None] * 7


def test_a_look_that_was_overtaken_while_it_was_computed_draws_nothing_back(session: Any) -> None:
    """The slow answer: another event of the same visitor reads the state later and is sent first."""

    def slow(session: Any) -> Any:
        fast = lossless(lambda session: frame({"headline": "new", "chart": "new"}))
        assert shown(fast(session))["headline"] == "new"
        return frame({"headline": "old", "note": "old"})

    sent = shown(lossless(slow)(session))
    assert (sent["headline"], sent["chart"], sent["note"]) == ("new", "new", "old")


def test_a_frame_of_a_run_made_before_a_look_does_not_undo_it(session: Any) -> None:
    asked = session.frames.now()
    running = frame({"strip": {"start": 3, "tokens": ["d"]}, "headline": "the newest"}, asked)
    look = lossless(lambda session: frame({"headline": "the one looked at"}))
    look(session)
    sent = shown(session.frames.carry(running))
    assert sent["headline"] == "the one looked at"
    assert sent["strip"] == {"start": 3, "tokens": ["d"]}  # not one token is lost
    after = frame({"headline": "the newest"}, session.frames.now())
    assert shown(session.frames.carry(after))["headline"] == "the newest"


def test_what_a_stream_says_at_last_is_not_older_than_what_was_said_while_it_waited(session: Any) -> None:
    """A run that waits for the model and then fails: looks that were answered meanwhile cleared the notice."""

    def run(session: Any) -> Iterator[Any]:
        lossless(lambda session: frame({"notice": ""}))(session)
        yield frame({"notice": "it can't be loaded"})

    (sent,) = lossless(run)(session)
    assert shown(sent)["notice"] == "it can't be loaded"
