"""LoRA: the low-rank changes in an adapter's folder, on a twin of its base that shares every weight, at any scale.

Read from the files themselves: peft is not needed (and is the reference in the tests). W x becomes W x + s (α/r) B A x,
in the order of sums that peft computes it in, so the numbers are its own to the last bit.
Source: Hu et al. 2021, LoRA: Low-Rank Adaptation of Large Language Models.
"""

import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.pytorch_utils import Conv1D

from playground.engines.huggingface.twin import twin
from playground.errors import ModelUnavailableError
from playground.i18n import say

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_PREFIX = "base_model.model."
# what changes more than W x + s B A x
_OTHER_KINDS = (
    "use_dora", "use_qalora", "use_bdlora", "alora_invocation_tokens", "arrow_config", "layer_replication",
    "target_parameters", "trainable_token_indices", "alpha_pattern", "lora_bias", "modules_to_save",
)  # fmt: skip


@dataclass(frozen=True)
class Delta:
    """The change of one matrix.

    Attributes:
        name: of the layer, as in "transformer.h.0.attn.c_attn".
        a: (rank, in); b: (out, rank); float32.
        alpha: what s B A is multiplied by, before it is divided by `divisor`: the rank, or its root (rsLoRA).
    """

    name: str
    a: Tensor
    b: Tensor
    alpha: float
    divisor: float

    @property
    def rank(self) -> int:
        return int(self.a.shape[0])

    @property
    def parameters(self) -> int:
        return self.a.numel() + self.b.numel()

    def scaling(self, scale: float) -> float:
        return scale * self.alpha / self.divisor

    def matrix(self, scale: float = 1.0) -> Tensor:
        """(out, in): what is added to the weight."""
        return (self.b @ self.a) * self.scaling(scale)


@dataclass(frozen=True)
class Adapter:
    """An adapter's folder: its name, what it says that its base is, and a Delta for each matrix that it changes."""

    name: str
    base: str
    deltas: tuple[Delta, ...]

    @property
    def parameters(self) -> int:
        """Numbers that were trained."""
        return sum(delta.parameters for delta in self.deltas)


def read(folder: str | Path) -> Adapter:
    """The adapter of a folder. Raises ModelUnavailableError, with the reason, for one that is more than LoRA, whose
    files are missing or don't go together."""
    path = Path(folder).expanduser()
    try:
        config = json.loads((path / CONFIG).read_text(encoding="utf-8"))
        if config.get("peft_type") != "LORA":
            raise _unfit(path, "unfit.adapter_kind", what=str(config.get("peft_type")))
        others = [name for name in _OTHER_KINDS if config.get(name)]
        if others or config.get("bias", "none") != "none":
            raise _unfit(path, "unfit.adapter_kind", what=others[0] if others else f"bias={config['bias']}")
        if not (path / WEIGHTS).is_file():
            raise _unfit(path, "unfit.adapter_weights", file=WEIGHTS)
        deltas = _deltas(path, load_file(path / WEIGHTS), config)
        base = _base(path, str(config["base_model_name_or_path"]))
    except ModelUnavailableError:
        raise
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        raise _unfit(path, "unfit.adapter_files", error=told) from error
    return Adapter(path.resolve().name, base, deltas)


def _deltas(path: Path, weights: dict[str, Tensor], config: dict[str, Any]) -> tuple[Delta, ...]:
    ends = {".lora_A.weight": 0, ".lora_B.weight": 1}
    pairs: dict[str, list[Tensor | None]] = {}
    for key, tensor in weights.items():
        end = next((end for end in ends if key.startswith(_PREFIX) and key.endswith(end)), None)
        if end is None:
            raise _unfit(path, "unfit.adapter_kind", what=key)
        pairs.setdefault(key[len(_PREFIX) : -len(end)], [None, None])[ends[end]] = tensor.float()
    found = []
    for name, (a, b) in pairs.items():
        if a is None or b is None or a.ndim != 2 or b.ndim != 2 or a.shape[0] != b.shape[1]:
            raise _unfit(path, "unfit.adapter_files", error=name)
        divisor = math.sqrt(a.shape[0]) if config.get("use_rslora") else a.shape[0]
        found.append(Delta(name, a, b, config["lora_alpha"], divisor))
    if not found:
        raise _unfit(path, "unfit.adapter_files", error=WEIGHTS)
    return tuple(found)


def _base(path: Path, named: str) -> str:
    """The base as it is named, or the folder of that name beside one of those that the adapter lies in."""
    places = [Path(named).expanduser(), *(parent / named for parent in path.resolve().parents)]
    return next((str(place) for place in places if (place / "config.json").is_file()), named)


def _unfit(path: Path, key: str, /, **values: object) -> ModelUnavailableError:
    return ModelUnavailableError(name=str(path), reason=say(key, **values))


# ---- on a module -----------------------------------------------------------------------------------------------------


class _Changed:
    """A layer with a low-rank change, whose own weights are those of the layer that it was made of."""

    lora_a: Tensor
    lora_b: Tensor
    lora_scaling: float

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = super().forward(x)  # type: ignore[misc]  # of the layer's own class
        return result + F.linear(F.linear(x, self.lora_a), self.lora_b) * self.lora_scaling


@cache
def _changed(kind: type) -> type:
    return type(f"{kind.__name__}WithLora", (_Changed, kind), {})


def adapted(module: Any, adapter: Adapter, scale: float = 1.0) -> Any:
    """A twin of a plain module around the very same weights, with the adapter on it, `scale` times as strong as it was
    trained; the module is left alone. Raises ModelUnavailableError where the adapter is not one of this module."""
    copied = twin(module)
    parts: dict[str, Any] = dict(copied.named_modules())
    for delta in adapter.deltas:
        layer: Any = parts.get(delta.name)
        if not _fits(layer, delta):
            raise _unfit(Path(adapter.name), "unfit.adapter_base", layer=delta.name)
        kind: type = type(layer)
        layer.__class__ = _changed(kind)
        layer.register_buffer("lora_a", delta.a.to(layer.weight.device), persistent=False)
        layer.register_buffer("lora_b", delta.b.to(layer.weight.device), persistent=False)
        layer.lora_scaling = delta.scaling(scale)
    return copied


def fits(module: Any, adapter: Adapter) -> bool:
    """Whether a module has every matrix that the adapter changes, in its size."""
    parts: dict[str, Any] = dict(module.named_modules())
    return all(_fits(parts.get(delta.name), delta) for delta in adapter.deltas)


def merged(module: Any, adapter: Adapter, scale: float = 1.0) -> Any:
    """A twin of a plain module whose weights hold the changes, W + s (α/r) B A: plain layers, and no others to compute.
    All other weights are shared; the module is left alone."""
    copied = twin(module)
    for delta in adapter.deltas:
        layer: Any = copied.get_submodule(delta.name)
        change = delta.matrix(scale).to(layer.weight.device)
        summed = layer.weight.detach() + (change.T if type(layer) is Conv1D else change)
        layer.weight = nn.Parameter(summed, requires_grad=False)
    return copied


def _fits(layer: Any, delta: Delta) -> bool:
    if type(layer) not in (nn.Linear, Conv1D):
        return False
    shape = tuple(layer.weight.shape[::-1] if type(layer) is Conv1D else layer.weight.shape)
    return shape == (len(delta.b), delta.a.shape[1])


def weight_of(module: Any, delta: Delta) -> Tensor:
    """(out, in): the weight that a change is added to."""
    layer = module.get_submodule(delta.name)
    weight: Tensor = layer.weight.detach()
    return weight.T if isinstance(layer, Conv1D) else weight
