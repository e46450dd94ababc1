"""The four figures of one made-up step, in any vocabulary and under any settings."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

from playground.decoding import pipeline
from playground.decoding.processors import Processor
from playground.decoding.rows import Row
from playground.decoding.selection import Argmax, Choice
from playground.decoding.trace import GenerationRequest, Step, Trace
from playground.i18n import translator
from playground.panels.figures.cutoffs import cutoffs_figure
from playground.panels.figures.next_token import next_token_bars
from playground.panels.figures.temperature import temperature_figure
from playground.panels.figures.trajectory import trajectory_figure
from playground.views.cutoffs import cutoffs
from playground.views.next_token import next_token
from playground.views.notation import NATS, Unit
from playground.views.temperature import temperature_curves
from playground.views.trajectory import trajectory
from playground.vocabulary import Vocabulary

Figures = dict[str, dict[str, Any]]
MakeFigures = Callable[..., Figures]


@pytest.fixture(scope="session")
def figures() -> MakeFigures:
    """Builds {name: figure} from probabilities by id; token `chosen` was taken."""

    def build(
        probabilities: Sequence[float],
        processors: tuple[Processor, ...] = (),
        labels: Sequence[str] | None = None,
        chosen: int = 0,
        n: int = 13,
        unit: Unit = NATS,
        temperature: float = 1.0,
        steps: int = 3,
    ) -> Figures:
        t = translator()
        names = labels or [f" w{i}" for i in range(len(probabilities))]
        vocabulary = Vocabulary(tuple(name.encode() for name in names))
        logits = torch.tensor([math.log(p) if p else -math.inf for p in probabilities])
        stages = pipeline.run(processors, torch.tensor([[0]]), logits[None])
        step = Step(0, Row(logits), processors, Argmax(), Choice(chosen, "argmax"))
        trace = Trace(GenerationRequest((0,), None, steps), (step,) * steps)  # type: ignore[arg-type]
        return {
            "next_token": next_token_bars(next_token(logits, stages, vocabulary, n, chosen), t),
            "cutoffs": cutoffs_figure(cutoffs(logits, stages), t),
            "temperature": temperature_figure(temperature_curves(logits, temperature, vocabulary), t, unit),
            "trajectory": trajectory_figure(trajectory(trace, vocabulary), 1, t, unit),
        }

    return build
