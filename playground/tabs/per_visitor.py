"""PerVisitor: a tab once for everything that its visitors differ in; each event goes to the one that is its visitor's.

A tab holds a translator and the slot of a model, so that none of its handlers has to be told a language or a model.
There is one tab for each language and model, made when it is first needed.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from functools import wraps
from inspect import isgeneratorfunction, ismethod
from typing import Any, Generic, NamedTuple, TypeVar

from gradio.context import LocalContext

from playground.i18n import DEFAULT_LANGUAGE, Translator, translator
from playground.tabs.reader import wanted
from playground.tabs.visitor import Running, Visitor

Tab = TypeVar("Tab")
Other = TypeVar("Other")


class Whose(NamedTuple):
    """What a tab is made for: all that visitors of one process may differ in. `model` is a name on the shelf, "" for
    the first of the language."""

    language: str = DEFAULT_LANGUAGE
    model: str = ""

    @property
    def t(self) -> Translator:
        return translator(self.language)


NOBODYS = Whose()
Using = Callable[[Whose], AbstractContextManager[object]]


class PerVisitor(Generic[Tab]):
    """Tabs of a kind. `tabs.run`, say, is a handler: the method `run` of the tab of the session among its arguments.

    While a handler runs, its model is in use (`using`). A session that comes to another model than before is put in
    order for it first: `renew(session)` of the tab. What a generator still has to say of a model that its visitor has
    left meanwhile is not said.
    """

    def __init__(
        self, make: Callable[[Whose], Tab], using: Using = lambda whose: nullcontext(),
        parent: "PerVisitor[Any] | None" = None,
    ) -> None:  # fmt: skip
        self._make, self._using, self._parent = make, using, parent
        self._tabs: dict[Whose, Tab] = {}
        self._once = threading.Lock()
        self._turning = threading.Lock()

    def tab(self, whose: Whose = NOBODYS) -> Tab:
        with self._once:
            if whose not in self._tabs:
                self._tabs[whose] = self._make(whose)
            return self._tabs[whose]

    def of(self, session: Visitor) -> Tab:
        """The tab of a visitor; their session is in order for its model."""
        self.put_in_order(session)
        return self.tab(whose(session))

    def put_in_order(self, session: Visitor) -> bool:
        """Put a session in order for the model of its visitor; says whether it was of another one."""
        if self._parent is not None:
            return self._parent.put_in_order(session)
        tab: Any = self.tab(whose(session))
        if not hasattr(tab, "renew"):
            return False
        with self._turning:
            made_for = session.on or self.tab().slot  # type: ignore[attr-defined]  # as of a tab that can be renewed
            is_other = made_for is not tab.slot
            session.on = tab.slot
            if is_other:
                tab.renew(session)
            return is_other

    def also(self, make: Callable[[Tab], Other]) -> "PerVisitor[Other]":
        """What goes with each of these tabs."""
        return PerVisitor(lambda whose: make(self.tab(whose)), self._using, self)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.tab(), name)
        if not ismethod(method):
            raise AttributeError(f"{name} is no handler: it is not the same for all visitors.")

        if isgeneratorfunction(method):

            @wraps(method)
            def streaming(*given: Any) -> Iterator[Any]:
                session = session_among(given)
                chosen = session.model
                with self._using(whose(session)), closing(getattr(self.of(session), name)(*given)) as updates:
                    for update in updates:
                        if session.model != chosen:
                            return
                        yield update
                        if session.model != chosen:  # or it would have the model loaded again that was left
                            return

            return streaming

        @wraps(method)
        def answering(*given: Any) -> Any:
            session = session_among(given)
            with self._using(whose(session)):
                return getattr(self.of(session), name)(*given)

        return answering


def whose(session: Visitor) -> Whose:
    """What is known of a visitor. The language is that of the request with which they came first: it holds for as long
    as the page does, whatever they choose in another one meanwhile."""
    if session.language is None:
        request = LocalContext.request.get(None)
        if request is None:
            return Whose(model=session.model)
        session.language = wanted(request)
    return Whose(session.language, session.model)


def session_among(arguments: tuple[Any, ...]) -> Visitor:
    """The session among the arguments of an event that knows its visitor: the one with a run, where there are two."""
    found = [one for one in arguments if isinstance(one, Visitor)]
    return next((one for one in found if isinstance(one, Running)), found[0])


def language_of(*arguments: Any) -> Translator:
    """The translator of the visitor whose session is among the arguments of an event."""
    return whose(session_among(arguments)).t
