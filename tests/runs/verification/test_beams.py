"""The verification of beams passes what equals transformers, says what it did, and fails whatever was tampered with."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import torch

from playground import catalog, engine
from playground.decoding.beam_search import BeamSearch
from playground.decoding.beam_steps import BeamStep, BeamStrategy
from playground.decoding.constrained_beam_search import ConstrainedBeamSearch
from playground.decoding.diverse_beam_search import DiverseBeamSearch
from playground.decoding.selection import Multinomial
from playground.decoding.stochastic_beam_search import StochasticBeamSearch
from playground.decoding.stopping import StopStrings
from playground.engines.huggingface.backend import Backend, HuggingFaceModel
from playground.runs.verification.beams import BeamVerification, verify_beams
from playground.runs.verification.generate import Cancelled

PROMPT = (9, 10, 11, 12, 9)
NEW = 8
BANS = catalog.processors({"repetition_penalty": 1.2, "no_repeat_ngram_size": 2}, do_sample=False)
WARPERS = catalog.processors({"temperature": 1.4, "top_k": 12, "top_p": 0.9})


@pytest.fixture(scope="module")
def backend(fresh_tiny: Callable[..., HuggingFaceModel], storyteller: Backend) -> Backend:
    return replace(storyteller, model=fresh_tiny("gpt2", (3, 5, 7), seed=2))


def run(backend: Backend, strategy: BeamStrategy, prompt: Sequence[int] = PROMPT, new: int = NEW) -> list[BeamStep]:
    return list(engine.search(backend.model, strategy, tuple(prompt), new))


def verdict(backend: Backend, strategy: BeamStrategy, last: BeamStep | None = None) -> BeamVerification:
    return verify_beams(last or run(backend, strategy)[-1], strategy, PROMPT, NEW, backend)


GENERATED = {
    "plain": BeamSearch(4),
    "negative penalty": BeamSearch(5, -1.0, "never"),
    "early": BeamSearch(3, 2.0, True, BANS),
    "least": BeamSearch(4, min_new_tokens=5),
    "beam sampling": BeamSearch(3, 0.7, False, WARPERS, Multinomial(7)),
}
RESCORED = {
    "diverse": DiverseBeamSearch(6, 3, 0.7, processors=BANS),
    "constrained": ConstrainedBeamSearch(4, ((20, 21), (22,)), 0.7, num_return_sequences=1),
    "stochastic": StochasticBeamSearch(5, 3, WARPERS),
    "one beam": BeamSearch(1, 0.7, False, BANS),
}


@pytest.mark.parametrize("strategy", GENERATED.values(), ids=GENERATED.keys())
def test_beam_search_is_compared_with_generate(backend, strategy):
    found = verdict(backend, strategy)
    assert found.passed and found.method == "generate"
    assert found.sequences == found.equal == strategy.num_beams
    assert found.beam_indices_equal is True
    assert found.largest_difference < 2e-6  # read once, not once a beam


@pytest.mark.parametrize("strategy", RESCORED.values(), ids=RESCORED.keys())
def test_the_others_are_rescored_and_do_not_claim_more(backend, strategy):
    found = verdict(backend, strategy)
    assert found.passed and found.method == "rescored"
    assert 1 <= found.sequences == found.equal  # the constrained one has as many as could be completed
    assert found.beam_indices_equal is None
    assert found.largest_difference < 5e-6


def test_stop_strings_take_part(storyteller):
    prompt = storyteller.tokenizer.encode("The fox went out to")
    strategy = BeamSearch(4, stop=StopStrings((".", "in"), storyteller.vocabulary.pieces))
    *_, last = run(storyteller, strategy, prompt, 12)
    assert any(hypothesis.ended_by == "stop_string" for hypothesis in last.finished)
    assert verify_beams(last, strategy, prompt, 12, storyteller).passed
    without = verify_beams(last, replace(strategy, stop=None), prompt, 12, storyteller)
    assert not without.passed


@pytest.mark.parametrize(
    "tampered",
    [
        {"token_ids": (4,) * NEW},
        {"score": -1.0},
        {"beam_indices": (3,) * NEW},
    ],
    ids=lambda tampered: next(iter(tampered)),
)
def test_what_was_tampered_with_is_found_by_generate(backend, tampered):
    *_, last = run(backend, BeamSearch(4))
    first, *rest = last.finished
    if "beam_indices" in tampered:
        tampered = {"beam_indices": tuple(i + 1 for i in first.beam_indices)}
    wrong = replace(last, finished=(replace(first, **tampered), *rest))
    assert not verdict(backend, BeamSearch(4), wrong).passed


def test_a_sequence_that_is_missing_is_found(backend):
    for strategy in (GENERATED["plain"], RESCORED["diverse"]):
        *_, last = run(backend, strategy)
        assert not verdict(backend, strategy, replace(last, finished=())).passed
    *_, last = run(backend, BeamSearch(4))
    assert not verdict(backend, BeamSearch(4), replace(last, finished=last.finished[:3])).passed


def test_another_setting_is_found(backend):
    *_, last = run(backend, BeamSearch(4))
    for other in (BeamSearch(4, 2.0), BeamSearch(5), BeamSearch(4, processors=BANS)):
        assert not verdict(backend, other, last).passed


@pytest.mark.parametrize("strategy", RESCORED.values(), ids=RESCORED.keys())
def test_what_was_tampered_with_is_found_by_rescoring(backend, strategy):
    *_, last = run(backend, strategy)
    first, *rest = last.finished
    raw = (first.raw_logprobs[0] + 1e-4, *first.raw_logprobs[1:])
    ids = ((first.token_ids[0] + 1) % 32, *first.token_ids[1:])
    for change in (
        {"raw_logprobs": raw}, {"token_ids": ids}, {"score": first.score + 0.01},
        {"cum_logprob": first.cum_logprob + 0.01},
    ):  # fmt: skip
        wrong = replace(last, finished=(replace(first, **change), *rest))
        found = verdict(backend, strategy, wrong)
        assert not found.passed and found.equal == found.sequences - 1


def test_a_phrase_that_is_not_there_is_found(backend):
    strategy = RESCORED["constrained"]
    *_, last = run(backend, strategy)
    complete = [hypothesis for hypothesis in last.finished if not hypothesis.missing]
    assert complete
    assert not verdict(backend, replace(strategy, phrases=((20, 21), (22, 22, 22))), last).passed


@pytest.mark.parametrize("strategy", [GENERATED["plain"], RESCORED["diverse"]])
def test_nobody_waits_any_more(backend, strategy):
    *_, last = run(backend, strategy)
    with pytest.raises(Cancelled):
        verify_beams(last, strategy, PROMPT, NEW, backend, lambda: False)


def test_only_a_result_can_be_verified_and_the_global_dice_stay_as_they_are(backend):
    first, *_, last = run(backend, GENERATED["beam sampling"])
    with pytest.raises(ValueError, match="has not ended"):
        verdict(backend, GENERATED["beam sampling"], first)
    state = torch.random.get_rng_state()
    verdict(backend, GENERATED["beam sampling"], last)
    assert torch.equal(state, torch.random.get_rng_state())
