"""Comparisons: what four lanes gain over one beside what a bare forward pass gains, and a cloud of 256 texts."""

import statistics
from collections.abc import Sequence
from functools import partial

from benchmark_report import Report, seconds

from playground import catalog, engine, settings
from playground.decoding.clouds import MAX_SAMPLES
from playground.decoding.trace import GenerationRequest
from playground.engines.huggingface import backend as huggingface
from playground.engines.huggingface.backend import HuggingFaceModel

LANES = 4
TOKENS = 40
GAIN = 0.9  # of a bare forward pass's
CLOUD_SECONDS = 8.0
PROMPT = "The old king said to his"
SETTINGS = ({"temperature": 0.8}, {"temperature": 0.8, "top_p": 0.9}, {"top_k": 40}, {"min_p": 0.05})


def measure(report: Report) -> None:
    tokens, rounds, samples = (8, 1, 16) if report.is_smoke else (TOKENS, 7, MAX_SAMPLES)
    backend = huggingface.load(str(settings.DEFAULT_MODEL), "storyteller")
    model, ids = backend.model, backend.tokenizer.encode(PROMPT)
    minimum = {"min_new_tokens": tokens}  # no lane ends before the others
    requests = [GenerationRequest(ids, catalog.sampling({**s, **minimum}, True, 3), tokens) for s in SETTINGS]
    report.section(f"Comparisons: the storyteller, {LANES} lanes of {tokens} tokens; a cloud of {samples}")
    times: dict[str, list[float]] = {"four": [], "one": [], "bare four": [], "bare one": []}
    found = None
    for number in range(rounds + 1):
        single = requests[number % LANES]
        taken = {
            "four": seconds(lambda: list(engine.compare(model, requests))),
            "one": seconds(partial(_alone, model, single)),
            "bare four": seconds(lambda: bare(model, ids, LANES, tokens)),
            "bare one": seconds(lambda: bare(model, ids, 1, tokens)),
        }
        if number:  # round 0 warms up
            for name, one in taken.items():
                times[name].append(one)
    *_, found = engine.compare(model, requests)
    alone = [list(engine.generate(model, request))[-1].token_ids for request in requests]
    equal = sum(lane.token_ids == one for lane, one in zip(found.lanes, alone, strict=True))
    report.invariant("lanes with the ids of their runs alone", equal == LANES, f"{equal} of {LANES}")
    gains = [LANES * one / four for one, four in zip(times["one"], times["four"], strict=True)]
    bares = [LANES * one / four for one, four in zip(times["bare one"], times["bare four"], strict=True)]
    ratios = [gain / other for gain, other in zip(gains, bares, strict=True)]
    rate = LANES * tokens / statistics.median(times["four"])
    report.at_least(
        "gain of four lanes / gain of a bare forward", statistics.median(ratios), GAIN, "×",
        f"{statistics.median(gains):.2f} : {statistics.median(bares):.2f}; {rate:.0f} tokens/s",
    )  # fmt: skip
    request = GenerationRequest(ids, catalog.sampling({"temperature": 0.8, "top_p": 0.9}, True, 0), tokens)
    cloud = None

    def draw() -> None:
        nonlocal cloud
        *_, cloud = engine.draw(model, request, samples)

    taken_by_cloud = seconds(draw)
    assert cloud is not None
    seeds = {sample.seed for sample in cloud.samples}
    report.invariant("every sample has dice of its own", len(seeds) == samples, f"{len(seeds)} seeds")
    note = f"{cloud.tokens / taken_by_cloud:,.0f} tokens/s"
    report.at_most(f"{samples} texts of {tokens} tokens", taken_by_cloud, CLOUD_SECONDS, "s", note)


def _alone(model: HuggingFaceModel, request: GenerationRequest) -> None:
    list(engine.generate(model, request))


def bare(model: HuggingFaceModel, ids: Sequence[int], rows: int, tokens: int) -> None:
    """The same passes without anything around them."""
    state = model.prefill(ids)
    parents = [0] * rows
    for token in range(1, tokens):
        state = state.advance(parents, [100 + token] * rows)
        parents = list(range(rows))
    state.release()
