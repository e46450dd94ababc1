"""Settings: what the command line and the environment say about how the page is served."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ASSETS = Path(__file__).resolve().parent.parent / "assets"
DEFAULT_MODEL = ASSETS / "model"
FIRST_RUN = ASSETS / "first_run.npz"
FIRST_BEAM = ASSETS / "first_beam.json"
DEFAULT_MODEL_NAME = "storyteller"


@dataclass(frozen=True)
class Settings:
    """How to serve.

    Attributes:
        model: folder or Hub id of a causal language model.
        host, port: where to listen.
        share: whether to ask Gradio for a public tunnel.
        on_space: whether this is a Hugging Face Space.
    """

    model: str = str(DEFAULT_MODEL)
    host: str = "127.0.0.1"
    port: int = 7860
    share: bool = False
    on_space: bool = False

    @property
    def is_default_model(self) -> bool:
        return Path(self.model).resolve() == DEFAULT_MODEL

    @property
    def model_name(self) -> str | None:
        """The name to show, or None for that of the folder or id."""
        return DEFAULT_MODEL_NAME if self.is_default_model else None

    @property
    def public_model(self) -> str:
        """The model as a reader of the page would name it: the shipped one by its place in the repository."""
        return DEFAULT_MODEL.relative_to(ASSETS.parent).as_posix() if self.is_default_model else self.model


def read(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the command line, then the environment, then the defaults. Exits with a message on bad ones."""
    on_space = bool(environment.get("SPACE_ID"))
    parser = argparse.ArgumentParser(
        prog="app.py", description="Decoding Playground: see a language model choose its next token."
    )
    parser.add_argument(
        "--model",
        metavar="ID_OR_FOLDER",
        default=environment.get("PLAYGROUND_MODEL") or str(DEFAULT_MODEL),
        help="any causal language model that transformers can load, from a folder or the Hugging Face Hub "
        "(default: the model in assets/; environment: PLAYGROUND_MODEL)",
    )
    parser.add_argument(
        "--host", default="0.0.0.0" if on_space else "127.0.0.1", help="address to listen on (default: %(default)s)"
    )
    parser.add_argument(
        "--port", type=_port, default=environment.get("GRADIO_SERVER_PORT") or "7860", help="default: %(default)s"
    )
    parser.add_argument("--share", action="store_true", help="ask Gradio for a public address (needs network)")
    options = parser.parse_args(arguments)
    folder = Path(os.path.expanduser(options.model))  # leaves ~nobody as it is
    looks_like_a_path = folder.is_absolute() or options.model.startswith((".", "~")) or options.model.count("/") > 1
    if folder.is_dir():
        options.model = str(folder)
        if not (folder / "config.json").is_file():
            parser.error(f"--model {options.model}: the folder has no config.json; name a folder saved by transformers")
    elif looks_like_a_path:
        parser.error(f"--model {options.model}: there is no such folder")
    return Settings(options.model, options.host, options.port, options.share, on_space)


def _port(text: str) -> int:
    port = int(text)
    if not 0 < port < 65536:
        raise argparse.ArgumentTypeError(f"a port is a number from 1 to 65535, not {text}")
    return port
