"""The program (app.py, `decoding-playground`, `python -m playground`): read the settings, build the page, serve it."""

import os
import sys

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before gradio is imported: no telemetry
# before torch is imported: waiting threads must not spin, or a browser on the same cores slows every chart tenfold
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from playground import settings
from playground.engines.loading import shown_name
from playground.engines.shelf import Entry, Shelf, on_this_machine, shipped
from playground.runs import late
from playground.tabs import page


def main(command: str = "decoding-playground") -> None:
    """Serve the page until the process is ended; `command` is what the program is called in its own help."""
    options = settings.read(sys.argv[1:], command=command)
    if options.device not in ("auto", "cpu"):
        _refuse_absent(options.device, command)
    shelf = on_shelf(options)
    shelf.slot(shelf.first_name).start()
    page.launch(page.build(shelf, options.is_public), options)


def on_shelf(options: settings.Settings) -> Shelf:
    """The models that the page offers: those that come with it, before them the one that was named."""
    entries, first = (*shipped(), *on_this_machine()), ""
    if not options.is_default_model:
        named = Entry(shown_name(options.model), options.model, options.public_model)
        there = os.path.realpath(options.model)
        named = next((entry for entry in entries if os.path.realpath(entry.source) == there), named)
        entries = (named, *(entry for entry in entries if entry.name != named.name))
        first = named.name
    return Shelf(entries, late.load, first=first, budget=options.memory_budget, how=options.how)


def _refuse_absent(name: str, command: str) -> None:
    """Exits with a message where there is no such device; torch is imported to know that, so only if one is named."""
    from playground.engines.huggingface import device

    try:
        device.check(name)
    except device.NoDeviceError as error:
        sys.exit(f"{command}: error: --device {name}: {error}")


if __name__ == "__main__":
    main("python -m playground")
