"""Selection takes the tokens that `torch.manual_seed(seed)` would give, from dice of its own."""

import math

import pytest
import torch
from torch import Generator, Tensor

from playground.decoding.selection import Argmax, Choice, Multinomial, NothingLeftError, dice, skip_race

INF = float("inf")
VOCABULARIES = (2, 3, 7, 16, 24, 33, 1000, 50_257)


def logits_of(vocab_size: int, seed: int) -> Tensor:
    return torch.randn(vocab_size, generator=Generator().manual_seed(seed)) * 2


@pytest.mark.parametrize("vocab_size", VOCABULARIES)
def test_a_run_draws_what_the_global_generator_would_draw(vocab_size: int) -> None:
    for seed in (0, 1, 7, 42, 2**32 - 1):
        rows = [logits_of(vocab_size, 100 + i) for i in range(6)]
        generator = dice(seed, 0, vocab_size)
        ours = [Multinomial(seed)(row, generator).token_id for row in rows]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            theirs = [int(torch.multinomial(torch.softmax(row[None], -1), 1)) for row in rows]
        assert ours == theirs


@pytest.mark.parametrize("vocab_size", VOCABULARIES)
def test_the_dice_of_a_step_stand_where_so_many_real_draws_leave_them(vocab_size: int) -> None:
    generator = Generator().manual_seed(5)
    for step in range(6):
        assert torch.equal(dice(5, step, vocab_size).get_state(), generator.get_state())
        torch.multinomial(torch.softmax(logits_of(vocab_size, step), -1), 1, generator=generator)


def test_the_dice_of_different_steps_and_seeds_differ() -> None:
    row = torch.zeros(1000)
    draws = {Multinomial(0)(row, dice(seed, step, 1000)).token_id for seed in range(5) for step in range(5)}
    assert len(draws) > 20


def test_skipping_a_race_consumes_as_much_as_running_it() -> None:
    skipped, drawn = Generator().manual_seed(3), Generator().manual_seed(3)
    skip_race(skipped, 777)
    Multinomial(3)(logits_of(777, 0), drawn)
    assert torch.equal(skipped.get_state(), drawn.get_state())


def test_a_draw_is_the_exponential_race() -> None:
    """argmax(p / Exp(1)): the noise of a step can be shown, and reused under other settings."""
    for seed in range(50):
        row = logits_of(500, seed)
        noise = torch.empty(500).exponential_(1, generator=dice(seed, 3, 500))
        winner = int((row.softmax(-1) / noise).argmax())
        assert Multinomial(seed)(row, dice(seed, 3, 500)) == Choice(winner, "multinomial")


def test_no_selection_touches_the_global_generator() -> None:
    before = torch.random.get_rng_state()
    generator = dice(1, 4, 100)
    Multinomial(1)(logits_of(100, 0), generator)
    Argmax()(logits_of(100, 0), generator)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_removed_token_is_never_drawn() -> None:
    row = torch.full((100,), -INF)
    row[[3, 50, 99]] = torch.tensor([0.0, -12.0, 3.0])
    generator = dice(0, 0, 100)
    assert {Multinomial(0)(row, generator).token_id for _ in range(500)} <= {3, 50, 99}


def test_draws_follow_the_probabilities() -> None:
    """χ² of 4,000 draws over five tokens, four degrees of freedom: beyond 18.5 once in a thousand seeds."""
    probabilities = torch.tensor([0.5, 0.25, 0.15, 0.07, 0.03])
    generator = dice(0, 0, 5)
    draws = [Multinomial(0)(probabilities.log(), generator).token_id for _ in range(4000)]
    expected = (probabilities * 4000).tolist()
    chi2 = math.fsum((draws.count(i) - expected[i]) ** 2 / expected[i] for i in range(5))
    assert chi2 < 18.5


def test_argmax_takes_the_most_probable_token() -> None:
    row = logits_of(5000, 1)
    assert Argmax()(row, dice(0, 0, 5000)) == Choice(int((row == row.max()).nonzero()), "argmax")


@pytest.mark.parametrize("vocab_size", VOCABULARIES)
def test_argmax_takes_the_lowest_id_of_equals(vocab_size: int) -> None:
    generator = dice(0, 0, vocab_size)
    assert Argmax()(torch.zeros(vocab_size), generator).token_id == 0
    row = torch.full((vocab_size,), -1.5)
    row[vocab_size // 2 :] = 4.0
    assert Argmax()(row, generator).token_id == vocab_size // 2
    row[: vocab_size // 2] = -INF
    assert Argmax()(row, generator).token_id == vocab_size // 2


def test_argmax_ignores_the_dice() -> None:
    generator = dice(0, 0, 50)
    before = generator.get_state()
    Argmax()(logits_of(50, 0), generator)
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize("selection", [Argmax(), Multinomial(0)], ids=["argmax", "multinomial"])
def test_nothing_left_is_an_error_and_one_token_left_is_taken(selection: Argmax | Multinomial) -> None:
    row = torch.full((40,), -INF)
    with pytest.raises(NothingLeftError, match="every token"):
        selection(row, dice(0, 0, 40))
    row[17] = -80.0
    assert selection(row, dice(0, 0, 40)).token_id == 17
