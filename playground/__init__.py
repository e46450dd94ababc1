"""Decoding Playground: see a language model choose its next token."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from playground.settings import VERSION

if TYPE_CHECKING:
    from playground.notebook import Trace, trace
    from playground.showing import Shown, show

__version__ = VERSION
__all__ = ["Shown", "Trace", "show", "trace"]
_FROM = {"Shown": "showing", "Trace": "notebook", "show": "showing", "trace": "notebook"}


def __getattr__(name: str) -> Any:
    """What is for Python, imported when it is asked for: it brings torch and transformers, and `show` Gradio."""
    if name not in _FROM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"playground.{_FROM[name]}"), name)
