"""Further truncations of transformers: each removes the tail by another measure of what is improbable."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from playground.decoding.processors import REMOVED, InTransformers, require, without

_TOP_H_TOKENS = 100  # transformers looks no further


@dataclass(frozen=True)
class TopH(InTransformers):
    """Keep the most probable tokens while their share of the entropy stays within top_h of it.

    Potraghloo et al. 2025; transformers `TopHLogitsWarper`, as coded and not as its paper has it: only the 100 most
    probable tokens count, and the terms -p ln p are summed without renormalising the kept prefix. The first always
    stays. Raises ValueError unless 0 <= top_h <= 1; 0 is off here, a value that `generate` does not have.
    """

    value: float
    name: ClassVar[str] = "top_h"
    truncates: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require(0 <= self.value <= 1, self.name, "between 0 and 1 (0 is off)", self.value)

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        if self.is_neutral:
            return logits
        top, ids = torch.topk(logits, min(_TOP_H_TOKENS, logits.shape[-1]), dim=-1)
        logprobs = top - top.logsumexp(dim=-1, keepdim=True)
        p = torch.softmax(logprobs, dim=-1)
        entropy = -(torch.clamp(logprobs, min=torch.finfo(p.dtype).min) * p).sum(-1)
        keep = torch.cumsum(-p * torch.log(p), dim=-1) <= (entropy * self.value).unsqueeze(-1)
        keep[:, 0] = True
        left = np.full(logits.shape, REMOVED, dtype=np.float32)
        for row, kept in enumerate(keep.numpy()):
            columns = ids[row].numpy()[kept]
            left[row, columns] = logits[row].numpy()[columns]
        return torch.from_numpy(left)


@dataclass(frozen=True)
class EpsilonCutoff(InTransformers):
    """Keep the tokens of at least this probability; the most probable always stays.

    Hewitt et al. 2022; transformers `EpsilonLogitsWarper`. Raises ValueError unless 0 <= epsilon < 1.
    """

    value: float
    name: ClassVar[str] = "epsilon_cutoff"
    truncates: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require(0 <= self.value < 1, self.name, "at least 0 and below 1 (0 is off)", self.value)

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        if self.is_neutral:
            return logits
        rows = logits.numpy()
        improbable = torch.softmax(logits, dim=-1).numpy() < np.float32(self.value)
        return without(logits, improbable & (rows < rows.max(axis=-1, keepdims=True)))


@dataclass(frozen=True)
class EtaCutoff(InTransformers):
    """Epsilon cut-off that gives way where the model is unsure: the bar is the lower of epsilon and √epsilon · e^-H.

    Hewitt et al. 2022; transformers `EtaLogitsWarper`. The most probable token always stays.
    Raises ValueError unless 0 <= epsilon < 1.
    """

    value: float
    name: ClassVar[str] = "eta_cutoff"
    truncates: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require(0 <= self.value < 1, self.name, "at least 0 and below 1 (0 is off)", self.value)

    def __call__(self, context: Tensor, logits: Tensor) -> Tensor:
        if self.is_neutral:
            return logits
        rows = logits.numpy()
        improbable = torch.softmax(logits, dim=-1).numpy() < self.bar(logits).numpy()
        return without(logits, improbable & (rows < rows.max(axis=-1, keepdims=True)))

    def bar(self, logits: Tensor) -> Tensor:
        """(B, 1): the probability below which a token goes."""
        logprobs = logits - logits.logsumexp(dim=-1, keepdim=True)
        least = torch.finfo(logits.dtype).min
        entropy = -(torch.clamp(logprobs, min=least) * torch.softmax(logprobs, dim=-1)).sum(-1)
        epsilon = torch.tensor(self.value)
        return torch.min(epsilon, torch.sqrt(epsilon) * torch.exp(-entropy))[..., None]
