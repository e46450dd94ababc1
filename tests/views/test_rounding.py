"""What rounding does, against sums by hand."""

import math

import torch

from playground.views.rounding import rounding
from playground.vocabulary import Vocabulary

VOCABULARY = Vocabulary((b"a", b"b"), frozenset())


def logits(*probabilities: float) -> torch.Tensor:
    return torch.tensor([[p, 1 - p] for p in probabilities]).log()


def test_changes_divergences_and_where_greedy_parts() -> None:
    view = rounding(logits(0.6, 0.8, 0.5), logits(0.6, 0.4, 0.1), (0, 0, 1), VOCABULARY)
    assert len(view.steps) == 2  # what follows the last token is not told by the text
    first, second = view.steps
    assert abs(first.change) < 1e-6 and first.divergence < 1e-9 and first.top == first.rounded_top == "a"
    assert math.isclose(second.probability, 0.2, rel_tol=1e-6) and math.isclose(second.change, 0.4, rel_tol=1e-6)
    by_hand = 0.8 * math.log(0.8 / 0.4) + 0.2 * math.log(0.2 / 0.6)
    assert math.isclose(second.divergence, by_hand, rel_tol=1e-6)
    assert (second.top, second.rounded_top, view.parts) == ("a", "b", 1)
    assert view.largest_change is second and math.isclose(view.mean_divergence, by_hand / 2, rel_tol=1e-5)


def test_nothing_rounded_is_nothing_changed() -> None:
    view = rounding(logits(0.6, 0.8), logits(0.6, 0.8), (0, 1), VOCABULARY)
    assert view.parts is None and view.mean_divergence == 0 and view.largest_change.change == 0
