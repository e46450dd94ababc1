"""Record the first example's beam search with the model in assets/, for the page to show before any model is loaded.

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
from playground.tabs.beam.examples import BEAM_EXAMPLES
from playground.tabs.beam.handlers import greedy_of


def main() -> None:
    example = BEAM_EXAMPLES[0]
    backend = huggingface.load(str(settings.DEFAULT_MODEL), settings.DEFAULT_MODEL_NAME)
    stop = StopStrings((example.stop,), backend.vocabulary.pieces)
    strategy = BeamSearch(example.num_beams, example.length_penalty, stop=stop)
    trace = BeamTrace(backend.tokenizer.encode(example.prompt), strategy, example.length)
    for step in engine.search(backend.model, strategy, trace.prompt_ids, trace.max_new_tokens):
        trace = trace.appended(step)
    beam_recording.save(trace, greedy_of(trace, backend), settings.FIRST_BEAM)
    assert trace.best is not None
    text = backend.vocabulary.text(trace.best.token_ids)
    print(f"{settings.FIRST_BEAM}: {len(trace.steps)} steps, {trace.stop_reason}: {text!r}")


if __name__ == "__main__":
    main()
