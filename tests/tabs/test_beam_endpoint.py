"""/beam_search streams the search step by step and ends with what generate(num_beams=…) returns."""

import gradio as gr
import pytest
import torch

from playground.backends.loading import ModelSlot
from playground.tabs.endpoints import Endpoints

PROMPT = "The old king said to his"


@pytest.fixture(scope="module")
def endpoints(storyteller) -> Endpoints:
    return Endpoints(ModelSlot.filled(storyteller, "assets/model"))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"num_beams": 4, "length_penalty": -1.0, "early_stopping": "never"},
        {"num_beams": 5, "early_stopping": True, "no_repeat_ngram_size": 2},
        {"num_beams": 2, "repetition_penalty": 1.4, "length_penalty": 2.0},
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
    ],
)
def test_a_bad_value_is_an_error_that_names_it(endpoints, settings, words):
    with pytest.raises(gr.Error, match=words):
        list(endpoints.beam_search(PROMPT, **settings))
