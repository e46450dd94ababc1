"""What a checkpoint holds: whether it is a causal language model with all its weights, and what it is if it is not."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from transformers import GenerationConfig, LogitsProcessorList
from transformers.quantizers.auto import AutoHfQuantizer

from playground.engines.huggingface.model_files import first_line
from playground.errors import ModelUnavailableError
from playground.i18n import say

if TYPE_CHECKING:
    from playground.engines.huggingface.backend import HuggingFaceModel

_NAMED = 3  # of missing weights, by name
_SEES_AHEAD = 1e-4  # of the largest logit: more than sums in another order make
_READS_OTHERWISE = 1e-3


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
