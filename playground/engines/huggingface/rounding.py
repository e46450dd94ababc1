"""Fewer bits for the same weights: what a model becomes in bfloat16 or with int8 products; the float32 one stays.

bfloat16: every weight, every product and sum, keys and values have 8 bits of precision. int8: only the products of
matrices are rounded; each row of a weight has a scale of its own, each token's vector another (dynamic quantisation as
in torchao), and sums of products of whole numbers are exact, so a row says the same alone and among others. torch's own
`quantize_dynamic` has one scale for all rows of a batch: there what a text says depends on what is read beside it.
"""

import copy
from functools import cache
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from transformers.pytorch_utils import Conv1D

from playground.engines.huggingface import device
from playground.settings import How

Rounded = Literal["bfloat16", "int8"]
ROUNDED: tuple[Rounded, ...] = get_args(Rounded)
_LARGEST = 127


class NoInt8Error(Exception):
    """This build of torch, this processor or a graphics card has no exact product of 8-bit numbers."""


def device_for(how: How) -> str:
    """Where such a model computes: int8 on the processor. Raises NoInt8Error if it was to be elsewhere by name."""
    if how.dtype != "int8":
        return how.device
    if how.device not in ("auto", "cpu"):
        raise NoInt8Error
    return "cpu"


def rounded(module: Any, dtype: Rounded) -> Any:
    """A copy of a float32 model in fewer bits; the model itself stays as it is. Raises NoInt8Error.

    What it takes: 2 bytes a parameter in bfloat16; in int8 1 byte for each number of a matrix that is multiplied with
    (GPT-2's Conv1D too, and the LM head, tied or not), and 4 for the rest.
    """
    copied = copy.deepcopy(module).eval()
    if dtype == "bfloat16":
        return _in_bfloat16(copied)
    if not is_exact() or device.of(module).type != "cpu":
        raise NoInt8Error
    for part in list(copied.modules()):
        for name, layer in list(part.named_children()):
            if type(layer) in (torch.nn.Linear, Conv1D):
                setattr(part, name, Int8Linear(layer))
    return copied


def _in_bfloat16(module: Any) -> Any:
    """As transformers loads it with dtype=bfloat16: tables that are no part of the files (rotary positions) stay."""
    for part in module.modules():
        for parameter in part._parameters.values():
            if parameter is not None and parameter.is_floating_point():
                parameter.data = parameter.data.to(torch.bfloat16)
        for name, buffer in part._buffers.items():
            if buffer is not None and buffer.is_floating_point() and name not in part._non_persistent_buffers_set:
                part._buffers[name] = buffer.to(torch.bfloat16)
    return module


class Int8Linear(torch.nn.Module):
    """x W^T + b with both factors in whole numbers from -127 to 127.

    Attributes:
        weight: (out, in) int8; times `scale` (out,) it is what became of the layer's weight.
    """

    weight: Tensor
    scale: Tensor
    bias: Tensor | None

    def __init__(self, layer: Any) -> None:
        super().__init__()
        plain = (layer.weight.T if type(layer) is Conv1D else layer.weight).detach().float().contiguous()
        whole, scale = _whole(plain)
        self.register_buffer("weight", whole.to(torch.int8))
        self.register_buffer("scale", scale[:, 0])
        self.register_buffer("bias", None if layer.bias is None else layer.bias.detach().float())
        self._packed = torch.ops.onednn.qlinear_prepack(self.weight, None)
        self._zeros = torch.zeros(len(plain), dtype=torch.int64)

    def __deepcopy__(self, memo: dict[int, object]) -> "Int8Linear":
        return self  # read-only, and what is packed can't be copied

    def forward(self, x: Tensor) -> Tensor:
        """(…, in) float32 -> (…, out) float32."""
        whole, scale = _whole(x)
        product: Tensor = torch.ops.onednn.qlinear_pointwise(
            (whole + 128).to(torch.uint8), 1.0, 128, self._packed, self.scale, self._zeros, None, 1.0, 0,
            torch.float32, "none", [], "",
        )  # fmt: skip
        product = product * scale
        return product if self.bias is None else product + self.bias


def _whole(x: Tensor) -> tuple[Tensor, Tensor]:
    """Each row as whole numbers, still as floats, and its scale (…, 1): the largest becomes 127."""
    scale = (x.abs().amax(-1, keepdim=True) / _LARGEST).clamp_min(torch.finfo(torch.float32).tiny)
    return (x / scale).round_().clamp_(-_LARGEST, _LARGEST), scale


@cache
def is_exact() -> bool:
    """Whether products of 8-bit numbers are there and don't overflow on the way (they may, on old processors)."""
    try:
        layer = torch.nn.Linear(64, 32, bias=False)
        layer.weight.data = torch.where(torch.arange(32)[:, None] % 2 == 0, 1.0, -1.0).expand(32, 64).contiguous()
        with torch.inference_mode():
            x = torch.ones(2, 64)
            return torch.equal(Int8Linear(layer)(x).round(), x @ layer.weight.T)
    except (RuntimeError, AttributeError):
        return False
