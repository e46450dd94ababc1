"""Newest: of several events of one kind only the last one's frames are shown, whichever is done first."""

import threading
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, TypeVar

from playground.errors import PlaygroundError

Handler = TypeVar("Handler", bound=Callable[..., Iterator[Any]])


class Requests:
    """What a session has been asked for, by kind."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._lock = threading.Lock()

    def begin(self, kind: str) -> int:
        """The number of a new request."""
        with self._lock:
            self._numbers[kind] = self._numbers.get(kind, 0) + 1
            return self._numbers[kind]

    def is_newest(self, kind: str, number: int) -> bool:
        return self._numbers.get(kind) == number


def newest(kind: str) -> Callable[[Handler], Handler]:
    """A handler that falls silent as soon as the same session (with its `requests`) asks for this kind anew."""

    def decorate(handler: Handler) -> Handler:
        @wraps(handler)
        def guarded(self: object, session: Any, *rest: Any) -> Iterator[Any]:
            number = session.requests.begin(kind)
            try:
                for update in handler(self, session, *rest):
                    if not session.requests.is_newest(kind, number):
                        return
                    yield update
                    if not session.requests.is_newest(kind, number):
                        return  # before the next one is computed
            except PlaygroundError:
                if session.requests.is_newest(kind, number):
                    raise  # what was wrong with an older request is of no interest any more

        return guarded  # type: ignore[return-value]  # the same arguments, as wraps says

    return decorate
