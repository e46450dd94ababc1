"""The shelf: the loaded model's tokenizer, the shipped ones, folders; and what is not there is said."""

from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

from playground.engines.huggingface import hub_tokenizers, tokenizers_at_hand
from playground.engines.huggingface.backend import Backend
from playground.engines.huggingface.tokenizers_at_hand import LOADED, SHIPPED, TokenizerShelf
from playground.engines.loading import ModelSlot
from playground.errors import ModelUnavailableError, NotOfferedError, TokenizerUnavailableError
from playground.settings import DEFAULT_MODEL, TOKENIZERS
from playground.tokenization.text_tokenizer import TextTokenizer

TEXTS = ("The old king", " chartreuse", "naïve 😀\n<|endoftext|> x", "  two  spaces ", "")


@pytest.fixture
def shelf(storyteller: Backend) -> TokenizerShelf:
    return TokenizerShelf(ModelSlot.filled(storyteller, "assets/models/storyteller"), hub_tokenizers.read)


def test_the_loaded_model_reads_as_transformers_does(shelf: TokenizerShelf, storyteller: Backend) -> None:
    theirs = AutoTokenizer.from_pretrained(str(DEFAULT_MODEL))
    for text in TEXTS:
        ids = theirs(text).input_ids
        assert list(shelf.get(LOADED).encode(text)[0]) == ids
        assert list(shelf.first.encode(text)[0]) == ids  # before the model is there
        assert storyteller.tokenizer.encode(text) == tuple(ids)
    assert shelf.get(LOADED).context_length == shelf.first.context_length == 512
    assert shelf.get(LOADED).pad_id is None
    assert shelf.get("") is shelf.get(LOADED)


def test_the_shipped_ones(shelf: TokenizerShelf) -> None:
    kinds = {name: shelf.get(name).algorithm for name in SHIPPED}
    assert kinds == {"wordpiece": "wordpiece", "unigram": "unigram", "sentencepiece-bpe": "sentencepiece_bpe"}
    assert shelf.get("wordpiece").pad_id == 0
    assert shelf.get("wordpiece") is shelf.get("wordpiece")  # read once


def test_a_folder(shelf: TokenizerShelf) -> None:
    by_transformers = shelf.get(str(DEFAULT_MODEL))
    by_file = shelf.get(str(TOKENIZERS / "unigram"))  # a tokenizer.json and nothing else
    assert by_transformers.encode("The old king")[0] == shelf.first.encode("The old king")[0]
    assert by_file.vocab_size == 4096


def test_what_is_not_there_is_said(shelf: TokenizerShelf, tmp_path: Path) -> None:
    for name in ("nobody/no-such-tokenizer", str(tmp_path), "tiktoken:no_such_encoding", "../\x00"):
        with pytest.raises(TokenizerUnavailableError) as caught:
            shelf.get(name)
        assert name in str(caught.value)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(TokenizerUnavailableError):
        shelf.get(str(tmp_path))


def test_strangers_get_what_is_offered_and_nothing_else_is_looked_for(storyteller: Backend, tmp_path: Path) -> None:
    asked: list[str] = []

    def hub(name: str) -> TextTokenizer:
        asked.append(name)
        return hub_tokenizers.read(name)

    shelf = TokenizerShelf(ModelSlot.filled(storyteller, "assets/models/storyteller"), hub, is_public=True)
    assert shelf.offered == (LOADED, *SHIPPED)
    assert [shelf.get(name).vocab_size for name in shelf.offered] == [8192, 4096, 4096, 4096]
    assert shelf.get("") is shelf.get(f" {LOADED} ") is shelf.get(LOADED)
    for name in (
        "gpt2", "nobody/nothing", str(DEFAULT_MODEL), str(TOKENIZERS / "unigram"), "~", "/etc", "..", "tiktoken:gpt2",
        f"{SHIPPED[0]}/../unigram", SHIPPED[0].upper(), "../\x00", "storyteller",
    ):  # fmt: skip
        for read in (shelf.get, shelf.at_once):
            with pytest.raises(NotOfferedError) as caught:
                read(name)
            assert name in str(caught.value) and ", ".join((LOADED, *SHIPPED)) in str(caught.value)
    assert asked == []


def test_strangers_get_the_encodings_of_tiktoken_that_are_offered(
    storyteller: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def hub(name: str) -> TextTokenizer:
        asked.append(name)
        return shelf.first

    monkeypatch.setattr(tokenizers_at_hand, "tiktoken_encodings", lambda: ["r50k_base"])
    shelf = TokenizerShelf(ModelSlot.filled(storyteller, "assets/models/storyteller"), hub, is_public=True)
    assert shelf.get("tiktoken:r50k_base") is shelf.first and asked == ["tiktoken:r50k_base"]
    with pytest.raises(NotOfferedError):
        shelf.get("tiktoken:o200k_base")


def test_before_the_model_is_there(storyteller: Backend) -> None:
    slot = ModelSlot("nowhere")
    shelf = TokenizerShelf(slot, hub_tokenizers.read)
    assert not slot.is_ready and shelf.at_once(LOADED) is shelf.first
    slot._result.set_exception(ModelUnavailableError(name="nowhere", reason="gone."))
    assert not slot.is_ready and shelf.at_once(LOADED) is shelf.first
    with pytest.raises(ModelUnavailableError):
        shelf.get(LOADED)


def test_tiktoken_only_where_its_files_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    assert tokenizers_at_hand.tiktoken_encodings() == []


@pytest.mark.parametrize("slice_bytes", [32 * 2**20, 4 * 8192 * 3])
def test_logprobs_are_those_of_one_pass(
    storyteller: Backend, slice_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole, or in slices of three tokens."""
    monkeypatch.setattr("playground.engines.huggingface.backend._SCORED_BYTES", slice_bytes)
    ids = (0, *storyteller.tokenizer.encode("The old king said to his daughter"))
    with torch.inference_mode():
        rows = torch.log_softmax(storyteller.model.module(torch.tensor([ids])).logits[0], -1)
    expected = [float(rows[i, token_id]) for i, token_id in enumerate(ids[1:])]
    assert storyteller.model.logprobs(ids) == pytest.approx(expected, abs=1e-4)
    assert storyteller.model.logprobs(ids[:1]) == ()
