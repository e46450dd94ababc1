"""The race is the run's own dice, bit for bit: its winner is the token that torch and transformers draw."""

import numpy as np
import pytest
import torch

from playground import engine
from playground.decoding import pipeline
from playground.decoding.processors import Temperature, TopP
from playground.decoding.rows import Row
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Choice, Multinomial, dice
from playground.decoding.trace import GenerationRequest, Step
from playground.views.race import drawn, noise, race, throws
from playground.vocabulary import Vocabulary


def vocabulary(size: int) -> Vocabulary:
    return Vocabulary(tuple(f" w{i}".encode() for i in range(size)))


def row(size: int, seed: int, spread: float = 3.0) -> torch.Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed)) * spread


@pytest.mark.parametrize("size", [2, 33, 8192, 50257])
def test_the_winner_is_what_torch_multinomial_draws(size: int) -> None:
    for seed in range(12):
        logits = row(size, seed)
        torch.manual_seed(seed)
        for index in range(3):
            theirs = int(torch.multinomial(torch.softmax(logits, -1), 1))
            assert drawn(logits, noise(seed, index, size)) == theirs


def test_every_token_of_a_sampled_run_won_its_race(tiny) -> None:  # type: ignore[no-untyped-def]
    model = tiny("gpt2", vocab_size=48)
    for seed in range(20):
        strategy = Sampling((Temperature(1.3), TopP(0.95)), Multinomial(seed))
        *_, trace = engine.generate(model, GenerationRequest((1, 2, 3), strategy, 12))
        for step in trace.steps:
            logits = pipeline.processed_logits(trace.stages_at(step.index), step.logits[None])[0]
            assert race(step, logits, vocabulary(48)).winner.token_id == step.choice.token_id


def test_the_throws_of_a_run_are_the_noise_of_its_steps() -> None:
    thrown = throws(7, 2, 50)
    for index in (2, 3, 4):
        assert np.array_equal(next(thrown), noise(7, index, 50))


def step_of(logits: torch.Tensor, taken: int, seed: int = 5, index: int = 1) -> Step:
    return Step(index, Row(logits), (), Multinomial(seed), Choice(taken, "multinomial"))


def test_the_numbers_of_a_race() -> None:
    logits = row(40, 3)
    logits[7] = -float("inf")
    view = race(step_of(logits, 11), logits, vocabulary(40), first=5, favourites=2, shares=6)
    chances = torch.softmax(logits, -1)
    exponentials = torch.empty(1, 40).exponential_(1, generator=dice(5, 1, 40))[0]
    results = chances / exponentials
    assert view.runners == 39
    order = results.argsort(descending=True, stable=True).tolist()
    assert view.places == tuple(order.index(r.token_id) + 1 for r in view.racers)
    listed = [r.token_id for r in view.racers]
    assert listed[:5] == order[:5]
    assert set(listed) == {*order[:5], *chances.topk(2).indices.tolist(), 11}
    for racer in view.racers:
        assert racer.probability == float(chances[racer.token_id])
        assert racer.noise == float(exponentials[racer.token_id])
        assert racer.quotient == float(results[racer.token_id])
    assert [i for _, _, i in view.shares] == chances.argsort(descending=True, stable=True)[:6].tolist()


def test_a_removed_token_does_not_run() -> None:
    logits = torch.full((6,), -float("inf"))
    logits[4] = 1.0
    view = race(step_of(logits, 2), logits, vocabulary(6))
    assert [r.token_id for r in view.racers] == [4]
    assert view.runners == 1


def test_the_chance_to_win_is_the_probability() -> None:
    """What the bar of chances says: 4,000 races are won as often as the probabilities ask for (χ², 4 degrees)."""
    logits = torch.tensor([1.0, 0.0, -0.5, 0.3, -1.0])
    generator = torch.Generator().manual_seed(1)
    wins = np.zeros(5)
    for _ in range(4000):
        wins[drawn(logits, torch.empty(5).exponential_(1, generator=generator).numpy())] += 1
    expected = 4000 * torch.softmax(logits, -1).numpy()
    assert float(((wins - expected) ** 2 / expected).sum()) < 18.5  # p = 0.001


def test_trace_is_not_touched() -> None:
    logits = row(12, 1)
    before = logits.clone()
    race(step_of(logits, 0), logits, vocabulary(12))
    assert torch.equal(logits, before)
