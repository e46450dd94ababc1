"""Loading in the background: the page answers while the model is still on its way."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Literal, TypeVar, cast

from playground.errors import ModelUnavailableError

if TYPE_CHECKING:
    from playground.engines.protocol import Engine


Result = TypeVar("Result")
LoadingState = Literal["loading", "ready", "failed"]
_log = logging.getLogger("playground")


def shown_name(name_or_path: str) -> str:
    """The last part of a folder or Hub id."""
    return name_or_path.rstrip("/").rsplit("/", 1)[-1]


class ModelSlot:
    """A place for one model, filled by a thread. Shared by all sessions.

    Attributes:
        name_or_path: where to load from; `public_name` is how a reader of the page would write it.
        display_name: the name to show.
        exact: whether to keep transformers' own kernels.
    """

    def __init__(
        self,
        name_or_path: str,
        display_name: str | None = None,
        public_name: str | None = None,
        exact: bool = False,
    ) -> None:
        self.name_or_path = name_or_path
        self.exact = exact
        self.display_name = display_name or shown_name(name_or_path)
        self.public_name = public_name or name_or_path
        self._results: dict[str, object] = {}
        self._once = threading.Lock()
        self._result: Future[Engine] = Future()
        self._is_started = False

    @classmethod
    def filled(cls, backend: "Engine", name_or_path: str) -> "ModelSlot":
        """A slot around a model that is already in memory."""
        slot = cls(name_or_path, backend.info.name)
        slot._result.set_result(backend)
        return slot

    def start(self, prepare: Callable[[], object]) -> "ModelSlot":
        """Begin to load, in a thread that does not keep the process alive.

        `prepare` is called first of all, in that thread: it imports what handlers need besides the model, so that no
        two threads import transformers at the same time.
        """
        self._is_started = True
        threading.Thread(target=self._load, args=(prepare,), name="load-model", daemon=True).start()
        return self

    def wait(self) -> None:
        """Until there is a model, or the reason why there is none. Of a slot that was never started: not at all."""
        if self._is_started:
            self._result.exception()

    def get(self) -> "Engine":
        """The model; waits while it loads. Raises ModelUnavailableError, with the reason, if it can't be loaded."""
        return self._result.result()

    @property
    def is_ready(self) -> bool:
        """Whether `get` answers at once, and with a model."""
        return self.state == "ready"

    @property
    def state(self) -> LoadingState:
        """How far it is: `get` waits for a model that is "loading", answers for one that is "ready", raises for one
        that "failed"."""
        if not self._result.done():
            return "loading"
        return "failed" if self._result.exception() else "ready"

    @property
    def failure(self) -> BaseException | None:
        """Why there is no model; None while there may be one. Does not wait."""
        return self._result.exception() if self._result.done() else None

    def once(self, key: str, compute: Callable[[], Result]) -> Result:
        """The result of `compute` for this model, computed by the first who asks and kept for all others."""
        with self._once:
            if key not in self._results:
                self._results[key] = compute()
            return cast(Result, self._results[key])

    def _load(self, prepare: Callable[[], object]) -> None:
        try:
            prepare()
            from playground.engines.huggingface import backend as huggingface

            self._result.set_result(huggingface.load(self.name_or_path, self.display_name, self.exact))
        except ModelUnavailableError as error:
            _log.error("%s", error, exc_info=error.__cause__)
            self._result.set_exception(error)
        except BaseException as error:  # whoever waits must not wait for ever
            _log.exception("The model could not be loaded")
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            self._result.set_exception(ModelUnavailableError(name=self.name_or_path, reason=f"{reason.rstrip('.')}."))
