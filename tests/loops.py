"""A loop to build a page in: in a thread of its own, since in a test's thread Playwright may have one that runs."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Result = TypeVar("Result")


def in_a_loop(ask: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """What `ask` comes to in a loop of its own. Outside of a loop Gradio makes many, and closes none."""
    with ThreadPoolExecutor(1) as other_thread:
        return other_thread.submit(asyncio.run, ask()).result()
