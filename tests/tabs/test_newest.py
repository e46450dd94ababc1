"""Of several events of one kind only the last one's frames are shown."""

from collections.abc import Iterator

from playground.tabs.newest import Requests, newest


class Session:
    def __init__(self) -> None:
        self.requests = Requests()


class Tab:
    def __init__(self) -> None:
        self.computed: list[str] = []

    @newest("look")
    def look(self, session: Session, name: str) -> Iterator[str]:
        for number in (1, 2):
            self.computed.append(f"{name} {number}")
            yield self.computed[-1]

    @newest("other")
    def other(self, session: Session) -> Iterator[str]:
        yield "other"


def test_an_event_that_was_overtaken_falls_silent() -> None:
    tab, session = Tab(), Session()
    first = tab.look(session, "first")
    assert next(first) == "first 1"
    second = tab.look(session, "second")
    assert next(second) == "second 1"
    assert list(first) == []
    assert list(second) == ["second 2"]
    assert tab.computed == ["first 1", "second 1", "second 2"]  # nor is anything computed for it


def test_another_kind_or_another_visitor_does_not_overtake() -> None:
    tab, session = Tab(), Session()
    first = tab.look(session, "first")
    next(first)
    assert list(tab.other(session)) == ["other"]
    assert list(tab.look(Session(), "elsewhere")) == ["elsewhere 1", "elsewhere 2"]
    assert list(first) == ["first 2"]
