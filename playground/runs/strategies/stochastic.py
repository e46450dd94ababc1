"""Stochastic beam search: sequences drawn without replacement."""

from playground.decoding.stochastic_beam_search import StochasticBeamSearch
from playground.runs.strategies.kind import FOR_BEAMS, SEARCHES_TAKE, Asked, StrategyKind


def _build(asked: Asked) -> StochasticBeamSearch:
    return StochasticBeamSearch(asked.num_beams, asked.seed, asked.processors(True), asked.min_new_tokens)


STOCHASTIC = StrategyKind(
    "stochastic", "beam.strategy.stochastic", "made.search.stochastic", draws=True, build=_build,
    help="beam.strategy.stochastic.help", has_beams=True, needs=("whole rows",), processors=FOR_BEAMS,
    options=SEARCHES_TAKE, chosen_by="stochastic",
)  # fmt: skip
