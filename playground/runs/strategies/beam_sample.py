"""Beam sampling: the continuations of the beams are drawn."""

from playground.decoding.beam_search import BeamSearch
from playground.decoding.selection import Multinomial
from playground.runs.strategies.beam import OPTIONS, in_generate
from playground.runs.strategies.kind import FOR_BEAMS, Asked, StrategyKind


def _build(asked: Asked) -> BeamSearch:
    return BeamSearch(
        asked.num_beams, processors=asked.processors(True), selection=Multinomial(asked.seed), stop=asked.stop,
        **asked.scoring,
    )  # fmt: skip


BEAM_SAMPLE = StrategyKind(
    "beam_sample", "beam.strategy.beam_sample", "made.search.beam_sample", draws=True, build=_build,
    help="beam.strategy.beam_sample.help", has_beams=True, needs=("whole rows",), processors=FOR_BEAMS, options=OPTIONS,
    chosen_by="do_sample", call=in_generate,
)  # fmt: skip
