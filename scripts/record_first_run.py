"""Record the first example's run with the model in assets/, for the page to show before any model is loaded.

Run it after the model or the first example has changed:  python scripts/record_first_run.py
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from playground import catalog, engine, settings
from playground.decoding.trace import GenerationRequest
from playground.engines.huggingface import backend as huggingface
from playground.examples import EXAMPLES
from playground.runs import recording


def main() -> None:
    example = EXAMPLES[0]
    backend = huggingface.load(str(settings.DEFAULT_MODEL), settings.DEFAULT_MODEL_NAME)
    strategy = catalog.sampling(example.values, example.do_sample, example.seed)
    request = GenerationRequest(backend.tokenizer.encode(example.prompt), strategy, example.max_new_tokens)
    *_, trace = engine.generate(backend.model, request)
    recording.save(trace, settings.FIRST_RUN)
    print(f"{settings.FIRST_RUN}: {len(trace.steps)} tokens: {backend.vocabulary.text(trace.token_ids)!r}")


if __name__ == "__main__":
    main()
