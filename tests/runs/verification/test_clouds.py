"""A cloud's texts beside the runs of their own seeds: what passes, and what must not."""

from dataclasses import replace

import pytest

from playground import catalog, engine
from playground.decoding.clouds import Sample
from playground.decoding.trace import GenerationRequest
from playground.engines.huggingface.backend import Backend
from playground.errors import NothingLeftToChooseError
from playground.runs.verification.clouds import BATCH_TOLERANCE, verify_cloud
from playground.runs.verification.generate import Cancelled

LENGTH = 5


@pytest.fixture(scope="module")
def request_(storyteller: Backend) -> GenerationRequest:
    ids = storyteller.tokenizer.encode("The old king said to his")
    return GenerationRequest(ids, catalog.sampling({"temperature": 1.2}, True, 5), LENGTH)


@pytest.fixture(scope="module")
def samples(storyteller: Backend, request_: GenerationRequest) -> tuple[Sample, ...]:
    *_, cloud = engine.draw(storyteller.model, request_, 6)
    return cloud.samples


def test_what_was_drawn_passes(samples: tuple[Sample, ...], request_: GenerationRequest, storyteller: Backend) -> None:
    found = verify_cloud(samples, request_, storyteller)
    assert found.passed and (found.texts, found.checked, found.equal, found.in_transformers) == (6, 3, 3, 3)
    assert found.largest_difference <= BATCH_TOLERANCE / 10


@pytest.mark.parametrize("place", [0, 3, 5])
def test_another_token_another_seed_and_other_numbers_do_not(
    samples: tuple[Sample, ...], request_: GenerationRequest, storyteller: Backend, place: int
) -> None:
    one = samples[place]
    least = (one.token_ids[1] + 1) % storyteller.model.vocab_size
    for wrong in (
        replace(one, token_ids=(one.token_ids[0], least, *one.token_ids[2:])),
        replace(one, logprobs=(one.logprobs[0] - 0.01, *one.logprobs[1:])),
        replace(one, token_ids=one.token_ids[:-1], logprobs=one.logprobs[:-1]),
    ):
        found = verify_cloud((*samples[:place], wrong, *samples[place + 1 :]), request_, storyteller)
        assert not found.passed and found.in_transformers == 3


def test_texts_with_errors_are_left_out(
    samples: tuple[Sample, ...], request_: GenerationRequest, storyteller: Backend
) -> None:
    broken = replace(samples[0], error=NothingLeftToChooseError.by(("top_k",)))
    assert verify_cloud((broken, samples[1]), request_, storyteller).texts == 1
    with pytest.raises(ValueError, match="no text"):
        verify_cloud((broken,), request_, storyteller)
    with pytest.raises(Cancelled):
        verify_cloud(samples, request_, storyteller, lambda: False)
