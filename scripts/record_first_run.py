"""Record the first example's run with each model in assets/, for the page to show before any model is loaded.

Run it after the model or the first example has changed:  python scripts/record_first_run.py
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from playground import catalog, engine, settings
from playground.decoding.trace import GenerationRequest
from playground.engines.huggingface import backend as huggingface
from playground.examples import EXAMPLES, POETS, Example
from playground.runs import recording


def main() -> None:
    record(settings.DEFAULT_MODEL, EXAMPLES[0], settings.FIRST_RUN)
    record(settings.POET, POETS[0], settings.POETS_RUN)


def record(model: Path, example: Example, target: Path) -> None:
    backend = huggingface.load(str(model), model.name)
    strategy = catalog.sampling(example.values, example.do_sample, example.seed)
    request = GenerationRequest(backend.tokenizer.encode(example.prompt), strategy, example.max_new_tokens)
    *_, trace = engine.generate(backend.model, request)
    recording.save(trace, target)
    print(f"{target}: {len(trace.steps)} tokens: {backend.vocabulary.text(trace.token_ids)!r}")


if __name__ == "__main__":
    main()
