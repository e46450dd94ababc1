"""Constrained beam search: phrases must appear."""

from dataclasses import replace

from playground.decoding.constrained_beam_search import ConstrainedBeamSearch
from playground.runs.strategies.kind import FOR_BEAMS, Asked, StrategyKind
from playground.runs.strategies.options import EARLY_STOPPING, FORCE_WORDS, LENGTH_PENALTY, MIN_NEW_TOKENS, NUM_BEAMS

OPTIONS = (replace(NUM_BEAMS, minimum=2), MIN_NEW_TOKENS, LENGTH_PENALTY, EARLY_STOPPING, FORCE_WORDS)


def _build(asked: Asked) -> ConstrainedBeamSearch:
    return ConstrainedBeamSearch(
        asked.num_beams, asked.phrases, processors=asked.processors(False),
        num_return_sequences=asked.num_return_sequences, **asked.scoring,
    )  # fmt: skip


CONSTRAINED = StrategyKind(
    "constrained", "beam.strategy.constrained", "made.search.constrained", draws=False, build=_build,
    help="beam.strategy.constrained.help", has_beams=True, needs=("whole rows",), processors=FOR_BEAMS, options=OPTIONS,
    chosen_by="force_words",
)  # fmt: skip
