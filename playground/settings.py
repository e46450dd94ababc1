"""Settings: what the command line and the environment say about how the page is served."""

import argparse
import importlib.util
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

VERSION = "0.1.0"
_PACKAGE = Path(__file__).resolve().parent
IS_INSTALLED = (_PACKAGE / "assets").is_dir()  # a wheel has them inside the package, a checkout beside it
ASSETS = (_PACKAGE if IS_INSTALLED else _PACKAGE.parent) / "assets"
MODELS = ASSETS / "models"
DEFAULT_MODEL = MODELS / "storyteller"
TOKENIZERS = ASSETS / "tokenizers"
FIRST_RUN = ASSETS / "first_run.npz"
FIRST_BEAM = ASSETS / "first_beam.json"
POET = MODELS / "poet"
POETS_RUN = ASSETS / "poets_first_run.npz"
POETS_BEAM = ASSETS / "poets_first_beam.json"
DEFAULT_MODEL_NAME = "storyteller"
GGUF_EXTRA = ("gguf", "accelerate")  # the packages of the extra [gguf]
_SIZE = re.compile(r"(\d+(?:\.\d+)?) *([KMGT]i?B|B)", re.IGNORECASE)


Dtype = Literal["float32", "bfloat16", "int8"]


@dataclass(frozen=True)
class How:
    """How a model computes.

    Attributes:
        exact: whether it keeps transformers' own kernels, where there are faster ones.
        device: "auto" (a graphics card that has room for it, else the processor), "cpu", "cuda", "cuda:1" …, "mps".
        dtype: in how many bits; "int8" on the processor alone.
    """

    exact: bool = False
    device: str = "cpu"
    dtype: Dtype = "float32"


@dataclass(frozen=True)
class Settings:
    """How to serve.

    Attributes:
        model: folder, .gguf file or Hub id of a causal language model.
        host, port: where to listen.
        share: whether to ask Gradio for a public tunnel.
        on_space: whether this is a Hugging Face Space.
        exact: whether the model keeps transformers' own kernels, where there are faster ones.
        device: where models compute, as of How.
        public: whether the visitors are strangers, as said by hand (see `is_public`).
        dtype: in how many bits models compute, as of How.
        memory: the bytes that all models together may take; None: half of what this machine has.
        mcp: whether the endpoints are served as tools of the Model Context Protocol too.
        adapter: the folder of a LoRA adapter for the model, "" for none.
    """

    model: str = str(DEFAULT_MODEL)
    host: str = "127.0.0.1"
    port: int = 7860
    share: bool = False
    on_space: bool = False
    exact: bool = False
    device: str = "auto"
    public: bool = False
    memory: int | None = None
    dtype: Dtype = "float32"
    mcp: bool = False
    adapter: str = ""

    @property
    def how(self) -> How:
        return How(self.exact, self.device, self.dtype)

    @property
    def is_public(self) -> bool:
        """Whether strangers visit: said by hand, on a Space, or through a public address. They load nothing but what
        the page offers: no folder of this machine, and nothing that would be fetched for them."""
        return self.public or self.on_space or self.share

    @property
    def is_default_model(self) -> bool:
        return Path(self.model).resolve() == DEFAULT_MODEL

    @property
    def model_name(self) -> str | None:
        """The name to show, or None for that of the folder or id."""
        return DEFAULT_MODEL_NAME if self.is_default_model else None

    @property
    def public_model(self) -> str:
        """The model as a reader of the page would name it: the shipped one by its place in the repository, where
        there is none by its folder; strangers are not told that."""
        if not self.is_default_model or (IS_INSTALLED and not self.is_public):
            return self.model
        return in_repository(DEFAULT_MODEL)

    @property
    def memory_budget(self) -> int:
        return self.memory or machine_memory() // 2


def in_repository(path: Path) -> str:
    """A folder of ours by its place in the repository."""
    return path.relative_to(ASSETS.parent).as_posix()


def is_gguf(name: str) -> bool:
    """Whether a name is that of a file as llama.cpp packs models, there or not."""
    return name.lower().endswith(".gguf")


def absent(*packages: str) -> tuple[str, ...]:
    """Those that are not installed; none is imported."""
    return tuple(name for name in packages if importlib.util.find_spec(name) is None)


def machine_memory() -> int:
    """Bytes of this machine, or of its share for us where that is limited."""
    found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 8 * 2**30
    try:
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii"))
    except (OSError, ValueError):  # no limit, or another system
        limit = found
    return min(found, limit)


def read(arguments: Sequence[str], environment: Mapping[str, str] = os.environ, command: str = "app.py") -> Settings:
    """Settings from the command line, then the environment, then the defaults. Exits with a message on bad ones, which
    begins with the name of the command."""
    on_space = bool(environment.get("SPACE_ID"))
    parser = argparse.ArgumentParser(
        prog=command, description="Decoding Playground: see a language model choose its next token."
    )
    parser.add_argument(
        "--model",
        metavar="ID_OR_FOLDER",
        default=environment.get("PLAYGROUND_MODEL") or str(DEFAULT_MODEL),
        help="any causal language model that transformers can load, from a folder, a .gguf file or the Hugging Face "
        "Hub (default: the model in assets/; environment: PLAYGROUND_MODEL)",
    )
    parser.add_argument(
        "--host", default="0.0.0.0" if on_space else "127.0.0.1", help="address to listen on (default: %(default)s)"
    )
    parser.add_argument(
        "--port", type=_port, default=environment.get("GRADIO_SERVER_PORT") or "7860", help="default: %(default)s"
    )
    parser.add_argument(
        "--share", action="store_true", help="ask Gradio for a public address (needs network; as --public)"
    )
    parser.add_argument(
        "--exact", action="store_true", help="keep transformers' own kernels: slower, and equal to it to the last bit"
    )
    parser.add_argument(
        "--device",
        type=_device,
        metavar="auto|cpu|cuda|cuda:1|mps",
        default=environment.get("PLAYGROUND_DEVICE") or "auto",
        help="where the model computes; auto takes a graphics card that has room for it, else the processor "
        "(default: auto; environment: PLAYGROUND_DEVICE)",
    )
    parser.add_argument(
        "--dtype",
        choices=get_args(Dtype),
        default="float32",
        help="bfloat16 and int8 are rounded, and the page says so; the float32 weights stay in memory to compare with "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--public",
        action="store_true",
        help="visitors are strangers: they may load what the page offers, and no folder or Hub id that they name "
        "(always so on a Hugging Face Space)",
    )
    parser.add_argument(
        "--memory",
        type=_bytes,
        metavar="6GB",
        help="what all loaded models together may take: beyond it the one that was used longest ago is dropped "
        "(default: half of the machine's)",
    )
    parser.add_argument(
        "--mcp",
        action="store_true",
        help="serve the endpoints as tools of the Model Context Protocol too (the extra [mcp])",
    )
    parser.add_argument(
        "--adapter",
        metavar="FOLDER",
        default="",
        help="a LoRA adapter of the model, as peft saves one: on the shelf beside it, at any scale from 0 to 2",
    )
    options = parser.parse_args(arguments)
    if options.mcp and absent("mcp"):
        parser.error(
            "--mcp: the package mcp is not installed. Install the extra: pip install '.[mcp]' (or 'gradio[mcp]'); it "
            "takes an older pydantic, so best in a virtual environment of its own"
        )
    folder = Path(os.path.expanduser(options.model))  # leaves ~nobody as it is
    looks_like_a_path = folder.is_absolute() or options.model.startswith((".", "~")) or options.model.count("/") > 1
    if folder.is_dir():
        options.model = str(folder)
        if not any((folder / name).is_file() for name in ("config.json", "adapter_config.json")):
            parser.error(
                f"--model {options.model}: the folder has no config.json; name a folder saved by transformers, or a "
                "LoRA adapter's"
            )
    elif is_gguf(options.model):
        if not folder.is_file():
            parser.error(f"--model {options.model}: there is no such file")
        if missing := absent(*GGUF_EXTRA):
            parser.error(
                f"--model {options.model}: GGUF files need {' and '.join(missing)}. Install the extra: "
                "pip install '.[gguf]'"
            )
        options.model = str(folder)
    elif looks_like_a_path:
        parser.error(f"--model {options.model}: there is no such folder")
    if options.adapter and (problem := _unfit_adapter(Path(options.adapter).expanduser())):
        parser.error(f"--adapter {options.adapter}: {problem}")
    if options.adapter and options.dtype != "float32":
        parser.error("--adapter: an adapter is computed in float32: leave out --dtype")
    adapter = os.path.realpath(os.path.expanduser(options.adapter)) if options.adapter else ""
    return Settings(
        options.model, options.host, options.port, options.share, on_space, options.exact, options.device,
        options.public, options.memory, options.dtype, options.mcp, adapter,
    )  # fmt: skip


def _unfit_adapter(folder: Path) -> str:
    """Why a folder is not that of a LoRA adapter; "" for one that is, as far as its configuration says."""
    if not folder.is_dir():
        return "there is no such folder"
    config = folder / "adapter_config.json"
    if not config.is_file():
        return "the folder has no adapter_config.json; name one that peft's save_pretrained has written"
    try:
        kind = json.loads(config.read_text(encoding="utf-8")).get("peft_type")
    except (OSError, ValueError, AttributeError) as error:
        return f"its adapter_config.json can't be read ({error})"
    if kind != "LORA":
        return f"its adapter is {kind}, not LORA, which is all that this page reads; merge it into its model"
    return "" if (folder / "adapter_model.safetensors").is_file() else "the folder has no adapter_model.safetensors"


def _bytes(text: str) -> int:
    """A number of bytes: 6GB, 800 MB, 1.5 GiB."""
    found = _SIZE.fullmatch(text.strip())
    if not found or not float(found[1]):
        raise argparse.ArgumentTypeError(f"a size is a number and a unit such as 6GB or 800MB, not {text}")
    unit = found[2].upper()
    return int(float(found[1]) * (1024 if "I" in unit else 1000) ** "BKMGT".index(unit[0]))


def _device(text: str) -> str:
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", text):
        raise argparse.ArgumentTypeError(f"a device is auto, cpu, mps, cuda or cuda:1, not {text}")
    return text


def _port(text: str) -> int:
    port = int(text)
    if not 0 < port < 65536:
        raise argparse.ArgumentTypeError(f"a port is a number from 1 to 65535, not {text}")
    return port
