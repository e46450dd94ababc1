"""Beam search: the sequences of the largest summed log-probability go on."""

from playground.decoding.beam_search import BeamSearch
from playground.decoding.selection import Argmax
from playground.runs.strategies.kind import FOR_BEAMS, SEARCHES_TAKE, Asked, StrategyKind
from playground.runs.strategies.options import EARLY_STOPPING, LENGTH_PENALTY, STOP_STRINGS
from playground.views.beam_code import Call

OPTIONS = (*SEARCHES_TAKE, LENGTH_PENALTY, EARLY_STOPPING, STOP_STRINGS)


def _build(asked: Asked) -> BeamSearch:
    return BeamSearch(
        asked.num_beams, processors=asked.processors(False), selection=Argmax(asked.seed), stop=asked.stop,
        **asked.scoring,
    )  # fmt: skip


def in_generate(strategy: BeamSearch) -> Call:
    """The call that makes a beam search, drawn or not; one beam is no search to `generate`."""
    if strategy.num_beams > 1:
        named = ("num_beams", "length_penalty", "early_stopping")
        return Call({name: getattr(strategy, name) for name in named})
    limits = () if _is_greedy(strategy) else (
        "Not the same: with one beam generate makes no search. It samples, or takes the most probable",
        "token and stops at the first end; its processors get logits, a search's log-probabilities.",
    )  # fmt: skip
    return Call({"num_beams": 1}, False, limits)


def _is_greedy(strategy: BeamSearch) -> bool:
    """Whether this search with one beam is what `generate` does without a search."""
    is_plain = not any(not p.is_neutral for p in strategy.processors) and not strategy.is_drawn
    return is_plain and strategy.early_stopping is True


BEAM = StrategyKind(
    "beam", "beam.strategy.beam", "made.search.beam", draws=False, build=_build, help="beam.strategy.beam.help",
    has_beams=True, needs=("whole rows",), processors=FOR_BEAMS, options=OPTIONS, call=in_generate,
)  # fmt: skip
