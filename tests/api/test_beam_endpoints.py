"""/beam_search streams the search step by step and ends with what generate(num_beams=…) returns."""

import itertools
import json

import gradio as gr
import pytest
import torch

from playground.api.beam_endpoints import BeamEndpoints
from playground.engines.loading import ModelSlot

PROMPT = "The old king said to his"


@pytest.fixture(scope="module")
def endpoints(storyteller) -> BeamEndpoints:
    return BeamEndpoints(ModelSlot.filled(storyteller, "assets/models/storyteller"))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"num_beams": 4, "length_penalty": -1.0, "early_stopping": "never"},
        {"num_beams": 5, "early_stopping": True, "no_repeat_ngram_size": 2},
        {"num_beams": 2, "repetition_penalty": 1.4, "length_penalty": 2.0},
        {"num_beams": 4, "min_new_tokens": 10},
        {"num_beams": 4, "stop_strings": [" and", "in"]},
    ],
)
def test_the_last_answer_has_the_sequences_and_scores_of_generate(endpoints, storyteller, settings):
    beams = settings.get("num_beams", 3)
    ids = torch.tensor([storyteller.tokenizer.encode(PROMPT)])
    output = storyteller.model.module.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        num_return_sequences=beams,
        max_new_tokens=12,
        pad_token_id=0,
        return_dict_in_generate=True,
        output_scores=True,
        tokenizer=storyteller.tokenizer._tokenizer,
        **({"num_beams": beams} | settings),
    )
    answers = list(endpoints.beam_search(PROMPT, num_return_sequences=beams, **settings))
    *running, last = answers
    assert [answer["step"] for answer in answers] == list(range(1, len(answers) + 1))
    assert not any(answer["done"] or "sequences" in answer for answer in running)
    assert last["done"] and last["beams"] == []
    for answer in running:
        assert len(answer["beams"]) == beams
        assert all(len(beam["token_ids"]) == answer["step"] for beam in answer["beams"])
    assert len(last["sequences"]) == beams
    for ours, theirs, score in zip(last["sequences"], output.sequences, output.sequences_scores, strict=True):
        length = len(ours["token_ids"])
        assert theirs[ids.shape[1] :][:length].tolist() == ours["token_ids"]
        assert abs(float(score) - ours["score"]) < 1e-4
        penalty = settings.get("length_penalty", 1.0)
        assert ours["score"] == pytest.approx(ours["cum_logprob"] / length**penalty, rel=1e-6)
        assert ours["text"] == storyteller.vocabulary.text(ours["token_ids"])


def test_groups_words_and_dice_each_have_their_search(endpoints):
    def run(**settings) -> list:
        settings = {"max_new_tokens": 8, "num_beams": 4, "num_return_sequences": 4} | settings
        answers = list(endpoints.beam_search(PROMPT, **settings))
        json.dumps(answers, allow_nan=False)
        return answers

    def firsts(answers: list) -> list:
        return [beam["token_ids"][0] for beam in answers[0]["beams"]]

    plain = run()
    *_, diverse = grouped = run(num_beam_groups=4, diversity_penalty=100.0)
    assert len(set(firsts(grouped))) == 4  # no group takes what another took
    assert diverse["done"] and len(diverse["sequences"]) == 4
    *_, forced = run(force_words=[" dragon", " ship"], num_return_sequences=1)
    assert " dragon" in forced["sequences"][0]["text"] and " ship" in forced["sequences"][0]["text"]
    *_, drawn = run(stochastic=True, seed=3)
    texts = [sequence["text"] for sequence in drawn["sequences"]]
    assert len(set(texts)) == 4
    assert texts != [sequence["text"] for sequence in run(stochastic=True, seed=4)[-1]["sequences"]]
    assert drawn["sequences"] != plain[-1]["sequences"]


def test_a_parent_is_a_place_among_the_beams_of_the_answer_before(endpoints):
    for settings in (
        {},
        {"num_beam_groups": 2, "diversity_penalty": 1.0, "early_stopping": True},
        {"stochastic": True},
    ):
        answers = list(endpoints.beam_search(PROMPT, num_beams=4, max_new_tokens=30, **settings))
        for before, answer in itertools.pairwise(answers):
            for beam in answer["beams"]:
                assert beam["token_ids"][:-1] == before["beams"][beam["parent"]]["token_ids"]


def test_beam_sampling_depends_on_the_seed_and_on_nothing_else(endpoints):
    def sequences(seed: int) -> list:
        settings = {"do_sample": True, "temperature": 1.5, "top_k": 20, "seed": seed}
        *_, last = endpoints.beam_search(PROMPT, num_beams=3, **settings)
        return last["sequences"]

    assert sequences(1) == sequences(1)
    assert sequences(1) != sequences(2)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"num_beams": 0}, "num_beams must be between 1 and 16"),
        ({"num_beams": 17}, "num_beams must be between 1 and 16"),
        ({"num_beams": 2, "num_return_sequences": 3}, "num_return_sequences must be between 1 and 2"),
        ({"early_stopping": 1}, 'early_stopping must be true, false or "never"'),
        ({"early_stopping": "sometimes"}, "early_stopping must be"),
        ({"length_penalty": float("nan")}, "length_penalty must be between -10 and 10"),
        ({"max_new_tokens": 100_000}, "max_new_tokens must be between 1 and"),
        ({"do_sample": "no"}, "do_sample must be true or false"),
        ({"min_new_tokens": 13}, "min_new_tokens must be between 0 and 12"),
        ({"stop_strings": "the"}, "stop_strings must be a list of at most 8 texts"),
        ({"stop_strings": [""]}, "stop_strings must be a list of at most 8 texts, none of them empty"),
        ({"force_words": [3]}, "force_words must be a list"),
        ({"num_beams": 1, "force_words": [" king"]}, "num_beams must be between 2 and 16"),
        ({"num_beams": 4, "num_beam_groups": 3}, r"num_beam_groups must be a divisor of num_beams \(4\)"),
        ({"diversity_penalty": 0.5}, "diversity_penalty must be left out without num_beam_groups"),
        ({"num_beams": 4, "num_beam_groups": 2, "do_sample": True}, "do_sample must be left out with num_beam_groups"),
        ({"num_beams": 4, "num_beam_groups": 2, "force_words": [" a"]}, "num_beam_groups must be left out with force"),
        ({"force_words": [" a"], "stop_strings": ["."]}, "stop_strings must be left out with force_words"),
        ({"stochastic": True, "length_penalty": 2.0}, "length_penalty must be left out with stochastic"),
        ({"num_beam_groups": 17}, "num_beam_groups must be between 1 and 16"),
    ],
)
def test_a_bad_value_is_an_error_that_names_it(endpoints, settings, words):
    with pytest.raises(gr.Error, match=words):
        list(endpoints.beam_search(PROMPT, **settings))
