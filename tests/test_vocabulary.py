"""Ids as bytes, as text and as labels: equal to the tokenizer's own text, and nothing invisible left in a label."""

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import AutoTokenizer

from playground.engines.huggingface.backend import Backend
from playground.engines.huggingface.tokenizer import vocabulary_of
from playground.vocabulary import Vocabulary, byte_characters, from_tokenizer_json, printable

ROOT = Path(__file__).resolve().parent.parent
GPT2 = ROOT.parent / "shared" / "gpt2-tokenizer"

FAMILY = "👩‍👩‍👧"  # three people and two joiners


@pytest.fixture(
    scope="module",
    params=[
        ROOT / "assets" / "models" / "storyteller",
        pytest.param(GPT2, marks=pytest.mark.skipif(not GPT2.is_dir(), reason="GPT-2's tokenizer is not here")),
    ],
    ids=["storyteller", "GPT-2"],
)
def tokenizer(request: pytest.FixtureRequest) -> Any:
    return AutoTokenizer.from_pretrained(request.param)


@pytest.fixture(scope="module")
def vocabulary(tokenizer: Any) -> Vocabulary:
    return vocabulary_of(tokenizer, len(tokenizer))


def vocabulary_in(tokenizer: Tokenizer, size: int | None = None) -> Vocabulary:
    return from_tokenizer_json(json.loads(tokenizer.to_str()), size)


# ---- byte-level tokenizers: the default model's and GPT-2's

texts = st.text(
    st.one_of(
        st.characters(exclude_categories=("Cs",)),
        st.sampled_from("  \n\t\r abc'.,ÄßçñΩж你好世界的，。🙂👍🏽\x00\x07\x1b\u200b\u202e\ufeff\u00a0\ufffd"),
    ),
    max_size=40,
)


@given(text=texts)
def test_the_text_of_the_ids_of_a_text_is_the_text(tokenizer: Any, vocabulary: Vocabulary, text: str) -> None:
    encoded = tokenizer(text).input_ids
    assert vocabulary.text(encoded) == tokenizer.decode(encoded, skip_special_tokens=True)
    assert "<|endoftext|>" in text or vocabulary.text(encoded) == text


@given(data=st.data())
def test_the_text_of_any_ids_is_what_the_tokenizer_decodes(
    tokenizer: Any, vocabulary: Vocabulary, data: st.DataObject
) -> None:
    """Ids that a model strings together need not be the ids of a text: bytes may be left over."""
    rare = st.integers(0, len(tokenizer) - 1)
    one_byte = st.integers(1, 256)  # the pieces of a single byte
    sequence = data.draw(st.lists(st.one_of(rare, one_byte), max_size=30))
    assert vocabulary.text(sequence) == tokenizer.decode(sequence, skip_special_tokens=True)


@pytest.mark.parametrize(
    "text", ["", " ", "\n\n", "你好，世界", "🙂" + FAMILY, "\x00\x1b[31m", "naïve — “so”", "\ufeffbom"]
)
def test_texts_full_of_traps_come_back(tokenizer: Any, vocabulary: Vocabulary, text: str) -> None:
    assert vocabulary.text(tokenizer(text).input_ids) == text


def test_every_piece_is_what_its_id_decodes_to(tokenizer: Any, vocabulary: Vocabulary) -> None:
    for i in range(len(tokenizer)):
        assert vocabulary.piece(i).decode(errors="replace") == tokenizer.decode([i])


def test_every_label_is_visible_and_none_is_empty(vocabulary: Vocabulary) -> None:
    for i in range(len(vocabulary.pieces)):
        label = vocabulary.label(i)
        assert label and label.isprintable() and " " not in label


def test_the_labels_of_a_text_show_spaces_and_line_breaks(tokenizer: Any, vocabulary: Vocabulary) -> None:
    labels = vocabulary.labels(tokenizer("The cat\n\tsat on the mat.\r\n").input_ids)
    assert "".join(labels) == "The␣cat⏎⇥sat␣on␣the␣mat.␍⏎"
    assert "␣the" in labels


def test_half_a_character_is_labelled_by_its_bytes(storyteller: Backend) -> None:
    labels = storyteller.vocabulary.labels(storyteller.tokenizer.encode("🙂"))
    assert len(labels) > 1
    assert all(label.startswith("<0x") for label in labels)
    assert bytes(int(part[:2], 16) for label in labels for part in label.split("<0x")[1:]) == "🙂".encode()


def test_the_end_of_text_is_shown_by_name_and_is_no_text(tokenizer: Any, vocabulary: Vocabulary) -> None:
    end = tokenizer.eos_token_id
    assert vocabulary.label(end) == "<|endoftext|>"
    assert vocabulary.special_ids == {end}
    assert vocabulary.text([end, *tokenizer("Hi").input_ids, end]) == "Hi"


def test_an_id_beyond_the_vocabulary_has_a_name_and_does_not_fail(vocabulary: Vocabulary) -> None:
    assert vocabulary.piece(10**6) == b"<id 1000000>"
    assert "1000000" in vocabulary.label(10**6)


# ---- labels


@pytest.mark.parametrize(
    ("piece", "label"),
    [
        (b" the", "␣the"),
        (b"\n", "⏎"),
        (b"\r\n\t", "␍⏎⇥"),
        (b"   ", "␣␣␣"),
        (b"\xe4", "<0xE4>"),
        (b" \xe4\xbd", "␣<0xE4><0xBD>"),
        ("你".encode(), "你"),
        (b"a\x00b", "a<U+0000>b"),
        ("\u200b".encode(), "<U+200B>"),
        ("\u202egnp.exe".encode(), "<U+202E>gnp.exe"),
        ("\u00a0".encode(), "<U+00A0>"),
        ("\u2028".encode(), "<U+2028>"),
        ("\ufeff".encode(), "<U+FEFF>"),
        ("\ue000".encode(), "<U+E000>"),
        (b"\xed\xa0\xbd", "<0xED><0xA0><0xBD>"),  # a surrogate is no UTF-8
        ("👩‍👧".encode(), "👩<U+200D>👧"),
        (b"<script>alert(1)</script>", "<script>alert(1)</script>"),  # as it is: the page sets it as text
        (b"", ""),
    ],
)
def test_the_label_of_a_piece(piece: bytes, label: str) -> None:
    assert printable(piece) == label


@given(st.binary(max_size=12))
def test_printable_drops_nothing_and_hides_nothing(piece: bytes) -> None:
    shown = printable(piece)
    assert all(unicodedata.category(c)[0] not in "CZ" for c in shown)
    assert len(shown) >= len(piece.decode(errors="replace"))


@given(st.text(st.characters(exclude_categories=("C", "Z"))))
def test_printable_leaves_visible_text_as_it_is(text: str) -> None:
    assert printable(text.encode()) == text


def test_an_empty_piece_has_a_label_too() -> None:
    assert Vocabulary((b"",)).label(0) == "∅"


def test_a_special_token_is_labelled_with_its_name_as_written() -> None:
    vocabulary = Vocabulary((b"a", b"<|end of text|>"), frozenset({1}))
    assert vocabulary.labels((0, 1)) == ["a", "<|end of text|>"]
    assert vocabulary.text((1, 0, 1, 0)) == "aa"


def test_the_byte_table_is_that_of_byte_level_bpe() -> None:
    table = byte_characters()
    assert sorted(table) == list(range(256))
    assert set(table.values()) == set(pre_tokenizers.ByteLevel.alphabet())
    assert (table[ord(" ")], table[ord("\n")], table[ord("a")]) == ("Ġ", "Ċ", "a")


# ---- tokenizers of other families, built here


def byte_level() -> Tokenizer:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {character: i for i, character in enumerate(alphabet)} | {"Ġt": 256, "he": 257, "Ġthe": 258}
    tokenizer = Tokenizer(models.BPE(vocabulary, [("Ġ", "t"), ("h", "e"), ("Ġt", "he")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|end|>"])
    tokenizer.add_tokens([" ĠÄ "])  # an added token is text as it stands, not byte characters
    return tokenizer


BYTE_FALLBACK = [(f"<0x{byte:02X}>", -10.0) for byte in range(256)]


def sentencepiece_unigram() -> Tokenizer:
    words = [("▁the", -2.0), ("▁", -3.0), ("cat", -3.0), ("s", -4.0), ("é", -5.0)]
    pieces = [("<unk>", 0.0), ("</s>", 0.0), *BYTE_FALLBACK, *words]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens(["<unk>", "</s>"])
    return tokenizer


def sentencepiece_bpe() -> Tokenizer:
    """As Llama 2 spells it: no pre-tokenizer, the spaces replaced by the normalizer."""
    pieces = ["<unk>", "<s>", *(piece for piece, _ in BYTE_FALLBACK), "▁", "t", "h", "e", "c", "a", "▁t", "he", "▁the"]
    tokenizer = Tokenizer(
        models.BPE(
            {piece: i for i, piece in enumerate(pieces)},
            [("▁", "t"), ("h", "e"), ("▁t", "he")],
            unk_token="<unk>",
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens(["<s>"])
    return tokenizer


def wordpiece() -> Tokenizer:
    pieces = ["[UNK]", "[CLS]", "play", "##ing", "##s", "he", "你", "好"]
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(["[UNK]", "[CLS]"])
    return tokenizer


@pytest.mark.parametrize("build", [byte_level, sentencepiece_unigram, sentencepiece_bpe])
@given(text=texts)
def test_every_family_that_keeps_bytes_gives_the_text_back(build: Any, text: str) -> None:
    tokenizer = build()
    encoded = tokenizer.encode(text).ids
    assert vocabulary_in(tokenizer).text(encoded) == tokenizer.decode(encoded)


def test_byte_level_pieces_are_bytes() -> None:
    tokenizer = byte_level()
    vocabulary = vocabulary_in(tokenizer)
    assert vocabulary.labels(tokenizer.encode("a the\n<|end|>").ids) == ["a", "␣the", "⏎", "<|end|>"]
    assert vocabulary.piece(tokenizer.token_to_id(" ĠÄ ")) == " ĠÄ ".encode()
    assert vocabulary.special_ids == {tokenizer.token_to_id("<|end|>")}


@pytest.mark.parametrize("build", [sentencepiece_unigram, sentencepiece_bpe])
def test_sentencepiece_pieces_show_their_spaces_and_bytes(build: Any) -> None:
    tokenizer = build()
    vocabulary = vocabulary_in(tokenizer)
    assert vocabulary.label(tokenizer.token_to_id("▁the")) == "␣the"
    assert vocabulary.label(tokenizer.token_to_id("<0xE4>")) == "<0xE4>"
    assert vocabulary.piece(tokenizer.token_to_id("<0x0A>")) == b"\n"
    assert vocabulary.label(tokenizer.token_to_id("<0x0A>")) == "⏎"
    assert vocabulary.text(tokenizer.encode(" the ä").ids).lstrip() == "the ä"


@pytest.mark.parametrize("piece", ["<0xZZ>", "<0x-1>", "<0x 1>", "<0x+1>", "<0x_1>", "<0x1>", "<0x100>"])
def test_a_piece_that_only_looks_like_a_byte_is_text(piece: str) -> None:
    """A vocabulary is somebody else's file: nothing in it may crash the start."""
    vocabulary = from_tokenizer_json({"model": {"vocab": {piece: 0}}, "decoder": None})
    assert vocabulary.pieces == (piece.encode(),)


def test_wordpiece_pieces_continue_a_word_or_begin_one() -> None:
    tokenizer = wordpiece()
    vocabulary = vocabulary_in(tokenizer)
    encoded = tokenizer.encode("he plays playing 你好").ids
    assert vocabulary.labels(encoded) == ["␣he", "␣play", "s", "␣play", "ing", "␣你", "␣好"]
    assert vocabulary.text(encoded).strip() == tokenizer.decode(encoded) == "he plays playing 你 好"
    assert vocabulary.labels((0, 1)) == ["[UNK]", "[CLS]"]
    assert vocabulary.text((1, *encoded, 1)) == vocabulary.text(encoded)


def test_words_without_a_decoder_are_their_own_text() -> None:
    tokenizer = Tokenizer(models.WordLevel({"b": 1, "a": 0, "naïve": 2}, unk_token="a"))
    assert vocabulary_in(tokenizer).labels(range(3)) == ["a", "b", "naïve"]


@pytest.mark.parametrize("size", [None, 260, 263, 100])
def test_the_vocabulary_is_as_long_as_the_logits_whatever_the_file_holds(size: int | None) -> None:
    """Logits are often padded to a round number; a file may also know more ids than the model has."""
    vocabulary = vocabulary_in(byte_level(), size)
    assert len(vocabulary.pieces) == (261 if size is None else size)
    if size == 263:
        assert vocabulary.pieces[261:] == (b"<id 261>", b"<id 262>")
    assert all(i < len(vocabulary.pieces) for i in vocabulary.special_ids)


def test_a_gap_among_the_ids_is_filled_with_a_name() -> None:
    vocabulary = from_tokenizer_json({"model": {"vocab": {"a": 0, "b": 3}}, "decoder": None})
    assert vocabulary.pieces == (b"a", b"<id 1>", b"<id 2>", b"b")
