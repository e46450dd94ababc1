"""Ids outside 0…V-1, wherever one enters: a configuration's are ignored and named, a text's or a list's are refused."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import torch
from tokenizers import AddedToken
from transformers import GPT2Config, GPT2LMHeadModel

from playground.api.beam_endpoints import BeamEndpoints
from playground.api.endpoints import Endpoints
from playground.api.inside_endpoints import InsideEndpoints
from playground.decoding.beam_search import BeamSearch
from playground.decoding.stopping import StopStrings
from playground.decoding.trace import GenerationRequest
from playground.engine import generate, search
from playground.engines.huggingface.backend import Backend, from_parts, load
from playground.engines.huggingface.inspection import Inspection
from playground.engines.loading import ModelSlot
from playground.engines.prompts import forced, speller_of
from playground.errors import UnknownTokenError, UnreadableTokenError
from playground.i18n import translator
from playground.lists import check_ids
from playground.panels.wording import model_line
from playground.runs.verification.generate import verify
from playground.views.code import transformers_code
from playground.vocabulary import Vocabulary
from playground.written import read
from tests.conftest import build_tiny
from tests.fixtures.prepended import build_backend, build_tokenizer

PROMPT = "The old king"


def with_ends(eos: Any, pad: Any = None) -> Backend:
    """A model whose configuration names these ends of text, with a tokenizer of 388 tokens."""
    tokenizer = build_tokenizer()
    module = build_tiny("llama", None, len(tokenizer)).module
    module.generation_config.eos_token_id = eos
    module.config.pad_token_id = pad
    return from_parts(module, tokenizer, "odd ends")


@pytest.mark.parametrize(
    ("eos", "pad", "kept", "ignored"),
    [
        (50256, None, (), ("eos_token_id 50256",)),
        (-1, -1, (), ("eos_token_id -1", "pad_token_id -1")),
        ([388, 5, -1, 7], 388, (5, 7), ("eos_token_id 388", "eos_token_id -1", "pad_token_id 388")),
        (387, 0, (387,), ()),
    ],
)  # fmt: skip
def test_ends_that_do_not_exist_are_ignored_and_named(
    eos: Any, pad: Any, kept: tuple[int, ...], ignored: tuple[str, ...]
) -> None:
    backend = with_ends(eos, pad)
    assert backend.model.eos_ids == kept and backend.info.ignored == ignored
    line = model_line(backend.info, translator())
    assert all(name in line for name in ignored) and ("ignored" in line) is bool(ignored)
    prompt = backend.tokenizer.encode(PROMPT)
    *_, trace = generate(backend.model, GenerationRequest(prompt, sampling(), 6))
    found = verify(trace, backend.model, tokenizer=backend.tokenizer)
    script = transformers_code(trace, "nowhere", kept, backend.model.vocab_size)
    assert ("# without exponential_decay_length_penalty" in script) is (not kept)
    assert ("exponential_decay_length_penalty=" in script) is bool(kept)
    assert found.passed and found.largest_difference == 0
    *_, last = search(backend.model, BeamSearch(3), prompt, 4)
    assert last.finished
    assert 0 <= Inspection(backend).pad_id < 388


def sampling() -> Any:
    from playground import catalog

    return catalog.sampling({"min_new_tokens": 2, "exponential_decay_length_penalty": 1.2}, True, 3)


def test_gpt2s_own_default_with_a_small_vocabulary() -> None:
    """GPT2Config names token 50256 whatever the size of the vocabulary."""
    tokenizer = build_tokenizer()
    config = GPT2Config(vocab_size=len(tokenizer), n_positions=32, n_embd=16, n_layer=1, n_head=2)
    backend = from_parts(GPT2LMHeadModel(config), tokenizer, "gpt2 by default")
    assert backend.model.eos_ids == () and backend.info.ignored == ("eos_token_id 50256",)


def test_a_folder_whose_padding_token_has_no_embedding_is_loaded(tmp_path: Path) -> None:
    """A pad token added to tokenizer and configuration, and the embedding never resized: nn.Embedding refuses that."""
    backend = build_backend()
    backend.model.module.save_pretrained(tmp_path)
    backend.tokenizer.tokenizer.save_pretrained(tmp_path)
    config = tmp_path / "config.json"
    assert '"pad_token_id": null' in config.read_text()
    config.write_text(config.read_text().replace('"pad_token_id": null', '"pad_token_id": 388'))
    again = load(str(tmp_path), "unresized")
    assert again.info.ignored == ("pad_token_id 388",)
    ids = torch.tensor([again.tokenizer.encode(PROMPT)])
    with torch.inference_mode():
        assert torch.equal(again.model.module(ids).logits, backend.model.module(ids).logits)


@pytest.fixture(scope="module")
def unresized() -> Backend:
    """A tokenizer with a token more than the model has."""
    tokenizer = build_tokenizer()
    size = len(tokenizer)
    tokenizer.add_special_tokens({"pad_token": "<pad>"})
    tokenizer.add_tokens([AddedToken("unicorn", normalized=False)])
    return from_parts(build_tiny("llama", 2, size).module, tokenizer, "unresized")


BAD = {"<pad>": 388, "a unicorn here": 389}
Call = Callable[[Backend, str], Any]
ENTRANCES: dict[str, Call] = {
    "/generate": lambda b, text: list(Endpoints(slot(b)).generate(text)),
    "/next_token": lambda b, text: Endpoints(slot(b)).next_token(text),
    "/beam_search": lambda b, text: list(BeamEndpoints(slot(b)).beam_search(text)),
    "/beam_search, forced": lambda b, text: list(BeamEndpoints(slot(b)).beam_search(PROMPT, force_words=[text])),
    "/attention": lambda b, text: InsideEndpoints(slot(b)).attention(text),
    "/logit_lens": lambda b, text: InsideEndpoints(slot(b)).logit_lens(text),
    "negative prompt": lambda b, text: read("negative_prompt_ids", text, speller_of(b)),
    "bad words": lambda b, text: read("bad_words_ids", text, speller_of(b)),
    "biased": lambda b, text: read("sequence_bias", text + " 2", speller_of(b)),
    "phrase on the page": lambda b, text: forced([text], "phrases", speller_of(b)),
    "log-likelihood": lambda b, text: b.model.logprobs((1, 4, BAD[text])),
    "the model itself": lambda b, text: b.model.prefill((1, BAD[text])),
    "in between": lambda b, text: b.model.prefill((1, 5), (BAD[text],)),
    "below 0": lambda b, text: b.model.prefill((1, -BAD[text])),
}


def slot(backend: Backend) -> ModelSlot:
    return ModelSlot.filled(backend, "a model")


@pytest.mark.parametrize("text", BAD)
@pytest.mark.parametrize("entrance", ENTRANCES)
def test_a_token_that_the_model_does_not_have_is_refused_by_name(unresized: Backend, entrance: str, text: str) -> None:
    with pytest.raises((UnreadableTokenError, gr.Error)) as refused:
        ENTRANCES[entrance](unresized, text)
    said = str(refused.value)
    assert f"token {BAD[text]}" in said or f"token -{BAD[text]}" in said
    assert "387" in said
    if entrance not in ("log-likelihood", "the model itself", "in between", "below 0"):
        assert ("<pad>" if text == "<pad>" else "unicorn") in said


def test_the_page_says_it_and_keeps_its_picture(unresized: Backend, visitor_of: Any) -> None:
    visitor = visitor_of(unresized)
    visitor.do("run", prompt=PROMPT, length=2)
    before = visitor.ids
    frames: Iterator[dict[str, Any]] = iter(visitor.do("run", prompt="a unicorn here", length=2))
    said = [str(frame["notice"]) for frame in frames if "notice" in frame]
    assert any("unicorn" in words and "389" in words for words in said)
    assert visitor.ids == before
    for token_id in (388, -1, 10**6):
        assert visitor.do("branch", picked=token_id) == [] and visitor.ids == before


@pytest.mark.parametrize(
    "values",
    [
        {"sequence_bias": [[[8, 1], 1.0]]}, {"bad_words_ids": [[1, 8]]}, {"suppress_tokens": [1, 8]},
        {"negative_prompt_ids": [8]},
    ],
)  # fmt: skip
def test_lists_name_the_id_that_is_not_there(values: dict[str, Any]) -> None:
    (name,) = values
    with pytest.raises(UnknownTokenError, match=rf"{name}: there is no token 8\. Choose an id from 0 to 7"):
        check_ids(values, 8)
    check_ids(values, 9)


def test_an_id_below_0_is_no_other_token() -> None:
    pieces = (b"a", b"b")
    assert Vocabulary(pieces).label(-1) == "<id␣-1>"
    assert not StopStrings(("b",), pieces).completed_by((0,), -1)
