"""Versions: what a run was made with."""

import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType

from playground.settings import VERSION as PLAYGROUND


@cache
def versions() -> Mapping[str, str]:
    """Of the playground, Python and, where they are installed, torch and transformers."""
    found = {"decoding-playground": PLAYGROUND, "python": platform.python_version()}
    for name in ("torch", "transformers"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return MappingProxyType(found)
