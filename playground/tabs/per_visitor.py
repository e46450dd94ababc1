"""PerVisitor: a tab once for everything that its visitors differ in; each event goes to the one that is its visitor's.

A tab holds a translator, so that none of its handlers has to be told a language. There is one tab for each language,
made when it is first needed, and all of them share the model and the recordings.
"""

import threading
from collections.abc import Callable, Iterator
from functools import wraps
from inspect import isgeneratorfunction, ismethod
from typing import Any, Generic, NamedTuple, TypeVar

from gradio.context import LocalContext

from playground.i18n import DEFAULT_LANGUAGE, Translator, translator
from playground.tabs.reader import wanted
from playground.tabs.visitor import Visitor

Tab = TypeVar("Tab")
Other = TypeVar("Other")


class Whose(NamedTuple):
    """What a tab is made for: all that visitors of one process may differ in."""

    language: str = DEFAULT_LANGUAGE

    @property
    def t(self) -> Translator:
        return translator(self.language)


NOBODYS = Whose()


class PerVisitor(Generic[Tab]):
    """Tabs of a kind. `tabs.run`, say, is a handler: the method `run` of the tab of the session among its arguments."""

    def __init__(self, make: Callable[[Whose], Tab]) -> None:
        self._make = make
        self._tabs: dict[Whose, Tab] = {}
        self._once = threading.Lock()

    def tab(self, whose: Whose = NOBODYS) -> Tab:
        with self._once:
            if whose not in self._tabs:
                self._tabs[whose] = self._make(whose)
            return self._tabs[whose]

    def of(self, session: Visitor) -> Tab:
        """The tab of a visitor."""
        return self.tab(whose(session))

    def also(self, make: Callable[[Tab], Other]) -> "PerVisitor[Other]":
        """What goes with each of these tabs."""
        return PerVisitor(lambda whose: make(self.tab(whose)))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.tab(), name)
        if not ismethod(method):
            raise AttributeError(f"{name} is no handler: it is not the same for all visitors.")

        if isgeneratorfunction(method):

            @wraps(method)
            def streaming(*given: Any) -> Iterator[Any]:
                yield from getattr(self.of(session_among(given)), name)(*given)

            return streaming

        @wraps(method)
        def answering(*given: Any) -> Any:
            return getattr(self.of(session_among(given)), name)(*given)

        return answering


def whose(session: Visitor) -> Whose:
    """What is known of a visitor. The language is that of the request with which they came first: it holds for as long
    as the page does, whatever they choose in another one meanwhile."""
    if session.language is None:
        request = LocalContext.request.get(None)
        if request is None:
            return NOBODYS
        session.language = wanted(request)
    return Whose(session.language)


def session_among(arguments: tuple[Any, ...]) -> Visitor:
    """The first session among the arguments of an event."""
    return next(one for one in arguments if isinstance(one, Visitor))


def language_of(*arguments: Any) -> Translator:
    """The translator of the visitor whose session is among the arguments of an event."""
    return whose(session_among(arguments)).t
