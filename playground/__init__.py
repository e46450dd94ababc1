"""Decoding Playground: see a language model choose its next token."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playground.notebook import Trace, trace

__version__ = "0.1.0"
__all__ = ["Trace", "trace"]


def __getattr__(name: str) -> Any:
    """`trace` and `Trace`, imported when they are asked for: they bring torch and transformers."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from playground import notebook

    return getattr(notebook, name)
