"""Threads by shape: what is too small to share out is computed by the calling thread alone.

OpenMP keeps the number of its threads for each thread that calls it, and torch reads it there; `torch.set_num_threads`
sets it for all that begin later too. So it is asked directly, by the library that torch brings; where that is not
found, nothing changes.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch

_LIBRARIES = ("libgomp*.so*", "libomp*.so*", "libiomp5*.so*", "libomp*.dylib", "libiomp5*.dylib")


def alone() -> int:
    """From here on this thread computes by itself, until `again`; returns how many there were, 0 if nothing changed."""
    count = torch.get_num_threads()
    tell = _teller()
    if count == 1 or tell is None:
        return 0
    tell(1)
    return count


def again(count: int) -> None:
    """As before `alone`, which returned this."""
    tell = _teller()
    if count and tell is not None:
        tell(count)


def can_change() -> bool:
    """Whether `alone` does anything on this machine, where there are threads."""
    return _teller() is not None


@cache
def _teller() -> Callable[[int], object] | None:
    """OpenMP's own call, tried: torch has to see what it changes."""
    torch.get_num_threads()  # sets the number of this thread, if it was not yet
    folder = Path(torch.__file__).parent / "lib"
    for path in (path for pattern in _LIBRARIES for path in sorted(folder.glob(pattern))):
        try:
            library = ctypes.CDLL(str(path))
            tell, most = library.omp_set_num_threads, library.omp_get_max_threads
        except (OSError, AttributeError):
            continue
        before = most()
        tell(before + 1)
        is_seen = torch.get_num_threads() == before + 1
        tell(before)
        if is_seen:
            return tell
    return None
