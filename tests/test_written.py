"""Written settings against the tokenizers that will read them, and against what a person can get wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, normalizers
from tokenizers.models import BPE, WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit

from playground import catalog, written
from playground.engines.huggingface.backend import Backend
from playground.engines.prompts import speller_of
from playground.errors import (
    InvalidArgumentError,
    MissingBiasError,
    NotOneTokenError,
    PlaygroundError,
    TextTooLongError,
    UnknownPhraseError,
    UnknownTokenError,
)
from playground.lists import LISTS, MAX_BIAS, check_ids
from playground.tabs.generate.written_fields import shipped
from playground.vocabulary import Vocabulary, from_tokenizer_json
from playground.written import Speller

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def speller(storyteller: Backend) -> Speller:
    return speller_of(storyteller)


def of(tokenizer: Tokenizer) -> Speller:
    vocabulary = from_tokenizer_json(json.loads(tokenizer.to_str()))
    return Speller(lambda text: tokenizer.encode(text).ids, lambda text: [1, *tokenizer.encode(text).ids], vocabulary)


@pytest.fixture(scope="module")
def llama_like() -> Speller:
    """A SentencePiece style that puts a space before every text, as Llama's does."""
    tokens = ["<unk>", "<s>", "▁", "\n", "h", "o", "ho", "▁h", "▁ho", "<0x0A>"]
    merges = [("h", "o"), ("▁", "h"), ("▁", "ho")]
    tokenizer = Tokenizer(BPE({t: i for i, t in enumerate(tokens)}, merges, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse()])
    return of(tokenizer)


def texts(speller: Speller, ids: tuple[int, ...]) -> str:
    return b"".join(speller.vocabulary.piece(i) for i in ids).decode()


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("house", " house"), ('"house"', "house"), ("“house”", "house"), ("␣house", " house"), ("the old king",
        " the old king"), (".", "."), (", and", ", and"), ('" "', " "), ("\\n", "\n"), ('"\\n"', "\n"), ("⏎⏎", "\n\n"),
        ("🦊", "🦊"), ("狐狸", "狐狸"), ("7", " 7"), ('"', '"'), ('"""', '"'), ("<|endoftext|>", "<|endoftext|>"),
    ],
)  # fmt: skip
def test_a_phrase_is_spelt_as_it_would_stand_in_a_text(
    speller: Speller, storyteller: Backend, line: str, meant: str
) -> None:
    ids = speller.phrase(line)
    assert texts(speller, ids) == meant
    assert ids == tuple(storyteller.tokenizer.tokenizer(meant, add_special_tokens=False).input_ids)


def test_what_transformers_recommends_is_what_a_word_becomes(speller: Speller) -> None:
    """Its documentation: encode the bad words with a space before them, without special tokens."""
    from transformers import AutoTokenizer

    theirs = AutoTokenizer.from_pretrained(ROOT / "assets" / "models" / "storyteller", add_prefix_space=True)
    for word in ("wolf", "grandmother", "zebra", "golden key"):
        assert list(speller.phrase(word)) == theirs([word], add_special_tokens=False).input_ids[0]


def test_a_tokenizer_that_puts_a_space_before_every_text_is_seen_through(llama_like: Speller) -> None:
    assert texts(llama_like, llama_like.phrase("ho")) == " ho"
    assert llama_like.phrase("ho") == (8,)
    assert llama_like.phrase('"ho"') == (6,)


def test_a_tokenizer_without_spaces_reads_words_all_the_same() -> None:
    tokenizer = Tokenizer(WordLevel({"[UNK]": 0, "wolf": 1, "king": 2}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    speller = of(tokenizer)
    assert speller.phrase("wolf king") == (1, 2)
    assert speller.phrase("queen") == ()
    with pytest.raises(UnknownPhraseError, match=r"Bad words: .* “queen”"):
        written.read("bad_words_ids", "wolf\nqueen", speller)


def test_the_shipped_tokenizer_needs_no_model(speller: Speller, storyteller: Backend) -> None:
    other = shipped(storyteller.vocabulary)
    for line in ("house", '"house"', "the old king", "🦊", "\\n"):
        assert other.phrase(line) == speller.phrase(line)
    assert tuple(other.prompt("A sad story")) == tuple(speller.prompt("A sad story"))


def test_each_setting_becomes_the_list_that_generate_takes(speller: Speller) -> None:
    house, wolf, sad = speller.phrase("house"), speller.phrase("wolf"), speller.prompt("A sad\nstory")
    found = written.settings(
        {
            "bad_words_ids": "house\n\n  the old king  \n", "sequence_bias": "house -2.5\n\"wolf\" 3\nold king −1e2",
            "suppress_tokens": "wolf\n7, 9; 11\n0", "negative_prompt_ids": "A sad\nstory",
            "stop_strings": 'the end\n" ."\n"\\n"',
        },
        speller,
    )  # fmt: skip
    assert found == {
        "bad_words_ids": (house, speller.phrase("the old king")),
        "sequence_bias": ((house, -2.5), (speller.phrase('"wolf"'), 3.0), (speller.phrase("old king"), -100.0)),
        "suppress_tokens": (*wolf, 7, 9, 11, 0),
        "negative_prompt_ids": tuple(sad),
        "stop_strings": ("the end", " .", "\n"),
    }
    for name, value in found.items():
        assert LISTS[name].check(value) == value


def test_blank_texts_are_off(speller: Speller) -> None:
    assert written.settings(dict.fromkeys(LISTS, " \n "), speller) == {}
    assert catalog.processors(written.settings(dict.fromkeys(LISTS, ""), speller)) == ()


@pytest.mark.parametrize(
    ("name", "text", "error", "words"),
    [
        ("sequence_bias", "house", MissingBiasError, "end “house” with a number"),
        ("sequence_bias", "house x", MissingBiasError, "Sequence bias"),
        ("sequence_bias", "-5", MissingBiasError, "“-5”"),
        ("sequence_bias", "house nan", MissingBiasError, "number"),
        ("sequence_bias", "house inf", MissingBiasError, "number"),
        ("sequence_bias", "house 1e9", MissingBiasError, "1,000,000"),
        ("suppress_tokens", "the old king", NotOneTokenError, "3 tokens .␣the · ␣old · ␣king."),
        ("suppress_tokens", "8192", UnknownTokenError, "no token 8192.*0 to 8,191"),
        ("suppress_tokens", "5, 99999999999999", UnknownTokenError, "99999999999999"),
        ("bad_words_ids", '""', UnknownPhraseError, "Bad words"),
        ("bad_words_ids", "x" * 2001, TextTooLongError, "Bad words: at most 2,000 characters"),
        ("negative_prompt_ids", "x" * 2001, TextTooLongError, "Negative prompt"),
        ("stop_strings", "a\n" * 9, TextTooLongError, "8 lines"),
        ("stop_strings", "a" * 61, TextTooLongError, "60 characters"),
        ("stop_strings", '""', UnknownPhraseError, "Stop strings"),
    ],
)
def test_what_a_person_gets_wrong_is_said_with_what_to_do(
    speller: Speller, name: str, text: str, error: type[PlaygroundError], words: str
) -> None:
    with pytest.raises(error, match=words):
        written.read(name, text, speller)


def test_the_longest_texts_are_taken(speller: Speller) -> None:
    assert len(written.read("stop_strings", ("a" * 60 + "\n") * 8, speller)) == 8
    assert len(written.read("bad_words_ids", "a\n" * 1000, speller)) == 1000


def test_half_an_emoji_is_no_reason_to_fall_over(speller: Speller) -> None:
    for name, text in {"bad_words_ids": "\ud83e", "stop_strings": "\ud83e", "negative_prompt_ids": "a\ud83e"}.items():
        assert written.read(name, text, speller)


def test_hostile_lines_stay_texts(speller: Speller) -> None:
    (line,) = written.read("bad_words_ids", "<img src=x onerror=alert(1)>", speller)
    assert written.shown(line).replace("·", "") == "<img␣src=x␣onerror=alert(1)>"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stop_strings", ["x"] * 9), ("stop_strings", ["x" * 61]), ("bad_words_ids", [[1] * 1001]),
        ("sequence_bias", [[[1], MAX_BIAS * 2]]), ("sequence_bias", [[[1], float("nan")]]),
    ],
)  # fmt: skip
def test_the_endpoints_have_the_same_bounds(name: str, value: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=f"{name} must be"):
        LISTS[name].check(value)


@pytest.mark.parametrize(
    "values",
    [
        {"suppress_tokens": [3, 8]},
        {"bad_words_ids": [[1, 8]]},
        {"sequence_bias": [[[8], 1.0]]},
        {"negative_prompt_ids": [8]},
    ],
)
def test_an_id_beyond_the_vocabulary_is_refused(values: dict[str, Any]) -> None:
    check_ids(values, 9)
    with pytest.raises(UnknownTokenError, match=r"no token 8\. Choose an id from 0 to 7"):
        check_ids(values, 8)


def test_a_vocabulary_without_that_letter_has_no_phrase() -> None:
    words = Vocabulary((b"a", b"?"))
    assert Speller(lambda text: [1], lambda text: [1], words).phrase("b") == ()
