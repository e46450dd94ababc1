"""Diverse beam search: groups of beams, each pushed away from what the groups before it took."""

from dataclasses import replace

from playground.decoding.diverse_beam_search import DiverseBeamSearch
from playground.errors import InvalidArgumentError
from playground.i18n import say
from playground.runs.strategies.kind import FOR_BEAMS, Asked, StrategyKind
from playground.runs.strategies.options import (
    DIVERSITY_PENALTY,
    EARLY_STOPPING,
    LENGTH_PENALTY,
    MIN_NEW_TOKENS,
    NUM_BEAM_GROUPS,
    NUM_BEAMS,
)

OPTIONS = (
    replace(NUM_BEAMS, minimum=2), MIN_NEW_TOKENS, LENGTH_PENALTY, EARLY_STOPPING, NUM_BEAM_GROUPS, DIVERSITY_PENALTY,
)  # fmt: skip


def _build(asked: Asked) -> DiverseBeamSearch:
    beams, groups = asked.num_beams, asked.option("num_beam_groups")
    if beams % groups:
        raise InvalidArgumentError(name="num_beam_groups", rule=say("rule.divisor", beams=beams), value=groups)
    penalty = asked.option("diversity_penalty")
    return DiverseBeamSearch(beams, groups, penalty, processors=asked.processors(False), **asked.scoring)


DIVERSE = StrategyKind(
    "diverse", "beam.strategy.diverse", "made.search.diverse", draws=False, build=_build,
    help="beam.strategy.diverse.help", has_beams=True, needs=("whole rows",), processors=FOR_BEAMS, options=OPTIONS,
    chosen_by="num_beam_groups",
)  # fmt: skip
