"""The re-tokenization alarm with tokenizers that put a space and special tokens before (and after) every text."""

from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from playground.engines.huggingface.backend import Backend, from_parts
from playground.i18n import translator
from playground.panels.generate import retokenization
from playground.tokenization.round_trip import retokenize
from playground.views.notation import NATS
from tests.conftest import build_tiny
from tests.fixtures.prepended import BOS, EOS, build_backend

PROMPT = "The old king said to his"
t = translator()


def bert_like() -> Backend:
    """A causal model with BERT's tokenizer, as small Chinese GPT-2s have it: [CLS] and [SEP] around every prompt."""
    names = ["[UNK]", "[CLS]", "[SEP]", *sorted({*PROMPT.lower().split(), "d", "##og", "dog", "ran", "."})]
    tokenizer = Tokenizer(models.WordPiece({name: i for i, name in enumerate(names)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, [("[CLS]", 1), ("[SEP]", 2)])
    own = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )  # fmt: skip
    return from_parts(build_tiny("gpt2", None, len(names)).module, own, "bert-like")


BACKENDS = {
    "normalizer": build_backend, "metaspace": lambda: build_backend("metaspace"),
    "ends": lambda: build_backend(ends=True), "bert": bert_like,
}  # fmt: skip


@pytest.fixture(scope="module", params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    return BACKENDS[request.param]()


def loglik(backend: Backend, ids: tuple[int, ...], start: int) -> float:
    """Of the ids after `start`, by one plain forward pass."""
    with torch.inference_mode():
        logits = backend.model.module(torch.tensor([[start, *ids]])).logits[0].double()
    return float(torch.log_softmax(logits, -1)[range(len(ids)), list(ids)].sum())


def test_a_text_that_is_read_as_the_very_same_ids_is_no_alarm(backend: Backend) -> None:
    prompt = backend.tokenizer.encode(PROMPT)
    for text in (" dog", " dog ran", ".", " ran."):
        taken = backend.tokenizer.encode_inside("a" + text)[len(backend.tokenizer.encode_inside("a")) :]
        found = retokenization.found_in((*prompt, *taken), backend, len(prompt))
        assert found.is_stable, (found.text, found.ids, found.read_as)
        assert found.text.casefold() == (PROMPT + text).casefold()
        assert retokenization.alarm((*prompt, *taken), backend, NATS, t, len(prompt)) == ""


def test_a_word_taken_apart_is_one_and_counts_from_where_the_page_starts(backend: Backend) -> None:
    prompt = backend.tokenizer.encode(PROMPT)
    by_name = backend.tokenizer.tokenizer.convert_tokens_to_ids
    parts = by_name(["d", "##og"] if backend.info.name == "bert-like" else ["▁", "d", "og"])
    (whole,) = by_name(["dog" if backend.info.name == "bert-like" else "▁dog"])[:1]
    _, after = retokenization.reader_of(backend).template
    body = prompt[1 : len(prompt) - len(after)]
    ids = (*prompt, *parts)
    said = retokenization.alarm(ids, backend, NATS, t, len(prompt))
    change = loglik(backend, (*body, whole), BOS) - loglik(backend, (*body, *parts), BOS)  # 1 is [CLS] too
    amount = ("−" if change < 0 else "+") + NATS.amount(abs(change))
    labels = ["|".join(backend.vocabulary.labels(one)) for one in (parts, [whole])]
    assert said == t("tokenizer.alarm", chosen=labels[0], read_as=labels[1], change=amount, unit="nats")
    other = loglik(backend, (*body, whole), EOS) - loglik(backend, (*body, *parts), EOS)
    assert NATS.amount(abs(other)) != NATS.amount(abs(change))  # else the start would prove nothing


def test_ids_typed_without_their_start_count_from_it_too(backend: Backend) -> None:
    reader = retokenization.reader_of(backend)
    inside = backend.tokenizer.encode_inside(PROMPT)
    whole = backend.tokenizer.encode(PROMPT)
    assert retokenize(whole, reader).is_stable and retokenize(inside, reader).is_stable
    alone = retokenization.log_likelihood(inside, backend.model, reader)
    assert alone == pytest.approx(loglik(backend, inside, whole[0]), abs=1e-4)
    assert retokenization.log_likelihood(whole[: len(inside) + 1], backend.model, reader) == alone


def test_a_special_token_taken_by_hand_stays_a_part_of_the_text() -> None:
    backend = build_backend()
    prompt = backend.tokenizer.encode(PROMPT)
    assert retokenization.found_in((*prompt, EOS), backend, len(prompt)).text == PROMPT + "</s>"


def test_the_branch_of_the_page_is_silent_where_nothing_changes(visitor_of: Any) -> None:
    backend = build_backend()
    visitor = visitor_of(backend)
    visitor.do("run", prompt=PROMPT, length=2)
    visitor.session.pinned = 0
    taken = backend.tokenizer.encode_inside("a dog")[1]
    said = [str(frame["notice"]) for frame in visitor.do("branch", picked=taken) if "notice" in frame]
    assert said and not any("Re-tokenization" in words for words in said)
