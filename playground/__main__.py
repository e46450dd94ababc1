"""The program (app.py, `decoding-playground`, `python -m playground`): read the settings, build the page, serve it."""

import os
import sys

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before gradio is imported: no telemetry
# before torch is imported: waiting threads must not spin, or a browser on the same cores slows every chart tenfold
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from playground import settings
from playground.engines.loading import ModelSlot
from playground.runs import late
from playground.tabs import page


def main(command: str = "decoding-playground") -> None:
    """Serve the page until the process is ended; `command` is what the program is called in its own help."""
    options = settings.read(sys.argv[1:], command=command)
    slot = ModelSlot(options.model, options.model_name, options.public_model, options.exact).start(late.load)
    page.launch(page.build(slot, options.is_public), options)


if __name__ == "__main__":
    main("python -m playground")
