"""Next token: every number against an independent computation, the chosen token there, nothing unaccounted for."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from playground.decoding import pipeline
from playground.decoding.processors import MinP, NoRepeatNGram, Processor, RepetitionPenalty, Temperature, TopK, TopP
from playground.views.next_token import NextToken, next_token
from playground.vocabulary import Vocabulary

INF = float("inf")
P = (0.05, 0.40, 0.20, 0.10, 0.15, 0.04, 0.03, 0.03)  # by id; ids 6 and 7 tie
RANKED = (1, 2, 4, 3, 0, 5, 6, 7)


def logits_of(probabilities: Sequence[float]) -> Tensor:
    return torch.tensor(probabilities, dtype=torch.float32).log()


def view_of(
    logits: Tensor, vocabulary: Vocabulary, n: int = 4, chosen: int | None = None, *processors: Processor
) -> NextToken:
    stages = pipeline.run(processors, torch.tensor([[0, 1]]), logits[None])
    return next_token(logits, stages, vocabulary, n, chosen)


# ---- the raw distribution


def test_the_n_most_probable_are_listed_by_rank_with_the_numbers_of_the_model(eight: Vocabulary) -> None:
    view = view_of(logits_of(P) + 2.5, eight, 5)  # a constant changes nothing but the logits
    assert [c.token_id for c in view.candidates] == list(RANKED[:5])
    assert [c.rank for c in view.candidates] == [1, 2, 3, 4, 5]
    for candidate in view.candidates:
        p = P[candidate.token_id]
        assert candidate.probability == pytest.approx(p, rel=1e-5)
        assert candidate.logprob == pytest.approx(math.log(p), rel=1e-5)
        assert candidate.logit == pytest.approx(math.log(p) + 2.5, rel=1e-5)
        assert candidate.label == eight.label(candidate.token_id)
        assert candidate.removed_by is None
        assert candidate.final_probability == pytest.approx(p, rel=1e-5)
    assert view.vocab_size == view.tokens_kept == 8
    assert view.entropy == pytest.approx(-sum(p * math.log(p) for p in P), rel=1e-5)


def test_ties_are_ranked_by_id(eight: Vocabulary) -> None:
    view = view_of(logits_of([0.25] * 4), eight, 3)
    assert [(c.token_id, c.rank) for c in view.candidates] == [(0, 1), (1, 2), (2, 3)]


def test_impossible_tokens_are_neither_listed_nor_kept_but_counted_in_the_rest(eight: Vocabulary) -> None:
    logits = torch.tensor([0.5, 0.0, 0.3, 0.2, 0.0]).log()
    view = view_of(logits, eight, 5)
    assert [c.token_id for c in view.candidates] == [0, 2, 3]
    assert view.tokens_kept == 3
    assert view.rest.tokens == 2
    assert view.rest.probability == pytest.approx(0, abs=1e-6)
    assert view.entropy == pytest.approx(-sum(p * math.log(p) for p in (0.5, 0.3, 0.2)), rel=1e-5)


def test_a_certain_token_has_no_entropy_and_leaves_no_rest(eight: Vocabulary) -> None:
    view = view_of(torch.tensor([-INF, 3.0, -INF]), eight, 2)
    assert [(c.token_id, c.probability, c.final_probability) for c in view.candidates] == [(1, 1.0, 1.0)]
    assert (view.entropy, view.rest.probability, view.rest.final_probability) == (0, 0, 0)


# ---- the chosen token


@pytest.mark.parametrize("chosen", range(8))
def test_the_chosen_token_is_always_there_with_its_true_rank(eight: Vocabulary, chosen: int) -> None:
    view = view_of(logits_of(P), eight, 3, chosen)
    assert view.chosen is not None
    assert view.chosen.token_id == chosen
    assert view.chosen.rank == RANKED.index(chosen) + 1
    assert view.chosen.probability == pytest.approx(P[chosen], rel=1e-5)
    assert len(view.candidates) == (3 if chosen in RANKED[:3] else 4)
    assert [c.rank for c in view.candidates] == sorted(c.rank for c in view.candidates)


def test_without_a_choice_there_is_no_chosen_token(eight: Vocabulary) -> None:
    assert view_of(logits_of(P), eight, 3).chosen is None


def test_a_chosen_token_that_is_cut_says_by_what(eight: Vocabulary) -> None:
    view = view_of(logits_of(P), eight, 3, 7, TopK(2))
    assert view.chosen is not None
    assert (view.chosen.removed_by, view.chosen.final_probability) == ("top_k", 0)


# ---- after the processors


def test_the_first_processor_that_removes_a_token_is_named(eight: Vocabulary) -> None:
    # top-k 5 leaves 1 2 4 3 0; of these 0.9 (mass 0.4 … 0.05) top-p 0.7 leaves 1 2 4 by 0.40 + 0.20 + 0.15 = 0.75 / 0.9
    view = view_of(logits_of(P), eight, 8, None, TopK(5), TopP(0.7))
    removed = {c.token_id: c.removed_by for c in view.candidates}
    assert removed == {1: None, 2: None, 4: None, 3: "top_p", 0: "top_p", 5: "top_k", 6: "top_k", 7: "top_k"}
    final = {c.token_id: c.final_probability for c in view.candidates if c.final_probability}
    assert final == pytest.approx({1: 0.40 / 0.75, 2: 0.20 / 0.75, 4: 0.15 / 0.75}, rel=1e-5)
    assert view.tokens_kept == 3


def test_the_raw_numbers_do_not_move_when_the_settings_do(eight: Vocabulary) -> None:
    plain = view_of(logits_of(P), eight, 8)
    cut = view_of(logits_of(P), eight, 8, None, RepetitionPenalty(2.0), NoRepeatNGram(1), Temperature(0.3), TopK(2))
    assert [(c.token_id, c.logit, c.logprob, c.probability, c.rank) for c in cut.candidates] == [
        (c.token_id, c.logit, c.logprob, c.probability, c.rank) for c in plain.candidates
    ]
    assert cut.entropy == plain.entropy
    assert {c.token_id for c in cut.candidates if c.removed_by == "no_repeat_ngram_size"} == {0, 1}


def test_temperature_softens_the_whole_vocabulary_not_only_what_is_listed(eight: Vocabulary) -> None:
    view = view_of(logits_of(P), eight, 2, None, Temperature(2.0))
    roots = [math.sqrt(p) for p in P]
    listed = {c.token_id: c.final_probability for c in view.candidates}
    assert listed == pytest.approx({i: roots[i] / sum(roots) for i in (1, 2)}, rel=1e-5)


@pytest.mark.parametrize("n", [1, 3, 8, 20])
def test_what_is_listed_and_the_rest_add_up_to_one(eight: Vocabulary, n: int) -> None:
    for processors in ((), (TopK(3),), (Temperature(1.7), MinP(0.2))):
        view = view_of(logits_of(P), eight, n, 7, *processors)
        assert view.rest.tokens == 8 - len(view.candidates)
        assert sum(c.probability for c in view.candidates) + view.rest.probability == pytest.approx(1, abs=1e-6)
        final = sum(c.final_probability for c in view.candidates) + view.rest.final_probability
        assert final == pytest.approx(1, abs=1e-6)
        assert view.rest.probability >= 0


def test_a_rest_without_a_chance_has_exactly_none(eight: Vocabulary) -> None:
    """One less the sum of what is listed left 1.3e-8 to 8,179 tokens that top-p had all removed."""
    random = np.random.default_rng(3)
    for logits in (torch.from_numpy(random.normal(size=8).astype(np.float32)) for _ in range(50)):
        view = view_of(logits, eight, 4, None, Temperature(0.8), TopK(4))
        assert view.rest.final_probability == 0
        ordered = torch.softmax(logits.double(), dim=-1).sort().values
        assert view.rest.probability == pytest.approx(float(ordered[:4].sum()), rel=1e-6)


# ---- anything


def textbook(row: np.ndarray, temperature: float, k: int, p: float) -> tuple[np.ndarray, list[str | None]]:
    """Temperature, then top-k with ties, then top-p, in double precision and one token after another."""
    scaled = row / temperature
    kth = np.sort(scaled)[::-1][k - 1]
    removed: list[str | None] = ["top_k" if value < kth else None for value in scaled]
    weights = np.array([0.0 if r else math.exp(v - scaled.max()) for v, r in zip(scaled, removed, strict=True)])
    shares, mass = weights / weights.sum(), 0.0
    for i in sorted(range(len(row)), key=lambda i: (-shares[i], -i)):  # transformers cuts ties from the lowest id on
        if removed[i] is None and mass >= p:
            removed[i] = "top_p"
        mass += shares[i]
    kept = np.where([r is None for r in removed], weights, 0.0)
    return kept / kept.sum(), removed


@given(
    # apart from each other: what float32 takes for equal and float64 does not is another test's matter
    st.lists(st.integers(-400, 400).map(lambda i: i / 64), min_size=4, max_size=8, unique=True),
    st.floats(0.3, 3),
    st.integers(1, 8),
    st.floats(0.1, 0.99),
)
def test_it_equals_the_textbook_in_double_precision(values: list[float], temperature: float, k: int, p: float) -> None:
    row = torch.tensor(values)
    exact = row.double().numpy()
    final, removed = textbook(exact, temperature, min(k, len(values)), p)
    vocabulary = Vocabulary(tuple(b"%d" % i for i in range(len(values))))
    view = view_of(row, vocabulary, 8, None, Temperature(temperature), TopK(k), TopP(p))
    raw = np.exp(exact - exact.max()) / np.exp(exact - exact.max()).sum()
    by_id = {c.token_id: c for c in view.candidates}
    assert [by_id[i].probability for i in range(len(values))] == pytest.approx(list(raw), abs=1e-5)
    if [by_id[i].removed_by for i in range(len(values))] != removed:
        # a mass that meets p to the last bits of float32 may fall on either side: then one token differs, no more
        assert abs(view.tokens_kept - sum(r is None for r in removed)) == 1
        return
    assert [by_id[i].final_probability for i in range(len(values))] == pytest.approx(list(final), abs=1e-5)
