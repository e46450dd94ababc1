"""Statements that hold of some models only: sums of attention weights, what an MLP computes, masks, means."""

import json
from typing import Any

import pytest
import torch

from playground.engines.huggingface.inspection import Inspection, seen
from playground.i18n import translator
from playground.panels.attention.frames import Shown, looked
from playground.panels.inside.frames import _line
from playground.views import attention_heads as view
from playground.views.forward_pass import station_row
from playground.views.masks import Batch, equal_cells, is_seen, masks
from tests.parity.families import open_family

t = translator()
TEXTS = ("The old king said to his", "The wolf", "Once upon a time there was")


def words(parts: list[Any]) -> str:
    return "".join(part if isinstance(part, str) else part["text"] for part in parts)


@pytest.mark.parametrize("family", ["Falcon, ALiBi", "MPT", "BLOOM", "Llama 3", "Mistral"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_a_bias_of_positions_is_no_blocked_key(family: str, side: Any) -> None:
    """ALiBi adds a number to every score, in the mask itself: only the lowest numbers of the type block."""
    inspection = Inspection(open_family(family))
    batch = Batch(tuple(inspection.backend.tokenizer.encode(text) for text in TEXTS), side)
    mask = torch.tensor(batch.attention_mask)
    found = inspection.masks_in_use(torch.tensor(batch.padded(inspection.pad_id)), mask)
    assert len(found) == 3
    equal = total = 0
    for layer, width in zip(found, inspection.windows, strict=True):
        for text in range(len(TEXTS)):
            same, cells = equal_cells(is_seen(masks(batch, text, width).together), layer[text].tolist())
            equal, total = equal + same, total + cells
    assert (equal, total) == (total, 3 * 3 * batch.length**2)


def test_what_lets_through() -> None:
    lowest = torch.finfo(torch.float32).min
    assert seen(torch.tensor([[[0.0, -3.5, -900.0, lowest, -torch.inf]]])).tolist() == [[[True] * 3 + [False] * 2]]
    assert seen(torch.tensor([[[0.0, torch.finfo(torch.float16).min]]]).half()).tolist() == [[[True, False]]]
    causal = torch.ones(1, 3, 3, dtype=torch.bool).tril()
    assert torch.equal(seen(causal), causal) and torch.equal(seen(~causal), causal)
    assert seen(torch.ones(1, 1, 1, dtype=torch.bool)).tolist() == [[[True]]]


def sentence(weights: torch.Tensor, ids: tuple[int, ...], backend: Any, head: int = 0) -> str:
    shown = Shown(ids, weights, tuple(range(len(weights))), 0, head, len(ids) - 1, 0)
    return words(looked(shown, backend.vocabulary, t)["attention.sentence"]["parts"])  # type: ignore[index]


def test_the_sum_of_the_weights_is_what_they_sum_to() -> None:
    """gpt-oss gives a part of every head's attention to a sink, so that its weights sum to less than 1."""
    backend = open_family("gpt-oss")
    with torch.no_grad():
        for name, parameter in backend.model.module.named_parameters():
            if name.endswith("sinks"):
                parameter.fill_(4.0)
    ids = backend.tokenizer.encode(TEXTS[0])
    weights = Inspection(backend).attentions(ids)
    row = weights[0, 0, -1]
    total = float(row.sum())
    assert total < 0.9
    said = sentence(weights, ids, backend)
    assert f"sum to {total:.3g}: the rest goes to no token" in said and "sum to 1" not in said
    parts = row / row.sum()
    entropy = float(-(parts * parts.log()).nansum())
    assert f"entropy is {entropy:.3g} nats" in said
    found = view.measures(weights)
    rows = weights[0, 0, 1:] / weights[0, 0, 1:].sum(-1, keepdim=True)
    assert found.entropies[0][0] == pytest.approx(float(-torch.xlogy(rows, rows).sum(-1).mean()), rel=1e-5)
    assert found.sinks[0][0] == pytest.approx(float(weights[0, 0, 1:, 0].mean()), rel=1e-5)


def test_weights_that_sum_to_1_say_so() -> None:
    backend = open_family("Llama 3")
    ids = backend.tokenizer.encode(TEXTS[0])
    assert "Its weights sum to 1; their entropy" in sentence(Inspection(backend).attentions(ids), ids, backend)


@pytest.mark.parametrize(
    ("family", "formula"), [("Llama 3", "activation(x W_gate) · (x W_up)"), ("GPT-2", "activation(x W_up)")]
)
def test_a_gated_mlp_is_said_to_be_one(family: str, formula: str) -> None:
    from playground.engines.huggingface import transparent

    backend = open_family(family)
    ids = backend.tokenizer.encode("The wolf")
    wide = [s for s in transparent.forward(backend.model.module, ids, (None,) * 3) if s.name.startswith("mlp_")]
    assert len(wide) == 3
    row = json.dumps(_line(station_row(wide[0], 0), t), ensure_ascii=False)
    assert f'"{formula}"' in row and "MLP, wide" in row


def test_the_means_say_which_query_they_leave_out() -> None:
    weights = torch.tensor([[1.0, 0, 0], [0.5, 0.5, 0], [0.25, 0.25, 0.5]])[None, None]
    rows = [[0.5, 0.5], [0.25, 0.25, 0.5]]
    mean = sum(-sum(w * torch.tensor(w).log() for w in row) for row in rows) / 2
    assert view.measures(weights).entropies[0][0] == pytest.approx(float(mean), rel=1e-6)
    for name in ("entropy", "sink"):
        assert "all tokens but the first" in t(f"attention.{name}.hint")
