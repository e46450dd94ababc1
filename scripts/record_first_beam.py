"""Record the first example's beam search with each model in assets/, for the page to show before any model is loaded.

Run it after the model or the first example of the Beam search tab has changed:  python scripts/record_first_beam.py
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from playground import engine, settings
from playground.decoding.beam_search import BeamSearch
from playground.decoding.beam_trace import BeamTrace
from playground.decoding.stopping import StopStrings
from playground.engines.huggingface import backend as huggingface
from playground.runs import beam_recording
from playground.tabs.beam.examples import BEAM_EXAMPLES, POETS, BeamExample
from playground.tabs.beam.handlers import greedy_of


def main() -> None:
    record(settings.DEFAULT_MODEL, BEAM_EXAMPLES[0], settings.FIRST_BEAM)
    record(settings.POET, POETS[0], settings.POETS_BEAM)


def record(model: Path, example: BeamExample, target: Path) -> None:
    backend = huggingface.load(str(model), model.name)
    stop = StopStrings((example.stop,), backend.vocabulary.pieces)
    strategy = BeamSearch(example.num_beams, example.length_penalty, stop=stop)
    trace = BeamTrace(backend.tokenizer.encode(example.prompt), strategy, example.length)
    for step in engine.search(backend.model, strategy, trace.prompt_ids, trace.max_new_tokens):
        trace = trace.appended(step)
    beam_recording.save(trace, greedy_of(trace, backend), target)
    assert trace.best is not None
    text = backend.vocabulary.text(trace.best.token_ids)
    print(f"{target}: {len(trace.steps)} steps, {trace.stop_reason}: {text!r}")


if __name__ == "__main__":
    main()
