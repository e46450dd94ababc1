"""Plain generation holds no attention weights, also after somebody has looked at them."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from playground import engine
from playground.decoding.sampling import Sampling
from playground.decoding.trace import GenerationRequest
from playground.engines.huggingface.backend import Backend, HuggingFaceModel
from playground.engines.huggingface.inspection import Inspection

PROMPT = tuple(range(1, 20))  # longer than a head is wide: no other tensor has the shape of its weights
NEW = 6


class Shapes(TorchDispatchMode):
    """Notes the shape of every tensor that any operation returns, and the name of the operation."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[tuple[int, ...]] = set()
        self.operations: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.operations.add(str(func))
        for part in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(part, torch.Tensor):
                self.found.add(tuple(part.shape))
        return result


def weight_shapes(heads: int) -> set[tuple[int, ...]]:
    """The shapes that attention weights would have in this run."""
    n = len(PROMPT)
    whole = {(1, heads, n, n), (heads, n, n)}
    return whole | {shape for k in range(n, n + NEW) for shape in ((1, heads, 1, k), (heads, 1, k))}


@pytest.mark.parametrize(("architecture", "heads"), [("gpt2", 2), ("llama", 4)])
def test_a_run_makes_no_attention_weights(
    architecture: str, heads: int, fresh_tiny: Callable[..., HuggingFaceModel]
) -> None:
    model = fresh_tiny(architecture)
    inspection = Inspection(Backend(model, None, None, None))  # type: ignore[arg-type]
    inspection.attentions(PROMPT)
    request = GenerationRequest(PROMPT, Sampling(), NEW)
    with Shapes() as shapes:
        traces = list(engine.generate(model, request))
    assert len(traces[-1].steps) == NEW
    assert any("scaled_dot_product" in name for name in shapes.operations)
    assert not any("softmax" in name and "log" not in name for name in shapes.operations)
    assert shapes.found.isdisjoint(weight_shapes(heads))


def test_the_watch_sees_attention_weights_where_there_are_some(fresh_tiny: Callable[..., HuggingFaceModel]) -> None:
    """So that the test above can fail."""
    inspection = Inspection(Backend(fresh_tiny("gpt2"), None, None, None))  # type: ignore[arg-type]
    with Shapes() as shapes:
        list(inspection.grow(PROMPT, NEW, lambda logits: int(logits.argmax())))
    assert not shapes.found.isdisjoint(weight_shapes(2))
