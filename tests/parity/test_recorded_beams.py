"""Diverse and constrained beam search equal what transformers 4.49.0 returned: scripts/record_beam_fixtures.py."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from playground import catalog
from playground.decoding.beam_steps import BeamStep, BeamStrategy
from playground.decoding.constrained_beam_search import ConstrainedBeamSearch
from playground.decoding.diverse_beam_search import DiverseBeamSearch
from playground.decoding.trace import GenerationRequest
from tests.parity.hashed_model import Hashed, HashedModel

pytestmark = pytest.mark.parity

FIXTURES = Path(__file__).parent / "fixtures"
TOLERANCE = 1e-5  # of a score; 4.49 hands scores out as float32, and log_softmax may differ in the last bit elsewhere
Case = dict[str, Any]


def cases(kind: str) -> list[Case]:
    recorded = json.loads(gzip.decompress((FIXTURES / f"{kind}_beam_search.json.gz").read_bytes()))
    assert recorded["transformers"] == "4.49.0"
    return recorded["cases"]


def strategy_of(case: Case) -> BeamStrategy:
    settings = dict(case["settings"])
    settings.pop("max_new_tokens")
    bans = {name: settings.pop(name) for name in ("repetition_penalty", "no_repeat_ngram_size") if name in settings}
    settings["processors"] = catalog.processors(bans, do_sample=False)
    if "phrases" in settings:
        return ConstrainedBeamSearch(**settings | {"phrases": tuple(map(tuple, settings["phrases"]))})
    return DiverseBeamSearch(**settings)


def model_of(case: Case) -> HashedModel:
    return HashedModel(Hashed(**case["model"] | {"eos_ids": tuple(case["model"]["eos_ids"])}))


def search(case: Case) -> list[BeamStep]:
    strategy = strategy_of(case)
    request = GenerationRequest(tuple(case["prompt"]), strategy, case["settings"]["max_new_tokens"])
    return list(strategy.decode(model_of(case), request))


def returned(case: Case) -> list[tuple[list[int], float]]:
    """Ours as 4.49 writes it: the first end-of-text id in place of the one that was taken."""
    eos_ids = case["model"]["eos_ids"]
    wanted = case["settings"].get("num_return_sequences", case["settings"]["num_beams"])
    *_, last = search(case)
    found = []
    for hypothesis in last.finished[:wanted]:
        ids = list(hypothesis.token_ids)
        found.append(((ids[:-1] + eos_ids[:1]) if hypothesis.ended_by == "eos" else ids, hypothesis.score))
    return found


@pytest.mark.parametrize("kind", ["diverse", "constrained"])
def test_ids_and_scores_are_those_of_transformers_4_49(kind):
    for number, case in enumerate(cases(kind)):
        ours = returned(case)
        assert [ids for ids, _ in ours] == [s["token_ids"] for s in case["sequences"]], (number, case["settings"])
        for (_, score), theirs in zip(ours, case["sequences"], strict=True):
            assert score == pytest.approx(theirs["score"], abs=TOLERANCE, rel=1e-6), (number, case["settings"])


@pytest.mark.parametrize("kind", ["diverse", "constrained"])
def test_the_recorded_settings_are_all_there(kind):
    recorded = cases(kind)
    assert len(recorded) >= 400
    settings = [case["settings"] for case in recorded]
    assert {s["length_penalty"] for s in settings} == {-1, 0, 0.7, 1, 2}
    assert {str(s["early_stopping"]) for s in settings} == {"True", "False", "never"}
    assert {len(case["model"]["eos_ids"]) for case in recorded} == {0, 1, 3, 8}
    shorter = [
        c for c in recorded if any(len(s["token_ids"]) < c["settings"]["max_new_tokens"] for s in c["sequences"])
    ]
    assert len(shorter) >= 50  # an end of text decided
    if kind == "diverse":
        assert {(s["num_beams"], s["num_beam_groups"]) for s in settings} >= {(2, 2), (6, 3), (8, 4)}
    else:
        assert {len(s["phrases"]) for s in settings} == {1, 2, 3}
        assert {max(map(len, s["phrases"])) for s in settings} == {1, 2, 3}


@pytest.mark.parametrize("kind", ["diverse", "constrained"])
def test_every_candidate_has_a_fate_and_the_steps_add_up(kind):
    fates = set()
    for case in cases(kind)[::5]:
        steps = search(case)
        assert sum(step.cost.forwards for step in steps) == steps[-1].total.forwards == len(steps)
        for before, step in zip([None, *steps[:-1]], steps, strict=True):
            old = before.finished if before else ()
            fates |= {candidate.fate for candidate in step.candidates}
            entered = [c for c in step.candidates if c.fate == "finished"]
            assert len(step.finished) == len(old) + len(entered) - len(step.evicted)
            for candidate in entered:
                there = step.finished[candidate.pool_place]
                assert (there.token_ids[-1], there.score) == (candidate.token_id, candidate.score)
            for candidate in step.candidates:
                if candidate.fate == "kept":
                    beam = step.beams[candidate.beam]
                    assert (beam.token_ids[-1], beam.beam_indices[-1]) == (candidate.token_id, candidate.parent)
                parent_sum = before.beams[candidate.parent].cum_logprob if before else 0.0
                if not candidate.is_ghost:
                    assert abs(parent_sum + candidate.logprob - candidate.cum_logprob) < 1e-4
            assert list(step.finished) == sorted(step.finished, key=lambda hypothesis: -hypothesis.score)
            for hypothesis in (h for h in step.finished if not h.is_ghost):
                assert abs(sum(hypothesis.logprobs) - hypothesis.cum_logprob) < 1e-4
    expected = {"kept", "finished", "outscored", "late", "pruned"}
    assert fates == (expected | {"unfulfilled"} if kind == "constrained" else expected)
