"""Loading in the background: the page answers while a model is on its way; it can be called off, dropped, got again."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar, cast

from playground.errors import ModelUnavailableError
from playground.i18n import Said, say
from playground.settings import How

if TYPE_CHECKING:
    from playground.engines.protocol import Engine


Result = TypeVar("Result")
LoadingState = Literal["absent", "loading", "ready", "failed"]
_AS_IT_IS = How()
_log = logging.getLogger("playground")
_one_at_a_time = threading.Lock()  # transformers imports architectures as they come: two threads would meet in that


def shown_name(name_or_path: str) -> str:
    """The last part of a folder or Hub id."""
    return name_or_path.rstrip("/").rsplit("/", 1)[-1]


class CalledOffError(ModelUnavailableError):
    """Somebody said that the model need not come. values: name, reason."""


class Progress:
    """How far a model has come: `done` of `total` bytes are here (0 of 0: not known, or nothing is fetched); what it
    will take in memory (`takes`, 0 where that is not known)."""

    def __init__(self) -> None:
        self.done = self.total = self.takes = 0
        self.is_called_off = False

    def go_on(self) -> None:
        """Whoever loads asks now and then. Raises CalledOffError."""
        if self.is_called_off:
            raise CalledOffError(name="", reason=say("shelf.called_off"))


class _Attempt:
    """One attempt at loading: what comes of it, and how far it is."""

    def __init__(self) -> None:
        self.result: Future[Engine] = Future()
        self.progress = Progress()
        self.is_begun = False


class ModelSlot:
    """A place for one model, filled by a thread. Shared by all sessions.

    Attributes:
        name_or_path: where to load from; `public_name` is how a reader of the page would write it.
        display_name: the name to show; `name` is the one that links and programs ask for it by.
        how: how it computes.
        used_at: when the model was used last, by the monotonic clock; while it is used, when that began.
        on_change: called after the model has come, and whenever it is used no longer.
    """

    def __init__(
        self, name_or_path: str, display_name: str | None = None, public_name: str | None = None, how: How = _AS_IT_IS,
        *, prepare: Callable[[], object] | None = None,
        name: str = "", fetch: Callable[[Progress], object] = lambda progress: None,
        load: "Callable[[], Engine] | None" = None,
    ) -> None:  # fmt: skip
        """A slot that is told how to `prepare` (see `start`) loads by itself whenever its model is asked for. `fetch`
        brings what lies elsewhere and may take its time, and says in which folder it lies then, if in one; `load` makes
        the model, of several slots one after another (None: from that folder, or `name_or_path`)."""
        self.name_or_path = name_or_path
        self.how = how
        self.display_name = display_name or shown_name(name_or_path)
        self.public_name = public_name or name_or_path
        self.name = name or self.display_name
        self.used_at = 0.0
        self.on_change: Callable[[], None] = lambda: None
        self._prepare, self._fetch, self._load_model = prepare, fetch, load
        self._results: dict[str, object] = {}
        self._once = threading.Lock()
        self._lock = threading.Lock()
        self._attempt = _Attempt()
        self._uses = 0

    @classmethod
    def filled(cls, backend: "Engine", name_or_path: str) -> "ModelSlot":
        """A slot around a model that is already in memory."""
        slot = cls(name_or_path, backend.info.name)
        slot._result.set_result(backend)
        return slot

    @property
    def _result(self) -> "Future[Engine]":
        return self._attempt.result

    # ---- coming

    def start(self, prepare: Callable[[], object] | None = None) -> "ModelSlot":
        """Begin to load, in a thread that does not keep the process alive; once more where that has failed. A model
        that is here, or on its way, stays.

        `prepare` is called first of all, in that thread: it imports what handlers need besides the model, so that no
        two threads import transformers at the same time.
        """
        with self._lock:
            self._prepare = prepare or self._prepare
            if self._attempt.result.done() and self._attempt.result.exception():
                self._attempt = _Attempt()
            self._begin()
        return self

    def _begin(self) -> None:
        attempt = self._attempt
        if self._prepare is None or attempt.is_begun or attempt.result.done():
            return
        attempt.is_begun = True
        threading.Thread(target=self._load, args=(attempt, self._prepare), name="load-model", daemon=True).start()

    def call_off(self) -> None:
        """Whoever waits for the model waits no longer (CalledOffError); whoever asks for it later begins anew."""
        with self._lock:
            attempt = self._attempt
            if not attempt.is_begun or attempt.result.done():
                return
            attempt.progress.is_called_off = True
            self._attempt = _Attempt()
        attempt.result.set_exception(CalledOffError(name=self.display_name, reason=say("shelf.called_off")))

    def _load(self, attempt: _Attempt, prepare: Callable[[], object]) -> None:
        found: Engine | None = None
        failure: BaseException | None = None
        try:
            folder = self._fetch(attempt.progress)
            with _one_at_a_time:
                attempt.progress.go_on()
                prepare()
                found = self._load_model() if self._load_model else self._from_files(folder)
        except ModelUnavailableError as error:
            if not isinstance(error, CalledOffError):
                _log.error("%s", error, exc_info=error.__cause__)
            failure = error
        except BaseException as error:  # whoever waits must not wait for ever
            _log.exception("The model could not be loaded")
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            failure = ModelUnavailableError(name=self.name_or_path, reason=f"{reason.rstrip('.')}.")
        with self._lock:
            if attempt.progress.is_called_off:
                return
            self.used_at = time.monotonic()
            if found is None:
                attempt.result.set_exception(failure)
            else:
                attempt.result.set_result(found)
        del found, attempt  # this thread holds no model while others are made room for
        self.on_change()

    def _from_files(self, folder: object) -> "Engine":
        from playground.engines.huggingface import backend as huggingface

        if not isinstance(folder, Path):
            return huggingface.load(self.name_or_path, self.display_name, self.how)
        try:
            return huggingface.load(str(folder), self.display_name, self.how)
        except ModelUnavailableError as error:  # by the name that people know it by
            raise ModelUnavailableError(name=self.name_or_path, reason=reason_of(error)) from error.__cause__

    # ---- being here

    def wait(self) -> None:
        """Until there is a model, or the reason why there is none. Of one that nobody has begun to load: not at all."""
        if self._attempt.is_begun:
            self._attempt.result.exception()

    def get(self) -> "Engine":
        """The model; waits while it loads, and has it loaded where it is absent. Raises ModelUnavailableError, with
        the reason, if it can't be loaded."""
        with self._lock:
            self._begin()
            result = self._attempt.result
        return result.result()

    @property
    def is_ready(self) -> bool:
        """Whether `get` answers at once, and with a model."""
        return self.state == "ready"

    @property
    def state(self) -> LoadingState:
        """How far it is: `get` waits for a model that is "absent" (nobody has asked for it yet, or it was dropped) or
        "loading", answers for one that is "ready", raises for one that "failed"."""
        attempt = self._attempt
        if not attempt.result.done():
            return "loading" if attempt.is_begun or self._prepare is None else "absent"
        return "failed" if attempt.result.exception() else "ready"

    @property
    def progress(self) -> Progress:
        """How far a model has come that is loading."""
        return self._attempt.progress

    @property
    def failure(self) -> BaseException | None:
        """Why there is no model; None while there may be one. Does not wait."""
        result = self._attempt.result
        return result.exception() if result.done() else None

    @property
    def bytes(self) -> int:
        """What the model takes; 0 where there is none, and of an engine elsewhere."""
        result = self._attempt.result
        return int(getattr(result.result().model, "bytes", 0)) if result.done() and not result.exception() else 0

    def once(self, key: str, compute: Callable[[], Result]) -> Result:
        """The result of `compute` for this model, computed by the first who asks and kept for all others."""
        with self._once:
            if key not in self._results:
                self._results[key] = compute()
            return cast(Result, self._results[key])

    def has(self, key: str) -> bool:
        """Whether `once` has computed this already."""
        return key in self._results

    # ---- going

    @contextmanager
    def using(self) -> Iterator[None]:
        """Meanwhile the model is not dropped."""
        with self._lock:
            self._uses += 1
            self.used_at = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._uses -= 1
                self.used_at = time.monotonic()
            self.on_change()

    @property
    def is_in_use(self) -> bool:
        return self._uses > 0

    def drop(self) -> bool:
        """Let go of the model and of all that was made of it; says no to one that is in use, not here, or could not be
        got again."""
        with self._lock:
            result = self._attempt.result
            if self._uses or self._prepare is None or not result.done() or result.exception():
                return False
            self._attempt, self._results = _Attempt(), {}
        return True


def reason_of(error: BaseException) -> Said | str:
    """Why a model could not be loaded, without its name."""
    found = error.values.get("reason") if isinstance(error, ModelUnavailableError) else None
    return found if isinstance(found, Said | str) else str(error)
