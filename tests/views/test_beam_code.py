"""The search as code: run as a person would run it, it prints the very sequences of the search."""

import contextlib
import io

import pytest
import torch

from playground.decoding.beam_search import BeamSearch
from playground.decoding.diverse_beam_search import DiverseBeamSearch
from playground.decoding.processors import NoRepeatNGram, RepetitionPenalty, Temperature, TopK
from playground.decoding.selection import Multinomial
from playground.decoding.stopping import StopStrings
from tests.views.beam_searches import script_of, searched


@pytest.mark.parametrize("name", ["plain", "processors", "stop", "sample", "greedy"])
def test_the_script_prints_the_sequences_of_the_search(name, storyteller):
    pieces = storyteller.vocabulary.pieces
    strategy = {
        "plain": BeamSearch(3, 0.5, "never"),
        "processors": BeamSearch(4, processors=(RepetitionPenalty(1.3), NoRepeatNGram(2)), min_new_tokens=3),
        "stop": BeamSearch(4, -1.0, stop=StopStrings((".", ","), pieces)),
        "sample": BeamSearch(3, processors=(Temperature(1.5), TopK(30)), selection=Multinomial(5)),
        "greedy": BeamSearch(1, early_stopping=True),
    }[name]
    trace = searched(storyteller.model, strategy, 10, storyteller.tokenizer.encode("The giant laughed and"))
    script = script_of(trace, "assets/models/storyteller", storyteller.model.eos_ids)
    assert script is not None
    with contextlib.redirect_stdout(io.StringIO()) as printed, torch.random.fork_rng(devices=[]):
        exec(compile(script, name, "exec"), {"__name__": "__main__"})
    lines = printed.getvalue().splitlines()
    expected = [repr(storyteller.tokenizer.decode(h.token_ids)) for h in trace.steps[-1].finished]
    assert [line.split(" ", 1)[1] for line in lines] == expected
    if strategy.num_beams > 1:
        scores = [h.score for h in trace.steps[-1].finished]
        assert [float(line.split(" ", 1)[0]) for line in lines] == pytest.approx(scores, abs=6e-4)


def test_a_strategy_that_transformers_has_no_more_has_no_script(table_model):
    trace = searched(table_model([[0.5, 0.3, 0.2]] * 3), DiverseBeamSearch(2, 2), 3)
    assert script_of(trace, "assets/models/storyteller", ()) is None
