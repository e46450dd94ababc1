"""Sampling: every token is drawn, after the processors."""

from playground import catalog
from playground.decoding.sampling import Sampling
from playground.runs.strategies.kind import EVERY_PROCESSOR, Asked, StrategyKind


def _build(asked: Asked) -> Sampling:
    return catalog.sampling(asked.values, True, asked.seed, asked.order, asked.speller.vocabulary)


SAMPLE = StrategyKind("sample", "mode.sample", "made.sample", draws=True, build=_build, processors=EVERY_PROCESSOR)
