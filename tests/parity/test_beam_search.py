"""Beam search equals transformers' generate: ids, beam indices and scores, over every setting of the search."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from playground import catalog
from playground.decoding.beam_search import BeamSearch, BeamStep
from playground.decoding.selection import Multinomial
from playground.decoding.stopping import StopStrings
from playground.decoding.trace import GenerationRequest
from playground.engines.huggingface.backend import HuggingFaceModel
from playground.engines.huggingface.kv_cache import new_cache
from playground.engines.huggingface.state import HuggingFaceState

pytestmark = pytest.mark.parity

NEW = 9
EOS_SETS = [None, (3,), (3, 5, 7), tuple(range(8))]
GRID = list(itertools.product((2, 3, 5, 8), (-1.0, 0.0, 0.7, 1.0, 2.0), (True, False, "never")))


@dataclass
class RowsPrefilled:
    """The same model with `generate`'s own prefill, one row a beam: equal call shapes, so equal to the last bit.

    The rows lie in the cache that the page uses, reordered as a whole: what they share may differ in the last bit here.
    """

    model: HuggingFaceModel
    rows: int

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def prefill(self, prompt_ids: Sequence[int], taken_ids: Sequence[int] = ()) -> HuggingFaceState:
        cache = new_cache(self.model.module.config)
        ids = torch.tensor([list(prompt_ids)] * self.rows)
        answer = self.model.forward(ids, cache, 0)
        return HuggingFaceState(self.model, cache, tuple(prompt_ids), len(prompt_ids), answer, answer)


def prompt(seed: int, length: int = 5) -> torch.Tensor:
    return torch.randint(8, 32, (1, length), generator=torch.Generator().manual_seed(seed))


def search(model: Any, ids: torch.Tensor, strategy: BeamSearch, new: int = NEW) -> list[BeamStep]:
    return list(strategy.decode(model, GenerationRequest(tuple(ids[0].tolist()), strategy, new)))


def generate(model: HuggingFaceModel, ids: torch.Tensor, beams: int, **settings: Any) -> Any:
    return model.module.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        num_beams=beams,
        num_return_sequences=beams,
        pad_token_id=31,
        return_dict_in_generate=True,
        output_scores=True,
        output_logits=True,
        **({"do_sample": False, "max_new_tokens": NEW} | settings),
    )


def assert_equal(step: BeamStep, output: Any, prompt_length: int, tolerance: float) -> None:
    assert len(step.finished) == output.sequences.shape[0]
    for row, ours in enumerate(step.finished):
        length = len(ours.token_ids)
        assert int((output.beam_indices[row] >= 0).sum()) == length
        assert output.sequences[row, prompt_length : prompt_length + length].tolist() == list(ours.token_ids)
        assert output.beam_indices[row, :length].tolist() == list(ours.beam_indices)
        assert abs(float(output.sequences_scores[row]) - ours.score) <= tolerance


@pytest.mark.parametrize("eos", EOS_SETS)
@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_every_setting_gives_the_sequences_scores_and_beam_indices_of_generate(tiny, architecture, eos):
    for seed in range(3 if eos else 2):
        model = tiny(architecture, eos, seed=seed)
        ids = prompt(seed)
        for beams, penalty, early in GRID:
            output = generate(model, ids, beams, length_penalty=penalty, early_stopping=early)
            strategy = BeamSearch(beams, penalty, early)
            *_, last = search(RowsPrefilled(model, beams), ids, strategy)
            assert_equal(last, output, ids.shape[1], tolerance=0)


@pytest.mark.parametrize("eos", EOS_SETS)
def test_a_prompt_read_once_gives_the_same_sequences(tiny, eos):
    for architecture, seed, (beams, penalty, early) in itertools.product(("gpt2", "llama"), range(3), GRID[::7]):
        model = tiny(architecture, eos, seed=seed)
        ids = prompt(seed)
        output = generate(model, ids, beams, length_penalty=penalty, early_stopping=early)
        *_, last = search(model, ids, BeamSearch(beams, penalty, early))
        # one row read instead of `beams`: another call shape. A penalty of -1 multiplies the sum by the length.
        assert_equal(last, output, ids.shape[1], tolerance=1e-5 * (NEW if penalty < 0 else 1))


@pytest.mark.parametrize("eos", EOS_SETS[1:])
def test_processors_see_log_probabilities_and_the_scores_are_theirs(tiny, eos):
    bans = {"repetition_penalty": 1.3, "no_repeat_ngram_size": 2}
    for architecture, seed, beams, least in itertools.product(("gpt2", "llama"), range(3), (2, 4), (0, 4)):
        model = tiny(architecture, eos, seed=seed)
        ids = prompt(seed)
        strategy = BeamSearch(beams, 1.0, False, catalog.processors(bans, do_sample=False), min_new_tokens=least)
        *_, last = search(RowsPrefilled(model, beams), ids, strategy)
        output = generate(model, ids, beams, **bans, **({"min_new_tokens": least} if least else {}))
        assert_equal(last, output, ids.shape[1], tolerance=0)


@pytest.mark.parametrize("eos", EOS_SETS)
def test_no_sequence_ends_before_its_least_number_of_tokens(tiny, eos):
    for seed, beams, penalty in itertools.product(range(3), (2, 5), (-1.0, 1.0)):
        model = tiny("gpt2", eos, seed=seed)
        ids = prompt(seed)
        output = generate(model, ids, beams, length_penalty=penalty, min_new_tokens=6)
        *_, last = search(RowsPrefilled(model, beams), ids, BeamSearch(beams, penalty, min_new_tokens=6))
        assert_equal(last, output, ids.shape[1], tolerance=0)
        assert all(len(hypothesis.token_ids) >= 6 for hypothesis in last.finished)


WARPERS = [
    {"temperature": 1.5},
    {"top_k": 1},  # keeps one token more than there are ends
    {"temperature": 0.7, "top_p": 0.05},
    {"min_p": 0.9},
    {"typical_p": 0.01},
    {"repetition_penalty": 1.2, "temperature": 1.3, "top_k": 12, "top_p": 0.8, "min_p": 0.02, "typical_p": 0.9},
]


@pytest.mark.parametrize("eos", EOS_SETS)
@pytest.mark.parametrize("warpers", WARPERS, ids=lambda warpers: "+".join(warpers))
def test_beam_sampling_draws_what_generate_draws(tiny, eos, warpers):
    for architecture, seed, beams in itertools.product(("gpt2", "llama"), range(3), (2, 5)):
        model = tiny(architecture, eos, seed=seed)
        ids = prompt(seed)
        torch.manual_seed(seed)
        output = generate(model, ids, beams, **({"top_k": 0} | warpers | {"do_sample": True}))
        strategy = BeamSearch(beams, 1.0, False, catalog.processors(warpers), Multinomial(seed))
        *_, last = search(RowsPrefilled(model, beams), ids, strategy)
        assert_equal(last, output, ids.shape[1], tolerance=0)


def test_a_tiny_vocabulary_fills_the_batch_with_rows_that_never_began(fresh_tiny):
    """Fewer tokens than candidates: rows of -1e9 take part, in ours as in theirs."""
    ghosts = 0
    for architecture, seed, (beams, penalty, early) in itertools.product(("gpt2", "llama"), range(2), GRID[::3]):
        model = fresh_tiny(architecture, (0, 1, 2), vocab_size=6, seed=seed)
        ids = torch.tensor([[3, 4, 5]])
        output = generate(model, ids, beams, length_penalty=penalty, early_stopping=early)
        steps = search(RowsPrefilled(model, beams), ids, BeamSearch(beams, penalty, early))
        assert_equal(steps[-1], output, ids.shape[1], tolerance=0)
        ghosts += any(candidate.is_ghost for step in steps for candidate in step.candidates)
        assert all(beam.is_ghost is (beam.cum_logprob < -1e8) for step in steps for beam in step.beams)
    assert ghosts > 10


@pytest.mark.parametrize("strings", [(" the",), (",", " said"), ("ea", "st"), ("e see", "ki")])
def test_stop_strings_end_a_beam_as_they_do_in_generate(storyteller, strings):
    model = storyteller.model
    stop = StopStrings(strings, storyteller.vocabulary.pieces)
    stopped = 0
    for text, beams in itertools.product(("The old king", "Once upon a time there was"), (2, 4)):
        ids = torch.tensor([storyteller.tokenizer.encode(text)])
        settings = {"stop_strings": list(strings), "tokenizer": storyteller.tokenizer._tokenizer}
        output = generate(model, ids, beams, **settings)
        *_, last = search(RowsPrefilled(model, beams), ids, BeamSearch(beams, stop=stop))
        assert_equal(last, output, ids.shape[1], tolerance=0)
        stopped += sum(hypothesis.ended_by == "stop_string" for hypothesis in last.finished)
    assert stopped


def test_wide_enough_beams_find_the_most_probable_sequence_of_all(fresh_tiny):
    for seed in range(6):
        model = fresh_tiny("gpt2", vocab_size=4, seed=seed)
        ids = torch.tensor([[1, 2]])
        best, most = None, -float("inf")
        for tokens in itertools.product(range(4), repeat=3):
            whole = torch.tensor([[1, 2, *tokens]])
            with torch.inference_mode():
                logprobs = torch.log_softmax(model.module(whole).logits[0], dim=-1)
            total = sum(float(logprobs[1 + i, t]) for i, t in enumerate(tokens))
            if total > most:
                best, most = tokens, total
        *_, last = search(model, ids, BeamSearch(16, 0.0, "never"), new=3)
        assert last.finished[0].token_ids == best
        assert abs(last.finished[0].cum_logprob - most) < 1e-5


def test_every_candidate_has_a_fate_and_the_fates_add_up(tiny):
    model = tiny("gpt2", (3, 5, 7), seed=1)
    steps = search(model, prompt(1), BeamSearch(4))
    for before, step in zip([None, *steps[:-1]], steps, strict=True):
        assert len(step.candidates) == 16  # max(2, 1 + 3 ends) for each of 4 beams
        assert [c.rank for c in step.candidates] == list(range(16))
        kept = [c for c in step.candidates if c.fate == "kept"]
        assert step.stop_reason or len(kept) == 4
        new = [c for c in step.candidates if c.fate == "finished"]
        old = set(before.finished) if before else set()
        assert len(set(step.finished) - old) == len(new)
        assert len(step.finished) == len(old) + len(new) - len(step.evicted)
        for candidate in step.candidates:
            parent_sum = before.beams[candidate.parent].cum_logprob if before else 0.0
            assert abs(parent_sum + candidate.logprob - candidate.cum_logprob) < 1e-4
            assert candidate.score == pytest.approx(candidate.cum_logprob / (step.index + 1), rel=1e-6)
            assert candidate.raw_logprob == candidate.logprob  # no processors
            assert (candidate.ended_by == "eos") is (candidate.token_id in model.eos_ids)
            if candidate.fate == "kept":
                beam = step.beams[candidate.beam]
                assert (beam.token_ids[-1], beam.beam_indices[-1]) == (candidate.token_id, candidate.parent)
            if candidate.fate == "finished":
                assert step.finished[candidate.pool_place].token_ids[-1] == candidate.token_id
        bound = step.bound
        assert bound.best_possible == pytest.approx(bound.best_sum / bound.length, rel=1e-6)
        assert bound.worst_finished == (step.finished[-1].score if len(step.finished) == 4 else None)


def test_the_cost_counts_passes_tokens_and_continuations(tiny):
    steps = search(tiny("gpt2"), prompt(2), BeamSearch(3), new=4)
    assert [(s.cost.forwards, s.cost.tokens, s.cost.candidates) for s in steps] == [
        (1, 5, 32), (1, 3, 96), (1, 3, 96), (1, 3, 96)
    ]  # fmt: skip
    assert steps[-1].total == sum((s.cost for s in steps[1:]), steps[0].cost)


def test_what_a_ban_costs_can_be_read_off_the_sequence(tiny):
    model, ids = tiny("gpt2", seed=4), prompt(4)
    *_, last = search(model, ids, BeamSearch(3, processors=catalog.processors({"repetition_penalty": 1.5}, False)))
    for hypothesis in last.finished:
        with torch.inference_mode():
            logits = model.module(torch.tensor([[*ids[0].tolist(), *hypothesis.token_ids]])).logits[0]
        raw = torch.log_softmax(logits, -1)[ids.shape[1] - 1 : -1]
        by_hand = raw[range(NEW), list(hypothesis.token_ids)].tolist()
        assert hypothesis.raw_logprobs == pytest.approx(by_hand, abs=1e-5)
        assert sum(hypothesis.logprobs) == pytest.approx(hypothesis.cum_logprob, abs=1e-5)
        assert sum(hypothesis.raw_logprobs) > hypothesis.cum_logprob
