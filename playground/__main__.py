"""The program (app.py, `decoding-playground`, `python -m playground`): read the settings, build the page, serve it."""

import os
import sys
import threading
from dataclasses import replace

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before gradio is imported: no telemetry
# before huggingface_hub is imported: files come by plain HTTP, which says how far it is and can be called off
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
# before torch is imported: waiting threads must not spin, or a browser on the same cores slows every chart tenfold
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from playground import settings
from playground.engines.huggingface.hub import Hub
from playground.engines.huggingface.model_files import is_folder
from playground.engines.known import cached, known, named
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
    if not options.is_public:
        threading.Thread(target=_add_cached, args=(shelf,), name="read-cache", daemon=True).start()
    page.launch(page.build(shelf, options.is_public), options)


def on_shelf(options: settings.Settings) -> Shelf:
    """The models that the page offers: those that come with it, before them the one that was named."""
    hub = Hub(options.memory_budget)
    entries, first = (*shipped(), *on_this_machine(), *known(hub)), ""
    if not options.is_default_model:
        own, there = _own(options, hub), os.path.realpath(options.model)
        own = next((entry for entry in entries if os.path.realpath(entry.source) == there), own)
        entries = (own, *(entry for entry in entries if entry.name != own.name))
        first = own.name
    shelf = Shelf(entries, late.load, first=first, budget=options.memory_budget, how=options.how)
    if options.adapter:
        shelf.add_adapter(options.adapter)
    return shelf


def _own(options: settings.Settings, hub: Hub) -> Entry:
    """The model that was named at the start."""
    if is_folder(options.model):
        return Entry(shown_name(options.model), options.model, options.public_model)
    found = named(options.model, hub)
    return replace(found, name=found.shown)


def _add_cached(shelf: Shelf) -> None:
    """What lies in the Hub's cache here comes on the shelf, but for what is there by another name."""
    there = {entry.source for entry in shelf.entries}
    for entry in cached(Hub(shelf.budget)):
        if entry.source not in there:
            shelf.add(entry)


def _refuse_absent(name: str, command: str) -> None:
    """Exits with a message where there is no such device; torch is imported to know that, so only if one is named."""
    from playground.engines.huggingface import device

    try:
        device.check(name)
    except device.NoDeviceError as error:
        sys.exit(f"{command}: error: --device {name}: {error}")


if __name__ == "__main__":
    main("python -m playground")
