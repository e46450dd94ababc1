"""Greedy search: the most probable token, every time."""

from playground import catalog
from playground.decoding.sampling import Sampling
from playground.runs.strategies.kind import EVERY_PROCESSOR, Asked, StrategyKind


def _build(asked: Asked) -> Sampling:
    return catalog.sampling(asked.values, False, asked.seed, asked.order, asked.speller.vocabulary)


GREEDY = StrategyKind(
    "greedy", "mode.greedy", "made.greedy", draws=False, build=_build, processors=EVERY_PROCESSOR
)  # fmt: skip
