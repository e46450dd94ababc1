"""Each example shows the phenomenon that its text promises: measured on the shipped model."""

import math
from collections import Counter

import pytest

from playground import catalog, engine
from playground.decoding.pipeline import processed_logits
from playground.decoding.trace import GenerationRequest, Trace
from playground.examples import EXAMPLES
from playground.i18n import translator

BY_KEY = {example.key: example for example in EXAMPLES}


@pytest.fixture(scope="module")
def traces(storyteller) -> dict[str, Trace]:
    made = {}
    for example in EXAMPLES:
        strategy = catalog.sampling(example.values, example.do_sample, example.seed)
        request = GenerationRequest(storyteller.tokenizer.encode(example.prompt), strategy, example.max_new_tokens)
        *_, made[example.key] = engine.generate(storyteller.model, request)
    return made


def kept(trace: Trace) -> list[int]:
    finals = [processed_logits(trace.stages_at(i), s.logits[None]) for i, s in enumerate(trace.steps)]
    return [int((~final.isneginf()).sum()) for final in finals]


def test_every_example_has_its_texts_and_a_token_to_look_at(traces):
    for example in EXAMPLES:
        assert translator()(f"example.{example.key}.name")
        assert translator()(f"example.{example.key}.notice").startswith("What to notice")
        assert 0 <= example.inspect < len(traces[example.key].steps)


def test_top_p_keeps_one_token_where_the_model_is_sure_and_hundreds_where_it_is_not(traces, storyteller):
    counts = kept(traces["sure_unsure"])
    assert min(counts) == 1
    assert max(counts) > 300
    words = [storyteller.vocabulary.text([token]) for token in traces["sure_unsure"].token_ids]
    entropies = [step.reading.entropy for step in traces["sure_unsure"].steps]
    assert (counts[words.index(" has")], max(counts)) == pytest.approx((6, 382), abs=2)  # another processor, perhaps
    assert counts.index(max(counts)) == words.index(" moon")
    assert min(entropies) < 0.4 and max(entropies) > 5


def test_greedy_goes_round_in_a_circle_and_grows_surer_of_it(traces, storyteller):
    trace = traces["greedy_loops"]
    assert storyteller.vocabulary.text(trace.token_ids).count("I am the wolf") >= 7
    grams = Counter(trace.token_ids[i : i + 8] for i in range(len(trace.steps) - 7))
    assert grams.most_common(1)[0][1] >= 7
    surprisals = [-step.reading.logprob for step in trace.steps]
    assert sum(surprisals[-13:]) < 0.8 * sum(surprisals[:13])


def test_a_hot_run_draws_from_the_long_tail(traces):
    ranks = [step.reading.rank for step in traces["too_hot"].steps]
    assert sum(rank > 100 for rank in ranks) > len(ranks) / 3


def test_top_k_keeps_two_tokens_whether_one_would_do_or_hundreds(traces):
    trace = traces["rigid_k"]
    assert set(kept(trace)) == {2}
    entropies = [step.reading.entropy for step in trace.steps]
    assert min(entropies) < 2 < 6 < max(entropies)


def test_the_same_dice_make_the_same_text_and_begin_like_the_first_example(traces, storyteller):
    example, trace = BY_KEY["same_dice"], traces["same_dice"]
    first = BY_KEY["sure_unsure"]
    assert (example.prompt, example.seed) == (first.prompt, first.seed)
    *_, again = engine.generate(storyteller.model, trace.request)
    assert again.token_ids == trace.token_ids
    assert trace.token_ids[0] == traces["sure_unsure"].token_ids[0]
    assert trace.token_ids != traces["sure_unsure"].token_ids
    assert math.isclose(sum(s.reading.logprob for s in again.steps), trace.cum_logprob)
