"""The context of a model: what its configuration calls it, and that its last token can be reached, as in generate."""

import pytest
import torch

from playground import catalog, engine
from playground.decoding.beam_search import BeamSearch
from playground.decoding.trace import GenerationRequest
from playground.engines.huggingface.context import UNBOUNDED, context_length, room
from playground.errors import PromptTooLongError
from playground.runs.verification.generate import verify
from tests.parity.families import build, open_family


@pytest.mark.parametrize(
    ("family", "changes", "length"),
    [
        ("GPT-2", {"n_positions": 11}, 11),
        ("Llama 3", {"max_position_embeddings": 48}, 48),
        ("MPT", {"max_seq_len": 40}, 40),
        ("RoBERTa decoder", {"max_position_embeddings": 66, "pad_token_id": 1}, 64),
        ("BERT decoder", {"max_position_embeddings": 66}, 66),
        ("OPT", {"max_position_embeddings": 48}, 48),
        ("BLOOM", {}, UNBOUNDED),
        ("Llama, dynamic NTK", {}, 96),  # 24 positions, stretched four times
    ],
)
def test_the_context_is_read_whatever_the_configuration_calls_it(family: str, changes: dict, length: int) -> None:
    assert context_length(build(family, **changes)) == length


@pytest.mark.parametrize("family", ["GPT-2", "MPT", "RoBERTa decoder", "OPT", "Llama 3"])
def test_a_context_is_used_to_its_last_token_and_equals_generate(family: str) -> None:
    """A model of n positions takes a prompt of 6 tokens and n - 5 more: the last is chosen and never read."""
    name = {"GPT-2": "n_positions", "MPT": "max_seq_len"}.get(family, "max_position_embeddings")
    backend = open_family(family, **{name: 13 if family == "RoBERTa decoder" else 11})
    model, prompt = backend.model, (5, 100, 2000, 7, 8000, 42)
    most = room(model.context_length, prompt)
    assert most == 6
    trace = list(engine.generate(model, GenerationRequest(prompt, catalog.sampling({}, True, 2), most)))[-1]
    found = verify(trace, model)
    assert (found.equal, found.tokens, found.largest_difference) == (most, most, 0.0)
    *_, last = engine.search(model, BeamSearch(3), prompt, most)
    with torch.inference_mode():
        theirs = model.module.generate(
            torch.tensor([prompt]), max_new_tokens=most, num_beams=3, do_sample=False, pad_token_id=0
        )[0, 6:]
    assert last.finished[0].token_ids == tuple(theirs.tolist())
    with pytest.raises(PromptTooLongError, match="12 tokens, but the model reads at most 11"):
        list(engine.generate(model, GenerationRequest(prompt, catalog.sampling({}, True, 2), most + 1)))


def test_room() -> None:
    assert room(11, (1,) * 6) == 6
    assert room(11, (1,) * 6, (1,) * 9) == 3
    assert room(11, (1,) * 11) == 1
    with pytest.raises(PromptTooLongError) as error:
        room(11, (1,) * 6, (1,) * 12)
    assert error.value.values == {"tokens": 12, "limit": 11}
