"""What a checkpoint holds: whether it is a causal language model with all its weights, and what it is if it is not."""

import pickle
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import GenerationConfig, LogitsProcessorList
from transformers.quantizers.auto import AutoHfQuantizer

from playground.errors import ModelUnavailableError
from playground.i18n import Joined, Said, say

if TYPE_CHECKING:
    from playground.engines.huggingface.backend import HuggingFaceModel

_LFS = b"version https://git-lfs"
_WEIGHTS = ("*.safetensors", "*.bin")
_TOKENIZERS = (
    "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.*", "spiece.model", "*.bpe.model",
    "*.tiktoken",
)  # fmt: skip
_NAMED = 3  # of missing weights, by name
_SEES_AHEAD = 1e-4  # of the largest logit: more than sums in another order make
_READS_OTHERWISE = 1e-3


def is_folder(name_or_path: str) -> bool:
    """Whether a name is meant as a folder of this machine, there or not; else it is one of the Hub."""
    path = Path(name_or_path).expanduser()
    looks_like_one = name_or_path.startswith((".", "/", "~")) or name_or_path.count("/") > 1 or "\\" in name_or_path
    return looks_like_one or path.exists()


def first_line(error: Exception) -> str:
    """The first line of an error's text, as a sentence."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(" .:") + "."


def unloaded(name_or_path: str, error: Exception) -> str | Said:
    """Why loading failed: the library's word, and for a name of the Hub what to check."""
    if isinstance(error, SafetensorError | EOFError):
        return say("unfit.damaged", error=first_line(error))
    if isinstance(error, pickle.UnpicklingError):
        return say("unfit.pickle")
    return first_line(error) if is_folder(name_or_path) else Joined((first_line(error), say("unfit.hub")))


def check_folder(name_or_path: str) -> None:
    """Look at the files of a folder before transformers does. Raises ModelUnavailableError for what is no model."""
    if not is_folder(name_or_path):
        return
    folder = Path(name_or_path).expanduser()

    def refuse(key: str, /, **values: object) -> ModelUnavailableError:
        return ModelUnavailableError(name=name_or_path, reason=say(key, **values))

    if not folder.is_dir():
        raise refuse("unfit.file" if folder.exists() else "unfit.no_folder")
    pointer = lfs_pointer(folder)
    if pointer:
        raise refuse("unfit.pointer", file=pointer)
    has_weights = _has_weights(folder)
    if not (folder / "config.json").is_file():
        raise refuse("unfit.gguf" if any(folder.glob("*.gguf")) else "unfit.no_config")
    if not has_weights:
        raise refuse("unfit.gguf" if any(folder.glob("*.gguf")) else "unfit.no_weights")
    if not any(_found(folder, _TOKENIZERS)):
        raise refuse("unfit.no_tokenizer")


def is_adapter(name_or_path: str) -> bool:
    """Whether that is a folder with an adapter and no model of its own."""
    folder = Path(name_or_path).expanduser()
    is_whole = (folder / "config.json").is_file() and _has_weights(folder)
    return (folder / "adapter_config.json").is_file() and not is_whole


def _has_weights(folder: Path) -> bool:
    return any(_found(folder, _WEIGHTS, lambda name: not name.startswith(("adapter_", "training_args"))))


def lfs_pointer(folder: Path) -> str | None:
    """The name of a file that git-lfs was to fetch and has not, if there is one."""
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.stat().st_size < 1024 and path.read_bytes().startswith(_LFS):
            return path.name
    return None


def _found(folder: Path, patterns: Iterable[str], wanted: Callable[[str], bool] = lambda name: True) -> Iterable[Path]:
    return (path for pattern in patterns for path in folder.glob(pattern) if wanted(path.name))


def check_config(name: str, config: Any) -> None:
    """Raises ModelUnavailableError for the configuration of an encoder-decoder, and for weights that are packed in a
    way that transformers does not know: it would read them as they lie there."""
    if getattr(config, "is_encoder_decoder", False):
        raise ModelUnavailableError(name=name, reason=say("unfit.encoder_decoder", held=held(config)))
    packed = getattr(config, "quantization_config", None)
    if isinstance(packed, dict) and not AutoHfQuantizer.supports_quant_method(packed):
        raise ModelUnavailableError(name=name, reason=say("unfit.packed", method=str(packed.get("quant_method"))))


def check_weights(name: str, config: Any, loading: dict[str, Any]) -> None:
    """Whether every weight came from the files: one that did not is random, and no comparison of the model with itself
    can notice. `loading` is transformers' `output_loading_info`, in which tied weights don't count as missing.

    Raises ModelUnavailableError.
    """
    mismatched, missing = sorted(loading["mismatched_keys"]), sorted(loading["missing_keys"])
    if mismatched:
        weight, theirs, wanted = mismatched[0]
        raise ModelUnavailableError(
            name=name, reason=say("unfit.mismatched", weight=weight, held=_shape(theirs), wanted=_shape(wanted))
        )
    if missing:
        raise ModelUnavailableError(
            name=name, reason=say("unfit.missing", held=held(config), count=len(missing), keys=_some(missing))
        )
    if loading["error_msgs"]:
        raise ModelUnavailableError(name=name, reason=str(loading["error_msgs"][0]).strip().splitlines()[0])


def check_unused(name: str, module: nn.Module, loading: dict[str, Any]) -> tuple[str, ...]:
    """The weights in the files that the model has no place for, and does not need: heads for something else.

    Raises ModelUnavailableError where they belong to a part that the model has, such as the bias of a layer that was
    built without one, or are blocks beyond its last: the configuration is not that of the weights, and what it
    builds computes something else, which no comparison of the model with itself can notice.
    """
    unused = sorted(loading["unexpected_keys"])
    parts = dict(module.named_modules())
    prefix = str(getattr(module, "base_model_prefix", ""))
    needed = [key for key in unused if any(_belongs(one, parts) for one in (key, f"{prefix}.{key}"))]
    if needed:
        raise ModelUnavailableError(name=name, reason=say("unfit.unused", count=len(needed), keys=_some(needed)))
    return tuple(unused)


def _belongs(key: str, parts: dict[str, nn.Module]) -> bool:
    """Whether a tensor of this name is one more of a layer with weights, or of a list of blocks."""
    owner = key.rpartition(".")[0]
    layer = parts.get(owner) if owner else None
    if layer is not None and next(layer.children(), None) is None and next(layer.parameters(), None) is not None:
        return True
    while owner and owner not in parts:
        owner = owner.rpartition(".")[0]
    return isinstance(parts.get(owner), nn.ModuleList)


def read_tokenizer(name: str, read: Callable[[], Any]) -> Any:
    """The tokenizer that `read` makes of the files. Raises ModelUnavailableError where they can't be read, or where
    transformers made one of nothing, for want of them."""
    try:
        tokenizer = read()
    except (OSError, ImportError):
        raise  # says what is missing
    except Exception as error:
        told = f"{type(error).__name__}: {first_line(error)}"
        raise ModelUnavailableError(name=name, reason=say("unfit.bad_tokenizer", error=told)) from error
    if len(tokenizer) <= len(set(tokenizer.all_special_ids)):
        raise ModelUnavailableError(name=name, reason=say("unfit.no_tokenizer"))
    return tokenizer


def check_reading(name: str, model: "HuggingFaceModel") -> None:
    """That the model sees nothing ahead, and that this page reads it as `generate` does.

    Raises ModelUnavailableError for an encoder, and for an architecture whose steps need more than the new token and
    a cache.
    """
    _check_causality(name, model)
    try:
        ours, theirs = _steps(model), _generated(model)
    except ModelUnavailableError:
        raise
    except Exception as error:
        raise ModelUnavailableError(name=name, reason=say("unfit.steps")) from error
    for one, other in zip(ours, theirs, strict=True):
        if float((one - other).abs().max()) > _READS_OTHERWISE * float(other.abs().max()):  # of NaN: the run says it
            raise ModelUnavailableError(name=name, reason=say("unfit.steps"))


def _check_causality(name: str, model: "HuggingFaceModel") -> None:
    """Two short texts that differ in their last token must have the same logits before it."""
    first, second = (model.logits((0, last))[0] for last in (0, 1))
    if float((first - second).abs().max()) > _SEES_AHEAD * float(first.abs().max()):
        raise ModelUnavailableError(name=name, reason=say("unfit.encoder", held=held(model.module.config)))


def _steps(model: "HuggingFaceModel") -> list[Tensor]:
    """The logits (1, V) after tokens 0 and 1, and after token 1 again, from a cache."""
    before = model.prefill((0, 1))
    return [before.logits, before.advance([0], [1]).logits]


@torch.inference_mode()
def _generated(model: "HuggingFaceModel") -> list[Tensor]:
    """The same from `generate`."""
    ids = torch.tensor([[0, 1]])
    output = model.module.generate(
        ids, attention_mask=torch.ones_like(ids), logits_processor=LogitsProcessorList([_take_one]),
        generation_config=GenerationConfig(
            max_new_tokens=2, do_sample=False, eos_token_id=None, pad_token_id=0, return_dict_in_generate=True,
            output_logits=True,
        ),
    )  # fmt: skip
    return [logits.float() for logits in output.logits]


def _take_one(input_ids: Tensor, scores: Tensor) -> Tensor:
    taken = torch.full_like(scores, -torch.inf)
    taken[:, 1] = 0
    return taken


def held(config: Any) -> str:
    """What a checkpoint says that it is, as BertModel."""
    return ", ".join(getattr(config, "architectures", None) or [type(config).__name__.removesuffix("Config")])


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:_NAMED]) + (", …" if len(keys) > _NAMED else "")


def _shape(shape: Iterable[int]) -> str:
    return " × ".join(map(str, shape))
