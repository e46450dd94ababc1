"""Clouds: each sample is the text of a run alone with its own dice; what batches share changes nothing."""

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch

from playground import catalog, engine
from playground.catalog import MAIN
from playground.decoding import clouds
from playground.decoding.beam_search import BeamSearch
from playground.decoding.clouds import AT_ONCE, CACHE_BYTES, Cloud, Sample, rows_at_once
from playground.decoding.processors import Situation
from playground.decoding.selection import Multinomial
from playground.decoding.stochastic_beam_search import StochasticBeamSearch
from playground.decoding.stopping import StopStrings
from playground.decoding.trace import GenerationRequest
from playground.engines.huggingface.backend import Backend, HuggingFaceModel
from playground.engines.table import TableModel
from playground.errors import InvalidModelOutputError, NothingLeftToChooseError
from tests.parity.hashed_model import Hashed, HashedModel

PROMPT = (3, 1, 4, 1, 5)
PIECES = tuple(f"<{i}>".encode() for i in range(40))
BY_ROW = {"xtc_probability", "mirostat", "adaptive_target", "guidance_scale"}  # they need a text's own seed or past
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {}, **{p.name: {p.name: p.start} for p in MAIN if p.name != "guidance_scale"},
    "many": {"temperature": 1.4, "top_p": 0.9, "repetition_penalty": 1.3, "no_repeat_ngram_size": 3, "min_p": 0.02},
    "bad words": {"bad_words_ids": [[3], [4, 5]], "sequence_bias": [[[6], 2.0]]},
}  # fmt: skip


def last(model: Any, request: GenerationRequest, count: int, first: int = 0) -> Cloud:
    *_, cloud = engine.draw(model, request, count, first)
    return cloud


def alone(model: Any, request: GenerationRequest, seed: int) -> Sample:
    *_, trace = engine.generate(model, replace(request, strategy=request.strategy.reseeded(seed)))
    readings = [step.reading for step in trace.steps]
    return Sample(
        seed, trace.token_ids, tuple(r.logprob for r in readings), tuple(r.entropy for r in readings),
        trace.finish_reason,
    )  # fmt: skip


def assert_same(one: Sample, other: Sample, within: float = 1e-6) -> None:
    assert (one.seed, one.token_ids, one.finish_reason) == (other.seed, other.token_ids, other.finish_reason)
    assert one.logprobs == pytest.approx(other.logprobs, abs=within)
    assert one.entropies == pytest.approx(other.entropies, abs=within)


@pytest.mark.parametrize("values", SETTINGS.values(), ids=SETTINGS.keys())
def test_each_sample_is_a_run_alone_with_its_own_dice(values: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clouds, "AT_ONCE", 8)
    model = HashedModel(Hashed(3, 24, eos_ids=(5, 9), eos_bias=-0.5))
    stop = StopStrings(("<7>", "<1><2>"), PIECES)
    request = GenerationRequest(PROMPT, replace(catalog.sampling(values, True, 7), stop=stop), 9)
    found = last(model, request, 20)
    assert [sample.seed for sample in found.samples] == list(range(7, 27))
    for sample in found.samples:
        assert_same(sample, alone(model, request, sample.seed))
    assert found.tokens == sum(len(sample.token_ids) for sample in found.samples)
    if values == {}:
        assert {sample.finish_reason for sample in found.samples} == {"stop", "stop_string", "length"}
        assert len({sample.token_ids for sample in found.samples}) > 10


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_guidance_reads_a_second_text_for_every_row(tiny: Callable[..., HuggingFaceModel], architecture: str) -> None:
    model = tiny(architecture, 10)
    values = {"guidance_scale": 1.6, "negative_prompt_ids": [8, 8]}
    request = GenerationRequest(PROMPT, catalog.sampling(values, True, 0), 8)
    for sample in last(model, request, 12).samples:
        assert_same(sample, alone(model, request, sample.seed), 1e-4)


@pytest.mark.parametrize("name", [p.name for p in MAIN if p.name not in BY_ROW])
def test_a_processor_does_to_many_rows_what_it_does_to_each(name: str) -> None:
    for vocab_size in (97, 4096):
        generator = torch.Generator().manual_seed(vocab_size)
        logits = torch.randn(9, vocab_size, generator=generator) * 3
        context = torch.randint(0, 97, (9, 60), generator=generator)
        context[:, 50:] = context[:, 10:20]
        situation = Situation(20, (0, 5), 3)
        parameter = next(p for p in MAIN if p.name == name)
        for processor in catalog.processors({name: parameter.start}):
            situated = processor.at(situation)
            rows = [situated(context[i : i + 1], logits[i : i + 1].clone()) for i in range(9)]
            assert torch.equal(situated(context, logits.clone()), torch.cat(rows))


def test_the_race_is_the_one_that_multinomial_runs() -> None:
    for vocab_size in (5, 97, 8192):
        probabilities = torch.softmax(torch.randn(vocab_size) * 3, dim=-1)
        for seed in range(5):
            generator = torch.Generator().manual_seed(seed)
            noise = torch.ones(3, vocab_size)
            noise[1].exponential_(1, generator=torch.Generator().manual_seed(seed))
            drawn = int((probabilities / noise[1]).numpy().argmax())
            assert drawn == int(torch.multinomial(probabilities, 1, generator=generator))


def test_more_are_drawn_where_the_first_ended() -> None:
    model = HashedModel(Hashed(4, 24))
    request = GenerationRequest(PROMPT, catalog.sampling({"top_k": 9}, True, 2**32 - 3), 4)
    whole = last(model, request, 8)
    parts = (*last(model, request, 3).samples, *last(model, request, 5, first=3).samples)
    assert parts == whole.samples
    assert [s.seed for s in whole.samples] == [2**32 - 3, 2**32 - 2, 2**32 - 1, 0, 1, 2, 3, 4]


def test_it_grows_a_step_at_a_time_and_what_is_there_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clouds, "AT_ONCE", 4)
    model = HashedModel(Hashed(5, 24))
    request = GenerationRequest(PROMPT, catalog.sampling({}, True, 0), 3)
    steps = list(engine.draw(model, request, 6))
    assert [(cloud.tokens, len(cloud.samples), cloud.wanted) for cloud in steps] == [
        (4, 0, 6), (8, 0, 6), (12, 4, 6), (14, 4, 6), (16, 4, 6), (18, 6, 6),
    ]  # fmt: skip
    assert model.rows == [1, 4, 4, 1, 2, 2]


def test_rows_that_have_ended_leave_when_a_quarter_is_idle(table_model: Callable[..., TableModel]) -> None:
    model = HashedModel(Hashed(6, 24, eos_ids=(1, 2, 3, 4, 5, 6)))
    last(model, GenerationRequest((7,), catalog.sampling({}, True, 0), 30), 64)
    rows = model.rows[1:]
    assert rows == sorted(rows, reverse=True) and len(set(rows)) > 5
    assert all(later <= 0.75 * earlier for earlier, later in pairwise(rows) if later < earlier)


def test_a_sample_with_nothing_left_ends_and_the_others_go_on(table_model: Callable[..., TableModel]) -> None:
    model = table_model([[0, 0.6, 0.4], [0.4, 0, 0.6], [0.5, 0.5, 0]])
    request = GenerationRequest((0,), catalog.sampling({"no_repeat_ngram_size": 2}, True, 1), 12)
    found = last(model, request, 12)
    failed = [sample for sample in found.samples if sample.error]
    assert failed and all(isinstance(sample.error, NothingLeftToChooseError) for sample in failed)
    assert "no_repeat_ngram_size" in str(failed[0].error) and failed[0].finish_reason is None
    for sample in found.samples:
        assert len(sample.token_ids) <= 7
    assert len({len(sample.token_ids) for sample in found.samples}) > 1
    assert model.open_states == 0
    broken = table_model([[0.5, 0.5, 0], [0, 0.5, 0.5], [1, 1, 1]])
    broken.table[1] = float("nan")
    found = last(broken, GenerationRequest((0,), catalog.sampling({}, True, 1), 3), 12)
    kinds = {type(sample.error) for sample in found.samples}
    assert kinds == {InvalidModelOutputError, type(None)}
    assert all(1 not in sample.token_ids[:-1] for sample in found.samples)


def test_closing_hands_everything_back(table_model: Callable[..., TableModel]) -> None:
    model = table_model([[0.2, 0.4, 0.4], [0.5, 0.1, 0.4], [0.3, 0.6, 0.1]])
    for steps in (1, 2, 3):
        running = engine.draw(model, GenerationRequest((0,), catalog.sampling({}, True, 1), 3), 5)
        for _ in range(steps):
            next(running)
        running.close()  # type: ignore[attr-defined]
        assert model.open_states == 0


def test_a_run_that_does_not_draw_is_the_same_text_for_every_seed(table_model: Callable[..., TableModel]) -> None:
    model = table_model([[0.1, 0.7, 0.2], [0.5, 0.1, 0.4], [0.3, 0.6, 0.1]])
    for strategy in (catalog.sampling({}, False, 5), BeamSearch(2)):
        found = last(model, GenerationRequest((0,), strategy, 4), 3)
        assert len({sample.token_ids for sample in found.samples}) == 1
        assert len({sample.seed for sample in found.samples}) == 3 and found.tokens == 12
    assert found.samples[0].entropies == () and len(found.samples[0].logprobs) == 4


def test_drawn_searches_go_one_by_one(tiny: Callable[..., HuggingFaceModel]) -> None:
    model = tiny("gpt2", 10)
    for strategy in (BeamSearch(2, selection=Multinomial(3)), StochasticBeamSearch(2, 3)):
        found = last(model, GenerationRequest(PROMPT, strategy, 5), 6)
        assert [sample.seed for sample in found.samples] == [3, 4, 5, 6, 7, 8]
        for sample in found.samples:
            *_, step = engine.search(model, strategy.reseeded(sample.seed), PROMPT, 5)
            assert sample.token_ids == step.finished[0].token_ids
            assert sample.logprobs == step.finished[0].raw_logprobs
        assert len({sample.token_ids for sample in found.samples}) > 1


def test_a_batch_has_as_many_rows_as_its_cache_may_take(storyteller: Backend) -> None:
    model = storyteller.model
    config = model.module.config
    assert model.cache_bytes == 2 * 4 * config.num_hidden_layers * config.hidden_size
    sampling = catalog.sampling({}, True, 0)
    assert rows_at_once(model, GenerationRequest(PROMPT, sampling, 40)) == AT_ONCE
    long = GenerationRequest(PROMPT, sampling, 400)
    rows, length = rows_at_once(model, long), len(PROMPT) + 400 + clouds._ROOM
    assert rows * length * model.cache_bytes <= CACHE_BYTES < (rows + 1) * length * model.cache_bytes
    assert rows < AT_ONCE


def test_the_default_models_cloud_is_its_runs(storyteller: Backend) -> None:
    ids = storyteller.tokenizer.encode("The old king said to his")
    values = {"temperature": 0.9, "top_p": 0.95}
    request = GenerationRequest(ids, catalog.sampling(values, True, 100), 16)
    for sample in last(storyteller.model, request, 10).samples:
        assert_same(sample, alone(storyteller.model, request, sample.seed), 1e-4)
        assert math.isfinite(sum(sample.logprobs))
