"""From Python: `playground.show` opens the page on a model in memory, in a notebook's cell or in the browser."""

import os
import sys
import webbrowser
from html import escape
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before gradio is imported: no telemetry

from playground.engines.huggingface import checkpoint
from playground.engines.huggingface.backend import from_parts
from playground.engines.huggingface.twin import twin
from playground.engines.loading import ModelSlot, shown_name
from playground.errors import InvalidArgumentError
from playground.i18n import translator
from playground.notebook import checked
from playground.runs import late
from playground.settings import Settings
from playground.tabs import page


class Shown:
    """A page that is being served. Last in a notebook's cell it is the page itself.

    Attributes:
        url: where it is, on this machine.
        height: of the page in a cell, in pixels.
    """

    def __init__(self, demo: Any, height: int) -> None:
        self._demo = demo
        self.url: str = demo.local_url
        self.height = height

    def __repr__(self) -> str:
        return f"<playground.Shown at {self.url}>"

    def _repr_html_(self) -> str:
        allowed = "clipboard-read; clipboard-write; fullscreen"
        return (
            f'<iframe src="{escape(self.url)}" title="{escape(translator()("page.title"))}" width="100%" '
            f'height="{self.height}" allow="{allowed}" style="border:1px solid rgba(128,128,128,.4)"></iframe>'
        )

    def wait(self) -> None:
        """Go on only when somebody interrupts (Ctrl-C), which ends the page too."""
        self._demo.block_thread()

    def close(self) -> None:
        """End the page: its address answers no more, and nothing here holds the model any longer."""
        self._demo.close()


def show(
    model: Any, tokenizer: Any, *, name: str | None = None, port: int | None = None, height: int = 900,
    browser: bool | None = None, wait: bool | None = None,
) -> Shown:  # fmt: skip
    """Serve the page around a model of transformers that is in memory, on this machine only.

    The model is left as it is: the page works on a twin that shares its weights and keeps transformers' own kernels.
    The weights are those of the moment: train on, and the next run on the page is of the trained model.

    Args:
        model: a causal language model in float32, on the processor; one with an adapter of peft too.
        tokenizer: its tokenizer.
        name: to show in the header; the last part of the folder or id that the model is from.
        port: where to serve; the first free one from 7860 on.
        height: of the page in a notebook's cell, in pixels.
        browser: whether to open a browser; None: unless in a notebook, where the page is in the cell.
        wait: whether to return only when interrupted (Ctrl-C); None: in a script, which else would end with its page.

    Raises InvalidArgumentError, which names the argument; ModelUnavailableError for a model that this page would not
    read as `generate` does; OSError where no port is free.
    """
    model = checked(model)
    if type(height) is not int or height < 1:
        raise InvalidArgumentError(name="height", rule="a number of pixels", value=height)
    late.load()
    name = name or shown_name(model.name_or_path) or type(model).__name__
    checkpoint.check_config(name, model.config)
    backend = from_parts(twin(model), tokenizer, name, exact=True)
    checkpoint.check_reading(name, backend.model)
    backend.model.let_change()
    slot = ModelSlot.filled(backend, model.name_or_path or name)
    demo = page.build(slot)
    page.launch(demo, Settings(), server_port=port, inline=False, prevent_thread_lock=True, quiet=True)
    shown = Shown(demo, height)
    inside = _is_notebook()
    try:
        if browser or (browser is None and not inside):
            print(shown.url, flush=True)
            webbrowser.open(shown.url)
        if wait or (wait is None and not inside and not _is_by_hand()):
            shown.wait()
    except KeyboardInterrupt:  # while the browser opened
        shown.close()
    return shown


def _is_notebook() -> bool:
    """Whether this is a notebook's kernel, which shows what is last in a cell."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return hasattr(shell, "kernel")


def _is_by_hand() -> bool:
    """Whether somebody types the lines: there the page may stay while the next is typed."""
    return hasattr(sys, "ps1") or bool(sys.flags.interactive) or "IPython" in sys.modules
