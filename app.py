"""Decoding Playground: read the settings, build the page, serve it."""

import os
import sys

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before gradio is imported: no telemetry
# before torch is imported: waiting threads must not spin, or a browser on the same cores slows every chart tenfold
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from playground import settings
from playground.backends.loading import ModelSlot
from playground.tabs import page


def main() -> None:
    options = settings.read(sys.argv[1:])
    slot = ModelSlot(options.model, options.model_name, options.public_model).start()
    page.launch(page.build(slot), options)


if __name__ == "__main__":
    main()
