"""Budget: how long a look may take, so that a long text under many settings never holds the page up."""

import time
from collections.abc import Callable


class Budget:
    """So many seconds from now on. What does not fit into them is left for another look."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    def share(self, parts: int = 1) -> Callable[[], bool]:
        """Tells when the next of so many parts, all of them to come, has had its part of what is left."""
        now = self._clock()
        end = now + max(0.0, self._end - now) / parts
        return lambda: self._clock() >= end
