"""Beam search equals transformers' generate: ids, beam indices and scores, over every setting of the search."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from transformers import DynamicCache

from playground import catalog
from playground.backends.huggingface import HuggingFaceModel, HuggingFaceState
from playground.decoding.beam_search import BeamSearch, BeamStep
from playground.decoding.selection import Multinomial

pytestmark = pytest.mark.parity

NEW = 9
EOS_SETS = [None, (3,), (3, 5, 7), tuple(range(8))]
GRID = list(itertools.product((2, 3, 5, 8), (-1.0, 0.0, 0.7, 1.0, 2.0), (True, False, "never")))


@dataclass
class RowsPrefilled:
    """The same model with `generate`'s own prefill, one row a beam: equal call shapes, so equal to the last bit."""

    model: HuggingFaceModel
    rows: int

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def prefill(self, prompt_ids: Sequence[int], taken_ids: Sequence[int] = ()) -> HuggingFaceState:
        cache = DynamicCache(config=self.model.module.config)
        ids = torch.tensor([list(prompt_ids)] * self.rows)
        logits = self.model.forward(ids, cache, 0)
        return HuggingFaceState(self.model, cache, tuple(prompt_ids), len(prompt_ids), logits, logits)


def prompt(seed: int, length: int = 5) -> torch.Tensor:
    return torch.randint(8, 32, (1, length), generator=torch.Generator().manual_seed(seed))


def search(model: Any, ids: torch.Tensor, strategy: BeamSearch, new: int = NEW) -> list[BeamStep]:
    return list(strategy.decode(model, tuple(ids[0].tolist()), new))


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
    for seed in range(3):
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


def test_processors_see_log_probabilities_and_the_scores_are_theirs(tiny):
    values = {"repetition_penalty": 1.3, "no_repeat_ngram_size": 2}
    for architecture, seed, beams in itertools.product(("gpt2", "llama"), range(5), (2, 4)):
        model = tiny(architecture, (3,), seed=seed)
        ids = prompt(seed)
        strategy = BeamSearch(beams, 1.0, False, catalog.processors(values, do_sample=False))
        *_, last = search(RowsPrefilled(model, beams), ids, strategy)
        assert_equal(last, generate(model, ids, beams, **values), ids.shape[1], tolerance=0)


def test_beam_sampling_draws_what_generate_draws(tiny):
    for architecture, eos, seed in itertools.product(("gpt2", "llama"), (None, (3,)), range(6)):
        model = tiny(architecture, eos, seed=seed % 3)
        ids = prompt(seed)
        torch.manual_seed(seed)
        output = generate(model, ids, 3, do_sample=True, temperature=1.5, top_k=0)
        strategy = BeamSearch(3, 1.0, False, catalog.processors({"temperature": 1.5}), Multinomial(seed))
        *_, last = search(RowsPrefilled(model, 3), ids, strategy)
        assert_equal(last, output, ids.shape[1], tolerance=0)


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
        for candidate in step.candidates:
            parent_sum = before.beams[candidate.parent].cum_logprob if before else 0.0
            assert abs(parent_sum + candidate.logprob - candidate.cum_logprob) < 1e-4
