"""Loading in the background: the page answers while the model is still on its way."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar, cast

from playground.errors import ModelUnavailableError

if TYPE_CHECKING:
    from playground.backends.huggingface import Backend


Result = TypeVar("Result")


def shown_name(name_or_path: str) -> str:
    """The last part of a folder or Hub id."""
    return name_or_path.rstrip("/").rsplit("/", 1)[-1]


class ModelSlot:
    """A place for one model, filled by a thread. Shared by all sessions.

    Attributes:
        name_or_path: where to load from; `public_name` is how a reader of the page would write it.
        display_name: the name to show.
    """

    def __init__(self, name_or_path: str, display_name: str | None = None, public_name: str | None = None) -> None:
        self.name_or_path = name_or_path
        self.display_name = display_name or shown_name(name_or_path)
        self.public_name = public_name or name_or_path
        self._results: dict[str, object] = {}
        self._once = threading.Lock()
        self._result: Future[Backend] = Future()

    @classmethod
    def filled(cls, backend: "Backend", name_or_path: str) -> "ModelSlot":
        """A slot around a model that is already in memory."""
        slot = cls(name_or_path, backend.info.name)
        slot._result.set_result(backend)
        return slot

    def start(self) -> "ModelSlot":
        """Begin to load, in a thread that does not keep the process alive."""
        threading.Thread(target=self._load, name="load-model", daemon=True).start()
        return self

    @property
    def is_ready(self) -> bool:
        """Whether `get` answers (or raises) at once."""
        return self._result.done()

    def get(self) -> "Backend":
        """The model; waits while it loads. Raises ModelUnavailableError, with the reason, if it can't be loaded."""
        return self._result.result()

    def once(self, key: str, compute: Callable[[], Result]) -> Result:
        """The result of `compute` for this model, computed by the first who asks and kept for all others."""
        with self._once:
            if key not in self._results:
                self._results[key] = compute()
            return cast(Result, self._results[key])

    def _load(self) -> None:
        try:
            from playground.backends import huggingface  # transformers takes seconds to import: not before the page

            self._result.set_result(huggingface.load(self.name_or_path, self.display_name))
        except ModelUnavailableError as error:
            print(error, flush=True)
            self._result.set_exception(error)
        except BaseException as error:
            self._result.set_exception(error)
            raise
