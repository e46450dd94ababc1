"""A text of one's own, read as the model reads it: against a forward pass of transformers' own over the same ids."""

import math
from collections.abc import Callable

import pytest
import torch

from playground import catalog, engine
from playground.decoding.trace import GenerationRequest
from playground.engines.huggingface.backend import Backend
from playground.errors import EmptyPromptError, PromptTooLongError, UnknownTextError
from playground.runs.scoring import score_text
from playground.views.measures import measures

PROMPT, TEXT = "The old king said to his", " daughter, “I shall give you my golden apple if you will not weep.”"


@pytest.mark.parametrize("parts", [1, 7, 10**9])
def test_every_number_is_that_of_a_pass_of_its_own(
    storyteller: Backend, parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("playground.engines.huggingface.backend._SCORED_BYTES", parts * 4 * storyteller.info.vocab_size)
    found = score_text(PROMPT, TEXT, storyteller)
    ids = storyteller.tokenizer.tokenizer(PROMPT + TEXT).input_ids
    start = len(storyteller.tokenizer.tokenizer(PROMPT).input_ids)
    assert found.context_ids == tuple(ids[:start]) and not found.is_astride
    assert [token.token_id for token in found.tokens] == ids[start:]
    with torch.inference_mode():
        rows = torch.log_softmax(storyteller.model.module(torch.tensor([ids])).logits[0].double(), dim=-1)
    for place, token in enumerate(found.tokens, start):
        row = rows[place - 1]
        own = float(row[token.token_id])
        assert token.logprob == pytest.approx(own, abs=1e-4)
        assert token.entropy == pytest.approx(-float((row.exp() * row).sum()), abs=1e-4)
        near = int((row > own + 1e-4).sum()) + 1, int((row > own - 1e-4).sum())
        assert near[0] <= token.rank <= max(near)
        assert token.label == storyteller.vocabulary.label(token.token_id)
    logprobs = [token.logprob for token in found.tokens]
    assert found.perplexity == pytest.approx(math.exp(-sum(logprobs) / len(logprobs)), rel=1e-12)
    assert found.among_first(10) == sum(token.rank <= 10 for token in found.tokens)
    assert 0 < found.among_first(10) < found.among_first(100) <= found.among_first(1000) <= len(found.tokens)
    assert measures([found.measured]).perplexity == pytest.approx(found.perplexity)


def test_a_text_that_the_model_wrote_is_read_as_the_run_read_it(storyteller: Backend) -> None:
    ids = storyteller.tokenizer.encode(PROMPT)
    *_, trace = engine.generate(storyteller.model, GenerationRequest(ids, catalog.sampling({}, False, 0), 12))
    text = storyteller.vocabulary.text(trace.token_ids)
    found = score_text(PROMPT, text, storyteller)
    assert tuple(token.token_id for token in found.tokens) == trace.token_ids
    for token, step in zip(found.tokens, trace.steps, strict=True):
        assert token.rank == step.reading.rank == 1
        assert token.logprob == pytest.approx(step.reading.logprob, abs=1e-4)
        assert token.entropy == pytest.approx(step.reading.entropy, abs=1e-4)


def test_a_token_astride_counts_to_the_text(storyteller: Backend) -> None:
    found = score_text("The old ki", "ng said", storyteller)
    whole = storyteller.tokenizer.encode("The old king said")
    assert found.is_astride
    assert (*found.context_ids, *(token.token_id for token in found.tokens)) == whole
    assert found.tokens[0].label == "␣king"


def test_without_a_prompt_it_begins_after_the_end_of_text(
    storyteller: Backend, tiny_backend: Callable[..., Backend]
) -> None:
    ids = storyteller.tokenizer.encode(TEXT)
    found = score_text("", TEXT, storyteller)
    assert found.context_ids == storyteller.model.eos_ids[:1]
    assert tuple(token.token_id for token in found.tokens) == ids
    endless = score_text("", "b c d", tiny_backend())
    assert endless.context_ids == (1,) and [token.label for token in endless.tokens] == ["c", "d"]
    with pytest.raises(EmptyPromptError):
        score_text("", "b", tiny_backend())


def test_what_can_not_be_read_is_said(storyteller: Backend, tiny_backend: Callable[..., Backend]) -> None:
    with pytest.raises(EmptyPromptError):
        score_text(PROMPT, "", storyteller)
    with pytest.raises(PromptTooLongError):
        score_text(PROMPT, TEXT * 100, storyteller)
    with pytest.raises(UnknownTextError):
        score_text("a b", "  ", tiny_backend())
