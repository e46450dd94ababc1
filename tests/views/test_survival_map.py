"""The survival map against the processors themselves, cell by cell."""

import pytest
import torch
from torch import Tensor

from playground.decoding import pipeline
from playground.decoding.distribution import Distribution
from playground.decoding.processors import MinP, Temperature, TopK, TopP
from playground.views.survival_map import CUTS, survival_map

TEMPERATURES = tuple(round(0.1 * i, 1) for i in range(1, 21))
VALUES: dict[str, tuple[float, ...]] = {
    "top_p": tuple(round(0.05 * i, 2) for i in range(1, 21)),
    "min_p": tuple(round(0.025 * i, 3) for i in range(20)),
    "top_k": (1, 2, 3, 4, 5, 7, 10, 14, 20, 28, 40, 56, 80, 100, 200, 300, 500, 700, 999, 100_000),
}
PROCESSORS = {"top_p": TopP, "min_p": MinP, "top_k": TopK}
CONTEXT = torch.tensor([[0]])


def rows(size: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(size)
    flat, peaked = (torch.randn(size, generator=generator) * spread for spread in (0.5, 4.0))
    ties = (torch.randn(size, generator=generator) * 2).round()
    gone = torch.randn(size, generator=generator) * 3
    gone[::3] = -float("inf")
    return [flat, peaked, ties, gone]


@pytest.mark.parametrize("temperature_first", [True, False])
@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("size", [3, 700])
def test_every_cell_is_what_the_processors_leave(size: int, cut: str, temperature_first: bool) -> None:
    for logits in rows(size):
        view = survival_map(logits, cut, TEMPERATURES, VALUES[cut], temperature_first)
        for column, temperature in enumerate(TEMPERATURES):
            for row, value in enumerate(VALUES[cut]):
                warm, truncate = Temperature(temperature), PROCESSORS[cut](value)
                chain = (warm, truncate) if temperature_first else (truncate, warm)
                stages = pipeline.run(chain, CONTEXT, logits[None])
                left = Distribution.of(pipeline.processed_logits(stages, logits[None])[0])
                assert view.tokens[row][column] == left.kept
                assert view.entropies[row][column] == pytest.approx(left.entropy, abs=2e-5)


def test_a_whole_vocabulary_cell_by_cell() -> None:
    logits = torch.randn(50257, generator=torch.Generator().manual_seed(3)) * 3
    for cut in CUTS:
        view = survival_map(logits, cut, (0.3, 1.0, 1.7), VALUES[cut])
        for column, temperature in enumerate((0.3, 1.0, 1.7)):
            for row, value in list(enumerate(VALUES[cut]))[::4]:
                chain = (Temperature(temperature), PROCESSORS[cut](value))
                stages = pipeline.run(chain, CONTEXT, logits[None])
                kept = Distribution.of(pipeline.processed_logits(stages, logits[None])[0]).kept
                assert view.tokens[row][column] == kept


def test_how_sure_the_model_was() -> None:
    logits = rows(700)[1]
    view = survival_map(logits, "top_p", (0.5,), (0.9,))
    assert view.mode_probability == pytest.approx(float(torch.softmax(logits.double(), -1).max()))
    assert view.entropy == pytest.approx(Distribution.of(logits).entropy, abs=1e-5)


def test_in_llama_cpp_s_order_survival_does_not_depend_on_temperature() -> None:
    view = survival_map(rows(700)[0], "top_p", TEMPERATURES, VALUES["top_p"], temperature_first=False)
    assert all(len(set(row)) == 1 for row in view.tokens)
    assert len({row[0] for row in view.tokens}) > 5
