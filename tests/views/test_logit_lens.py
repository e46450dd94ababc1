"""The logit lens: every cell against a sort of the whole vocabulary."""

import pytest
import torch

from playground.views.logit_lens import guesses, logit_lens
from playground.views.padding_lab import divergence
from playground.vocabulary import Vocabulary

VOCABULARY = Vocabulary(tuple(f" w{i}".encode() for i in range(12)))


def layers(count: int = 4, n: int = 5) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return [2 * torch.randn(n, 12, generator=generator) for _ in range(count)]


@pytest.mark.parametrize("start", [0, 2])
def test_a_cell_says_what_its_layer_puts_first_and_where_the_final_choice_is(start: int) -> None:
    given, ids = layers(), (1, 2, 3, 4, 5)
    view = logit_lens([layer[start:] for layer in given], ids[start:], VOCABULARY, start)
    assert (view.start, view.tokens) == (start, tuple(VOCABULARY.labels(ids[start:])))
    for layer, row in zip(given, view.cells, strict=True):
        assert len(row) == 5 - start
        for position, cell in enumerate(row, start):
            probabilities = layer[position].softmax(-1)
            final = int(given[-1][position].argmax())
            order = sorted(range(12), key=lambda i: (-float(layer[position, i]), i))
            assert cell.top.token_id == order[0]
            assert cell.top.probability == pytest.approx(float(probabilities[order[0]]), rel=1e-5)
            assert cell.final_rank == order.index(final) + 1
            assert cell.final_probability == pytest.approx(float(probabilities[final]), rel=1e-5)
            expected = divergence(
                given[-1][position].double().log_softmax(-1), layer[position].double().log_softmax(-1)
            )
            assert cell.divergence == pytest.approx(expected, rel=1e-6)
    assert all(cell.final_rank == 1 and cell.divergence == 0 for cell in view.cells[-1])


def test_a_choice_is_settled_where_it_stays_first_to_the_end() -> None:
    first, other = torch.eye(12)[3], torch.eye(12)[7]
    stack = [
        torch.stack(column) for column in zip((first, other, first, first), (other, other, other, first), strict=True)
    ]
    view = logit_lens([5 * layer for layer in stack], (0, 0), VOCABULARY)
    assert view.settled == (2, 3)


def test_of_equal_logits_the_lowest_id_is_first() -> None:
    level, final = torch.zeros(1, 12), torch.eye(12)[[5]]
    view = logit_lens([level, final], (0,), VOCABULARY)
    assert (view.cells[0][0].top.token_id, view.cells[0][0].final_rank) == (0, 6)


def test_guesses_are_the_most_probable_tokens() -> None:
    logits = layers()[0][0]
    found = guesses(logits, VOCABULARY, 4)
    assert [g.token_id for g in found] == logits.topk(4).indices.tolist()
    assert [g.probability for g in found] == pytest.approx(logits.softmax(-1).topk(4).values.tolist(), rel=1e-5)
