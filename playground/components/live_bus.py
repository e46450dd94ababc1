"""LiveBus: the one hidden component through which every frame of the page travels."""

import json
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any

import gradio as gr

Channels = Mapping[str, Any]


class LiveBus(gr.HTML):
    """Carries frames to the components that subscribe to its channels.

    The value is a JSON string, {"channels": {name: payload}, "versions": {name: number}}; `frame` makes one. Only the
    channels that changed need to be in it: every subscriber keeps what it got last. Values that reach a busy browser
    in one burst are skipped but for the last: send them through a FrameLog. `resync` is triggered when even that was
    not enough.
    """

    def __init__(self, value: str | None = None, **arguments: Any) -> None:
        super().__init__(
            value,
            html_template="",
            js_on_load="window.livePage.liveBus({element, props, trigger, watch}); // triggers 'resync'",
            visible="hidden",
            **arguments,
        )

    def postprocess(self, value: str | None) -> str | None:
        return value  # data, not HTML: a token may well be called <script>


class Frame(str):
    """The JSON of a frame, the channels that it was made of, and each channel's JSON.

    `asked`: the FrameLog's time at which the state was read that it shows; 0: at which it is sent.
    """

    channels: Channels
    pieces: Mapping[str, str]
    asked: int = 0


def frame(channels: Channels, asked: int = 0) -> Frame:
    """A frame as the compact JSON string that a LiveBus carries; without versions, all of it is drawn."""
    made = _framed(channels, {name: _json(payload) for name, payload in channels.items()}, {})
    made.asked = asked
    return made


def joined(extra: Channels, update: Frame) -> Frame:
    """The frame with more channels, put before its own."""
    channels = {**extra, **update.channels}
    pieces = {**{name: _json(payload) for name, payload in extra.items()}, **update.pieces}
    return _framed(channels, pieces, {})


def _framed(channels: Channels, pieces: Mapping[str, str], versions: Mapping[str, int]) -> Frame:
    content = ",".join(f"{_json(name)}:{piece}" for name, piece in pieces.items())
    made = Frame(f'{{"channels":{{{content}}},"versions":{_json(versions)}}}')
    made.channels, made.pieces = channels, pieces
    return made


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


HEAVY = 2000  # characters: a chart, not a sentence


class FrameLog:
    """What was sent to one page lately. Each frame goes out with what the last few before it brought, so a browser
    that skips some of them misses nothing; a channel whose version the page has seen is not drawn again. What is heavy
    goes out with the next `keep_heavy` frames only: after that its version alone is named, and a page that has not
    seen that one asks for everything. A panel is never drawn back: what shows an older state than the channel has
    brought already is left out (but for a growing list, which a run alone makes grow). One page's events may use it
    at the same time."""

    def __init__(self, keep: int = 16, keep_heavy: int = 4) -> None:
        self._keep_heavy = keep_heavy
        self._recent: deque[tuple[int, Frame]] = deque(maxlen=keep)
        self._sent = 0
        self._time = 0
        self._brought: dict[str, int] = {}  # channel -> how new the state is that it shows
        self._heeded: dict[str, int] = {}
        self._lock = threading.Lock()

    def now(self) -> int:
        """The time, for a Frame's `asked`: to be taken before the state is read that the frame shows."""
        with self._lock:
            self._time += 1
            return self._time

    def heeds(self, name: str, at: int) -> bool:
        """Whether look number `at` at `name` is newer than every one before it."""
        with self._lock:
            if at <= self._heeded.get(name, 0):
                return False
            self._heeded[name] = at
            return True

    def _news(self, new: Frame) -> Frame:
        self._time += 1
        asked = new.asked or self._time
        old = {n for n, payload in new.channels.items() if asked < self._brought.get(n, 0) and not _grows(payload)}
        self._brought |= {
            name: asked for name in new.channels if name not in old and asked > self._brought.get(name, 0)
        }
        if not old:
            return new
        pieces = {name: piece for name, piece in new.pieces.items() if name not in old}
        return _framed({name: new.channels[name] for name in pieces}, pieces, {})

    def carry(self, new: Frame) -> Frame:
        """The frame to send for `new`."""
        with self._lock:
            new = self._news(new)
            self._sent += 1
            self._recent.append((self._sent, new))
            merged: dict[str, Any] = {}
            pieces: dict[str, str] = {}
            versions: dict[str, int] = {}
            for number, sent in self._recent:
                for name, payload in sent.channels.items():
                    joined = continued(merged[name], payload) if name in merged else payload
                    merged[name], versions[name] = joined, number
                    pieces[name] = sent.pieces[name] if joined is payload else ""
            for name, piece in list(pieces.items()):
                if not piece:  # what continues earlier tokens is put into words once, here
                    pieces[name] = _json(merged[name])
                elif (
                    len(piece) > HEAVY and versions[name] <= self._sent - self._keep_heavy and not _grows(merged[name])
                ):
                    del merged[name], pieces[name]
            return _framed(merged, pieces, versions)


def _grows(payload: Any) -> bool:
    return isinstance(payload, dict) and "start" in payload


def continued(before: Any, after: Any) -> Any:
    """Two payloads of one channel as one: `after`, or where it continues a growing list of tokens, both.

    Example: {"start": 2, "tokens": [c, d]} and {"start": 3, "tokens": [e]} -> {"start": 2, "tokens": [c, e]}
    """
    if not (_grows(before) and _grows(after)):
        return after
    shared = after["start"] - before["start"]
    if not 0 <= shared <= len(before["tokens"]):
        return after
    return {**before, **after, "start": before["start"], "tokens": [*before["tokens"][:shared], *after["tokens"]]}
