"""A page that skips frames of a burst misses nothing: each frame carries what the last few before it brought."""

import json
import random
from typing import Any

from playground.components.live_bus import FrameLog, continued, frame


def payloads(text: str) -> dict[str, Any]:
    content = json.loads(text)
    return content["channels"]


class Page:
    """What assets/live.js does with frames, in Python."""

    def __init__(self) -> None:
        self.seen: dict[str, int] = {}
        self.state: dict[str, Any] = {}
        self.tokens: list[int] = []
        self.lost = 0
        self.asked = 0

    def receive(self, text: str) -> None:
        content = json.loads(text)
        for name, payload in content["channels"].items():
            version = content["versions"].get(name)
            if version is not None and version <= self.seen.get(name, 0):
                continue
            self.seen[name] = version
            self.state[name] = payload
            if name == "strip":
                if payload["start"] > len(self.tokens):
                    self.lost += 1
                    continue
                self.tokens = self.tokens[: payload["start"]] + payload["tokens"]
        named = {name for name in content["versions"] if name not in content["channels"]}
        self.asked += any(content["versions"][name] > self.seen.get(name, 0) for name in named)


def growing(count: int) -> list[dict[str, Any]]:
    """The frames of a run: a beginning with a notice, then a token each, the charts only now and then."""
    frames: list[dict[str, Any]] = [{"strip": {"start": 0, "tokens": [], "lead": "a"}, "notice": "begun"}]
    for i in range(count):
        frames.append({"strip": {"start": i, "tokens": [i]}})
        if i % 5 == 0:
            frames[-1]["chart"] = i
    return frames


def test_a_page_that_sees_everything_ends_where_the_run_ends():
    log, page = FrameLog(), Page()
    for channels in growing(60):
        page.receive(log.carry(frame(channels)))
    assert page.tokens == list(range(60))
    assert (page.state["notice"], page.state["chart"], page.lost) == ("begun", 55, 0)


def test_a_page_that_skips_up_to_fifteen_frames_in_a_row_misses_nothing():
    for seed in range(50):
        dice, log, page = random.Random(seed), FrameLog(keep=16), Page()
        skipped = 0
        for channels in growing(200):
            sent = log.carry(frame(channels))
            if skipped < 15 and dice.random() < 0.8:
                skipped += 1
                continue
            skipped = 0
            page.receive(sent)
        page.receive(log.carry(frame({})))
        assert page.tokens == list(range(200))
        assert page.state["notice"] == "begun"
        assert page.lost == 0


def test_a_page_that_skips_more_knows_that_something_is_lost():
    log, page = FrameLog(keep=4), Page()
    for i, channels in enumerate(growing(30)):
        sent = log.carry(frame(channels))
        if i < 2 or i > 20:
            page.receive(sent)
    assert page.lost > 0


def test_a_frame_that_arrives_late_changes_nothing():
    log, page = FrameLog(), Page()
    early = log.carry(frame({"notice": "old"}))
    late = log.carry(frame({"notice": "new"}))
    page.receive(late)
    page.receive(early)
    assert page.state["notice"] == "new"


def test_going_back_and_on_again_is_carried_too():
    log, page = FrameLog(), Page()
    for payload in ({"start": 0, "tokens": [1, 2, 3]}, {"start": 2, "tokens": []}, {"start": 2, "tokens": [9]}):
        last = log.carry(frame({"strip": payload}))
    page.receive(last)
    assert page.tokens == [1, 2, 9]


def test_continued_joins_what_follows_and_replaces_what_does_not():
    before = {"start": 2, "tokens": ["c", "d"], "lead": "x"}
    assert continued(before, {"start": 3, "tokens": ["e"]}) == {"start": 2, "tokens": ["c", "e"], "lead": "x"}
    assert continued(before, {"start": 0, "tokens": ["z"]}) == {"start": 0, "tokens": ["z"]}
    assert continued(before, {"start": 9, "tokens": ["z"]}) == {"start": 9, "tokens": ["z"]}
    assert continued({"parts": ["a"]}, {"parts": ["b"]}) == {"parts": ["b"]}
    assert payloads(frame({"a": 1})) == {"a": 1}


CHART = {"data": "x" * 3000}


def test_what_is_heavy_goes_out_with_four_frames_and_is_named_by_the_others():
    log, page = FrameLog(), Page()
    sent = [log.carry(frame({"chart": CHART, "notice": "begun"}))]
    sent += [log.carry(frame({"strip": {"start": i, "tokens": [i]}})) for i in range(10)]
    assert ["x" * 3000 in text for text in sent] == [True] * 4 + [False] * 7
    assert all('"chart":1' in text and "begun" in text for text in sent)
    for text in sent:
        page.receive(text)
    assert page.state["chart"] == CHART
    assert (page.tokens, page.lost, page.asked) == (list(range(10)), 0, 0)


def test_a_page_that_skips_a_chart_knows_it():
    log, page = FrameLog(), Page()
    log.carry(frame({"chart": CHART}))
    for i in range(6):
        sent = log.carry(frame({"strip": {"start": i, "tokens": [i]}}))
    page.receive(sent)
    assert page.asked == 1
    page.receive(log.carry(frame({"chart": CHART})))  # a newer one has come meanwhile
    assert page.asked == 1 and page.state["chart"] == CHART


def test_a_text_that_grows_is_carried_however_long():
    log, page = FrameLog(), Page()
    for i in range(12):
        sent = log.carry(frame({"strip": {"start": i, "tokens": ["t" * 500]}}))
    page.receive(sent)
    assert (len(page.tokens), page.lost, page.asked) == (12, 0, 0)
