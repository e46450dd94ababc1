"""One protocol for every strategy: each says what it is, and decodes a request."""

from typing import Any

import pytest

from playground.decoding.beam_search import BeamSearch
from playground.decoding.constrained_beam_search import ConstrainedBeamSearch
from playground.decoding.diverse_beam_search import DiverseBeamSearch
from playground.decoding.processors import MinNewTokens, Temperature
from playground.decoding.sampling import Sampling
from playground.decoding.selection import Multinomial
from playground.decoding.stochastic_beam_search import StochasticBeamSearch
from playground.decoding.trace import GenerationRequest
from tests.parity.hashed_model import Hashed, HashedModel

WARM = (Temperature(0.7),)

# strategy, is_drawn, min_new_tokens; of beams: length_penalty, phrases, is_perturbed
TOLD: list[tuple[Any, bool, int, tuple[Any, ...] | None]] = [
    (Sampling(), False, 0, None),
    (Sampling(WARM, Multinomial(3)), True, 0, None),
    (Sampling((MinNewTokens(2, 1, (0,)),)), False, 0, None),
    (BeamSearch(3, 2.0, min_new_tokens=1), False, 1, (2.0, (), False)),
    (BeamSearch(3, 0.5, processors=WARM, selection=Multinomial(3)), True, 0, (0.5, (), False)),
    (DiverseBeamSearch(4, 2, length_penalty=1.5), False, 0, (1.5, (), False)),
    (ConstrainedBeamSearch(3, ((5,),), 1.5), False, 0, (1.5, ((5,),), False)),
    (StochasticBeamSearch(3, 7), True, 0, (0.0, (), True)),
]
each = pytest.mark.parametrize(("strategy", "is_drawn", "least", "of_beams"), TOLD, ids=repr)


@each
def test_a_strategy_says_what_it_is(strategy: Any, is_drawn: bool, least: int, of_beams: Any) -> None:
    assert (strategy.is_drawn, strategy.min_new_tokens, strategy.stop) == (is_drawn, least, None)
    assert all(processor.name for processor in strategy.processors)
    assert (strategy.has_beams, strategy.is_row_by_row) == (bool(of_beams), not of_beams)
    assert strategy.guidance is None
    if of_beams:
        assert (strategy.length_penalty, strategy.phrases, strategy.is_perturbed) == of_beams


@each
def test_other_dice_are_the_only_difference(strategy: Any, is_drawn: bool, least: int, of_beams: Any) -> None:
    other = strategy.reseeded(11)
    assert other.seed == 11 or not is_drawn
    assert (other == strategy) == (other.seed == strategy.seed)
    assert other.reseeded(strategy.seed) == strategy


@each
def test_a_strategy_decodes_a_request(strategy: Any, is_drawn: bool, least: int, of_beams: Any) -> None:
    model = HashedModel(Hashed(7, 12, (0,)))
    steps = list(strategy.decode(model, GenerationRequest((1, 2), strategy, 3)))
    assert [step.index for step in steps] == list(range(len(steps))) and 1 <= len(steps) <= 3
