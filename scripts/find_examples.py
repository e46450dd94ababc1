"""Search for prompts that show what the examples' texts promise, after the storyteller has been trained anew.

    python scripts/find_examples.py                     every kind, the best five candidates of each
    python scripts/find_examples.py greedy_loops loses --prompts 60 --seeds 20 --show 10

Each candidate is a line: how clearly it shows it (the larger the better), prompt and settings, what was written. Choose
by reading, put prompt and settings into playground/examples.py or playground/tabs/beam/examples.py, the words that the
text names into i18n/en.json, record anew (record_first_run.py, record_first_beam.py); the tests of the examples measure
the rest.
"""

import argparse
import itertools
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tqdm import tqdm

from playground import catalog, engine, settings
from playground.decoding.beam_search import BeamSearch
from playground.decoding.beam_trace import BeamTrace
from playground.decoding.pipeline import processed_logits
from playground.decoding.stopping import StopStrings
from playground.decoding.trace import GenerationRequest, Trace
from playground.engines.huggingface import backend as huggingface
from playground.engines.huggingface.backend import Backend
from playground.tabs.beam.handlers import greedy_of

WHO = (
    "old king", "wolf", "princess", "giant", "little girl", "old woman", "fox", "boy", "old man", "queen", "bear",
    "soldier", "miller", "cat", "young prince",
)  # fmt: skip
WHAT = (
    "said to his", "opened the door, and", "went into the forest and", "wanted to", "laughed and", "was so hungry that",
    "had never seen such a", "took the golden", "looked out of the window and", "knocked at the door, and",
)  # fmt: skip
BEGINNINGS = ("Once upon a time there was a little", "There was once a", "In the middle of the forest", "One day the")


class Candidate(NamedTuple):
    """How clearly something shows, with what settings, and what was written."""

    score: float
    prompt: str
    settings: str
    text: str


def main() -> None:
    parser = argparse.ArgumentParser(description="Search for examples with the shipped model.")
    parser.add_argument("kinds", nargs="*", help=f"of {', '.join(KINDS)}; default: all")
    parser.add_argument("--prompts", type=int, default=150, help="how many prompts are tried")
    parser.add_argument("--seeds", type=int, default=10, help="how many seeds a prompt, where there are dice")
    parser.add_argument("--show", type=int, default=5)
    options = parser.parse_args()
    if unknown := set(options.kinds) - set(KINDS):
        parser.error(f"no such kind: {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")
    backend = huggingface.load(str(settings.DEFAULT_MODEL), settings.DEFAULT_MODEL_NAME)
    for kind in options.kinds or KINDS:
        print(f"\n{kind}: {KINDS[kind].__doc__}")
        for found in best(backend, kind, options.prompts, range(options.seeds))[: options.show]:
            print(f"{found.score:8.2f}  {found.prompt!r}, {found.settings}: {found.text!r}")


def best(backend: Backend, kind: str, count: int, seeds: range) -> list[Candidate]:
    """The candidates of a kind, the clearest first."""
    tried = tqdm(list(itertools.islice(prompts(), count)), unit="prompt", leave=False)
    return sorted((one for prompt in tried for one in KINDS[kind](backend, prompt, seeds)), reverse=True)


def prompts() -> Iterator[str]:
    """Beginnings of stories, all different."""
    yield from BEGINNINGS
    for what, who in itertools.product(WHAT, WHO):
        yield f"The {who} {what}"


def run(backend: Backend, prompt: str, length: int, values: dict[str, float], seed: int | None) -> Trace:
    """A whole run; greedy without a seed."""
    strategy = catalog.sampling(values, seed is not None, seed or 0)
    request = GenerationRequest(backend.tokenizer.encode(prompt), strategy, length)
    *_, trace = engine.generate(backend.model, request)
    return trace


def search(backend: Backend, prompt: str, beams: int, length: int, stop: str = "", penalty: float = 1.0) -> BeamTrace:
    """A whole beam search."""
    ends = StopStrings((stop,), backend.vocabulary.pieces) if stop else None
    trace = BeamTrace(backend.tokenizer.encode(prompt), BeamSearch(beams, penalty, stop=ends), length)
    for step in engine.search(backend.model, trace.strategy, trace.prompt_ids, length):
        trace = trace.appended(step)
    return trace


def sure_unsure(backend: Backend, prompt: str, seeds: range) -> Iterator[Candidate]:
    """Top-p 0.9 at temperature 0.8 keeps one token where the model is sure, hundreds where it is not."""
    values = {"temperature": 0.8, "top_p": 0.9}
    for seed in seeds:
        trace = run(backend, prompt, 40, values, seed)
        finals = [processed_logits(trace.stages_at(i), step.logits[None]) for i, step in enumerate(trace.steps)]
        kept = [int((~final.isneginf()).sum()) for final in finals]
        if min(kept) == 1:
            yield Candidate(max(kept), prompt, f"seed {seed}", backend.vocabulary.text(trace.token_ids))


def greedy_loops(backend: Backend, prompt: str, seeds: range) -> Iterator[Candidate]:
    """Greedy decoding goes round in a circle: how often eight tokens come back, if they grow surer."""
    del seeds
    trace = run(backend, prompt, 60, {}, None)
    grams = Counter(trace.token_ids[i : i + 8] for i in range(len(trace.steps) - 7))
    surprisals = [-step.reading.logprob for step in trace.steps]
    if grams and sum(surprisals[-13:]) < 0.8 * sum(surprisals[:13]):
        yield Candidate(
            grams.most_common(1)[0][1], prompt, "greedy, 60 tokens", backend.vocabulary.text(trace.token_ids)
        )


def pays_off(backend: Backend, prompt: str, seeds: range) -> Iterator[Candidate]:
    """Four beams beat greedy in as many tokens, up to the first full stop: by how many nats."""
    del seeds
    for length in (14, 20):
        trace = search(backend, prompt, 4, length, stop=".")
        greedy, found = greedy_of(trace, backend), trace.best
        if found is None or found.token_ids[0] == greedy.token_ids[0]:
            continue
        won = found.cum_logprob - sum(greedy.logprobs[: len(found.token_ids)])
        if won > 0 and len(greedy.token_ids) >= len(found.token_ids):
            texts = " / ".join(backend.vocabulary.text(one.token_ids) for one in (found, greedy))
            yield Candidate(won, prompt, f"4 beams, length {length}, stop '.'", texts)


def loses(backend: Backend, prompt: str, seeds: range) -> Iterator[Candidate]:
    """Two beams end below greedy, four above it: the smaller of both distances in nats."""
    del seeds
    found = []
    for beams in (2, 4):
        trace = search(backend, prompt, beams, 12)
        if trace.best is not None:
            found.append((trace.best.cum_logprob - greedy_of(trace, backend).cum_logprob, trace.best.token_ids))
    if len(found) == 2 and found[0][0] < 0 < found[1][0]:
        score = min(-found[0][0], found[1][0])
        yield Candidate(score, prompt, "2 beams, length 12", backend.vocabulary.text(found[0][1]))


def short_wins(backend: Backend, prompt: str, seeds: range) -> Iterator[Candidate]:
    """Without a length penalty the shortest finished sequence wins: minus its tokens."""
    del seeds
    found = search(backend, prompt, 4, 20, stop=".", penalty=0.0).best
    if found is not None:
        yield Candidate(-len(found.token_ids), prompt, "alpha 0, stop '.'", backend.vocabulary.text(found.token_ids))


def repeats(backend: Backend, prompt: str, seeds: range) -> Iterator[Candidate]:
    """The best sequence of four beams goes round in a circle: how often its commonest four tokens come."""
    del seeds
    found = search(backend, prompt, 4, 24).best
    if found is not None:
        grams = Counter(found.token_ids[i : i + 4] for i in range(len(found.token_ids) - 3))
        score = max(grams.values(), default=0)
        yield Candidate(score, prompt, "4 beams, length 24", backend.vocabulary.text(found.token_ids))


KINDS: dict[str, Callable[[Backend, str, range], Iterator[Candidate]]] = {
    find.__name__: find for find in (sure_unsure, greedy_loops, pays_off, loses, short_wins, repeats)
}

if __name__ == "__main__":
    main()
