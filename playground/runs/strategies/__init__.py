"""The catalogue of strategies: one file a strategy, gathered here; the page, the endpoints and Setups read it."""

from playground.runs.strategies.beam import BEAM
from playground.runs.strategies.beam_sample import BEAM_SAMPLE
from playground.runs.strategies.constrained import CONSTRAINED
from playground.runs.strategies.diverse import DIVERSE
from playground.runs.strategies.greedy import GREEDY
from playground.runs.strategies.kind import Asked, StrategyKind
from playground.runs.strategies.sample import SAMPLE
from playground.runs.strategies.stochastic import STOCHASTIC

__all__ = ["STRATEGIES", "Asked", "StrategyKind"]

STRATEGIES: dict[str, StrategyKind] = {
    kind.name: kind for kind in (GREEDY, SAMPLE, BEAM, BEAM_SAMPLE, DIVERSE, CONSTRAINED, STOCHASTIC)
}
