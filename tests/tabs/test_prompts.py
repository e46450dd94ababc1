"""Prompts as the tokenizer reads them: nothing known, nothing typed, and special tokens put behind the text."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gradio as gr
import pytest
from tokenizers import Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import BPE, WordPiece
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from playground import catalog, engine, settings
from playground.api.beam_endpoints import BeamEndpoints
from playground.api.endpoints import Endpoints
from playground.decoding.beam_search import BeamSearch
from playground.decoding.stopping import StopStrings
from playground.decoding.trace import GenerationRequest
from playground.engines import prompts
from playground.engines.huggingface.backend import Backend, from_parts, load
from playground.engines.loading import ModelSlot
from playground.errors import NothingLeftToChooseError, UnknownTextError
from playground.i18n import said, translator
from playground.panels.prompt_end import prompt_end
from playground.runs import beam_recording
from playground.tabs.attention.handlers import AttentionTab
from playground.tabs.attention.session import AttentionSession
from playground.tabs.beam.handlers import BeamTab
from playground.tabs.inside.handlers import InsideSession, InsideTab
from tests.fixtures.prepended import build_backend

t = translator()
MakeBackend = Callable[..., Backend]


def of(build: MakeBackend, tokenizer: Tokenizer, **special: Any) -> Backend:
    """A tiny random model with another tokenizer of as many tokens, with end of text 0."""
    module = build(eos=0, words=" ".join(f"w{i}" for i in range(tokenizer.get_vocab_size()))).model.module
    return from_parts(module, PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special), "tiny")


@pytest.fixture
def letters(tiny_backend: MakeBackend) -> Backend:
    """A tokenizer that drops what it doesn't know, and says nothing of it."""
    vocab = {letter: i for i, letter in enumerate("abcdefgh")}
    return of(tiny_backend, Tokenizer(BPE(vocab, [])))


@pytest.fixture
def bert(tiny_backend: MakeBackend) -> Backend:
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "king", "said", "##s"]
    tokenizer = Tokenizer(WordPiece({name: i for i, name in enumerate(names)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return of(tiny_backend, tokenizer, unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]")


def test_characters_that_are_left_out_of_a_prompt_are_named(letters: Backend, bert: Backend, visitor_of: Any) -> None:
    said = t("notice.dropped", characters="你 好")
    visitor = visitor_of(letters)
    assert said in json.dumps(visitor.do("run", prompt="a你 b好你a", length=2), ensure_ascii=False)
    assert visitor.session.trace.request.prompt_ids == (0, 1, 0)
    assert "has no token for" not in json.dumps(visitor.do("run", prompt="a b", length=2))
    assert bert.tokenizer.dropped("the king saıd 你") == ""  # [UNK] stands for it, and is seen
    assert bert.tokenizer.dropped("the\x00king") == "\x00"
    for family in (build_backend(), build_backend("metaspace")):
        assert family.tokenizer.dropped(" A dog,  ran 😀é 你") == ""
    assert letters.tokenizer.dropped("abc" + "你好" * 9) == "你好"


def test_a_prompt_that_is_unknown_throughout_is_said(bert: Backend, storyteller: Backend, visitor_of: Any) -> None:
    visitor = visitor_of(bert)
    said = t("notice.unknown", token="[UNK]", name=bert.info.name, count=2)
    assert said in json.dumps(visitor.do("run", prompt="el rey", length=2), ensure_ascii=False)
    begun = said.split("[UNK]")[0]
    for known in ("the rey", "[UNK] [UNK]", " "):
        assert begun not in json.dumps(visitor.do("run", prompt=known, length=2), ensure_ascii=False)
    assert prompts.unknown_throughout("<|endoftext|>", storyteller) == 0
    poet = load(str(settings.MODELS / "poet"))
    assert [prompts.unknown_throughout(text, poet) for text in ("The old king", "静夜思 king", "")] == [3, 0, 0]


def test_half_a_character_is_read_as_none_everywhere(letters: Backend, storyteller: Backend) -> None:
    for backend, ids in ((letters, (0,)), (storyteller, storyteller.tokenizer.encode("a\ufffd"))):
        assert backend.tokenizer.encode("a\ud83d")[:1] == backend.tokenizer.encode_inside("a\ud83d")[:1] == ids[:1]
        assert prompts.read("a\ud83d", backend)[:1] == ids[:1]
        prompts.speller_of(backend).phrase("a\ud83d")
        assert not StopStrings(("a\ud83d",), backend.vocabulary.pieces).completed_by(ids, ids[0])


def test_a_text_of_unknown_characters_is_not_an_empty_one(letters: Backend, visitor_of: Any) -> None:
    said = t("error.unknown_text", text="你好")
    with pytest.raises(UnknownTextError, match="你好"):
        prompts.read("你好", letters)
    assert prompts.prompt("", letters) == (0,)  # nothing typed: from the end-of-text token
    assert prompts.prompt("a你b", letters) == (0, 1)
    visitor = visitor_of(letters)
    frames = visitor.do("run", prompt="你好", length=2)
    assert frames[-1]["notice"] == {"parts": [said], "kind": "bad"}
    slot = ModelSlot.filled(letters, "tiny")
    with pytest.raises(gr.Error) as caught:
        Endpoints(slot).next_token("你好")
    assert caught.value.message == said
    inside = InsideTab(slot, t).look(InsideSession(), "你好", "probability")
    assert said in json.dumps([json.loads(one)["channels"] for one in inside], ensure_ascii=False)
    attention = AttentionTab(slot, letters.vocabulary, t)
    for updates in (
        attention.look(AttentionSession(), "你好"),
        attention.batch(AttentionSession(), "ab\n你好", "left", None),
    ):
        assert said in json.dumps([json.loads(one[0])["channels"] for one in updates], ensure_ascii=False)
    assert prompts.UnknownTextError(text="x").key == "error.unknown_text"
    with pytest.raises(UnknownTextError) as long:
        prompts.read("你" * 500, letters)
    assert len(str(long.value)) < 300


def test_what_the_tokenizer_puts_behind_a_prompt_is_said_and_can_be_left_off(bert: Backend, visitor_of: Any) -> None:
    assert prompts.end_ids(bert) == (3,)
    assert prompts.prompt("The king", bert) == (2, 4, 5, 3)
    assert prompts.prompt("The king", bert, with_end=False) == (2, 4, 5)
    visitor = visitor_of(bert)
    frames = [json.loads(sent)["channels"] for sent in visitor.tab.welcome(visitor.session)]
    note = next(frame["prompt_end"]["parts"] for frame in frames if "prompt_end" in frame)
    assert note[0] == t("prompt.end", tokens="[SEP]") and note[1]["text"] == t("prompt.leave_off")
    visitor.do("run", prompt="The king", length=2)
    assert visitor.session.trace.request.prompt_ids == (2, 4, 5, 3)
    changed = json.loads(visitor.tab.leave_end_off(visitor.session))["channels"]["prompt_end"]["parts"]
    assert changed[0] == t("prompt.end_off", tokens="[SEP]") and changed[1]["text"] == t("prompt.put_back")
    visitor.do("run", prompt="The king", length=2)
    assert visitor.session.trace.request.prompt_ids == (2, 4, 5)
    assert visitor.verify()[-1]["badge"]["kind"] == "good"
    visitor.tab.leave_end_off(visitor.session)
    visitor.do("step", prompt="The king", length=2)
    assert visitor.session.trace.request.prompt_ids == (2, 4, 5, 3)  # another prompt: a text of its own


def test_beams_leave_it_off_too(bert: Backend, storyteller: Backend) -> None:
    first = beam_recording.load(settings.FIRST_BEAM, storyteller.vocabulary.pieces)
    tab = BeamTab(ModelSlot.filled(bert, "tiny"), first, storyteller.vocabulary, t)
    session = copy.deepcopy(tab.new_session())
    assert any("beam.prompt_end" in json.loads(one)["channels"] for one in tab.welcome(session))
    knobs = [p.neutral for p in catalog.FOR_BEAMS]
    values = ("The king", "beam", 2, 0, "fast", 2, 2, 0.5, "", 1.0, "heuristic", "", *knobs)
    for expected in ((2, 4, 5, 3), (2, 4, 5)):
        list(tab.run(session, *values))
        assert session.trace.prompt_ids == expected
        tab.leave_end_off(session)


def test_the_endpoints_leave_it_off_where_they_are_asked_to(bert: Backend) -> None:
    slot = ModelSlot.filled(bert, "tiny")
    one, beams = Endpoints(slot), BeamEndpoints(slot)
    assert one.next_token("the king")["context"]["token_ids"] == [2, 4, 5, 3]
    assert one.next_token("the king", leave_end_off=True)["context"]["token_ids"] == [2, 4, 5]
    with pytest.raises(gr.Error, match="leave_end_off must be true or false"):
        one.next_token("the king", leave_end_off="yes")
    request = GenerationRequest((2, 4, 5), catalog.sampling({}, False, 0), 3)
    *_, run = engine.generate(bert.model, request)
    *_, answer = one.generate("the king", do_sample=False, max_new_tokens=3, leave_end_off=True)
    assert answer["token_ids"] == list(run.token_ids)
    *_, search = engine.search(bert.model, BeamSearch(2), (2, 4, 5), 3)
    *_, found = beams.beam_search("the king", num_beams=2, max_new_tokens=3, leave_end_off=True)
    assert found["sequences"][0]["token_ids"] == list(search.finished[0].token_ids)


def test_a_tokenizer_that_puts_nothing_behind_says_nothing(storyteller: Backend, letters: Backend) -> None:
    for backend in (storyteller, letters):
        assert prompts.end_ids(backend) == ()
        assert prompt_end(backend, False, t) == {"parts": []}


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"no_repeat_ngram_size": 1}, ["no_repeat_ngram_size"]),
        ({"suppress_tokens": list(range(8)), "temperature": 0.5}, ["suppress_tokens"]),
        (
            {"suppress_tokens": list(range(4)), "bad_words_ids": [[4], [5], [6], [7]]},
            ["suppress_tokens", "bad_words_ids"],
        ),
    ],
)  # fmt: skip
def test_settings_that_remove_everything_are_named_and_no_others(
    letters: Backend, values: dict[str, Any], named: list[str]
) -> None:
    strategy = catalog.sampling(values, True, 0, catalog.ORDERS["transformers"], letters.vocabulary)
    request = GenerationRequest(tuple(range(8)), strategy, 2)
    shorts = {f"{t(f'parameter.{name}.short')} ({name})" for name in named}
    with pytest.raises(NothingLeftToChooseError) as caught:
        list(engine.generate(letters.model, request))
    assert set(said(caught.value.values["settings"], t).split(", ")) == shorts
    with pytest.raises(gr.Error) as refused:
        Endpoints(ModelSlot.filled(letters, "tiny")).next_token("abcdefgh", **values)
    assert all(name in refused.value.message for name in shorts)
    assert ("no repeated n-gram" in refused.value.message) == ("no_repeat_ngram_size" in named)


def test_a_search_that_is_left_nothing_names_its_ban(letters: Backend) -> None:
    processors = catalog.processors({"no_repeat_ngram_size": 1, "temperature": 0.5}, False)
    search = replace(BeamSearch(2), processors=processors)
    with pytest.raises(NothingLeftToChooseError, match="no repeated n-gram") as caught:
        list(engine.search(letters.model, search, tuple(range(8)), 2))
    assert "temperature" not in str(caught.value)
