"""The recorded search is the search: read back to the last bit, and what the shipped model does."""

import dataclasses

import pytest

from playground import engine, settings
from playground.decoding.beam_search import BeamSearch
from playground.decoding.beam_trace import BeamTrace
from playground.decoding.diverse_beam_search import DiverseBeamSearch
from playground.decoding.stopping import StopStrings
from playground.runs import beam_recording
from playground.tabs.beam.examples import BEAM_EXAMPLES
from playground.tabs.beam.handlers import greedy_of


def searched(backend, prompt: str, strategy: BeamSearch, new: int) -> BeamTrace:
    trace = BeamTrace(backend.tokenizer.encode(prompt), strategy, new)
    for step in engine.search(backend.model, strategy, trace.prompt_ids, new):
        trace = trace.appended(step)
    return trace


def test_what_is_saved_is_read_back_to_the_last_bit(tmp_path, storyteller):
    stop = StopStrings((".",), storyteller.vocabulary.pieces)
    trace = searched(storyteller, "The giant laughed and", BeamSearch(3, 0.3, "never", stop=stop), 8)
    beam_recording.save(trace, trace.steps[-1].finished[0], tmp_path / "search.json")
    again, greedy = beam_recording.load(tmp_path / "search.json", storyteller.vocabulary.pieces)
    for field in dataclasses.fields(BeamTrace):
        assert getattr(again, field.name) == getattr(trace, field.name), field.name
    assert greedy == trace.steps[-1].finished[0]


def test_the_first_search_is_what_the_shipped_model_does_with_the_first_example(storyteller):
    example = BEAM_EXAMPLES[0]
    recorded, greedy = beam_recording.load(settings.FIRST_BEAM, storyteller.vocabulary.pieces)
    stop = StopStrings((example.stop,), storyteller.vocabulary.pieces)
    live = searched(
        storyteller, example.prompt, BeamSearch(example.num_beams, example.length_penalty, stop=stop), example.length
    )
    assert (recorded.prompt_ids, recorded.strategy, recorded.max_new_tokens) == (
        live.prompt_ids, live.strategy, live.max_new_tokens,
    )  # fmt: skip
    assert len(recorded.steps) == len(live.steps)
    for ours, theirs in zip(recorded.steps, live.steps, strict=True):
        assert [(c.token_id, c.parent, c.fate) for c in ours.candidates] == [
            (c.token_id, c.parent, c.fate) for c in theirs.candidates
        ]
        assert [c.cum_logprob for c in ours.candidates] == pytest.approx(
            [c.cum_logprob for c in theirs.candidates], abs=1e-3
        )  # recorded on another processor, perhaps
    assert greedy.token_ids == greedy_of(live, storyteller).token_ids


def test_the_file_is_small():
    assert settings.FIRST_BEAM.stat().st_size < 200_000


def test_what_is_no_plain_search_is_not_recorded(tmp_path, storyteller):
    trace = searched(storyteller, "He was", DiverseBeamSearch(2, 2), 3)
    with pytest.raises(TypeError):
        beam_recording.save(trace, trace.steps[-1].finished[0], tmp_path / "no.json")


def test_a_file_that_is_no_recording_is_refused(tmp_path):
    (tmp_path / "no.json").write_text('{"steps": []}')
    with pytest.raises(ValueError):
        beam_recording.load(tmp_path / "no.json", ())
    with pytest.raises(FileNotFoundError):
        beam_recording.load(tmp_path / "nowhere.json", ())
