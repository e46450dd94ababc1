"""The recorded runs and searches of the shipped models: what is on the page before any model is loaded."""

import json
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from playground import settings
from playground.decoding.beam_steps import Hypothesis
from playground.decoding.beam_trace import BeamTrace
from playground.decoding.trace import Trace
from playground.runs import beam_recording, recording
from playground.vocabulary import Vocabulary, from_tokenizer_json


class Recorded(NamedTuple):
    """Of one model; without steps and pieces where nothing was recorded with it."""

    run: Trace
    search: tuple[BeamTrace, Hypothesis | None]
    vocabulary: Vocabulary

    @property
    def unrecorded(self) -> "Recorded":
        """The same without anything in it."""
        run = Trace(replace(self.run.request, prompt_ids=()))
        return Recorded(run, (replace(self.search[0], prompt_ids=(), steps=()), None), Vocabulary(()))


def recorded() -> tuple[Recorded, Recorded]:
    """Of the storyteller, and of the poet."""
    return (
        _of(settings.DEFAULT_MODEL, settings.FIRST_RUN, settings.FIRST_BEAM),
        _of(settings.POET, settings.POETS_RUN, settings.POETS_BEAM),
    )


def _of(model: Path, run: Path, search: Path) -> Recorded:
    tokenizer = json.loads((model / "tokenizer.json").read_text(encoding="utf-8"))
    trace = recording.load(run)
    vocabulary = from_tokenizer_json(tokenizer, trace.steps[0].row.size)
    return Recorded(trace, beam_recording.load(search, vocabulary.pieces), vocabulary)
