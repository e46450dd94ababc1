"""Tokenizers of every algorithm: small ones that the library trains here, the shipped ones, GPT-2's where it is."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from playground.tokenization.text_tokenizer import TextTokenizer, from_json

ROOT = Path(__file__).resolve().parent.parent.parent
GPT2 = ROOT.parent / "shared" / "gpt2-tokenizer"
CORPUS = [
    "The old king said to his daughter: there's a wolf at the door, and the wolf is hungry.",
    "Once upon a time, a miller had three sons; the youngest son's cat wore boots.",
    "banana bandana cabana, aaaa aaaaa naïve café fiancée Ärger über alles 12 123 1234 狐狸 狐狸 лиса",
    "hushed whispered whispering, unbelievable believer believing, the lowest finest older oldest",
] * 3


def byte_level(ignore_merges: bool = False, add_prefix_space: bool = False) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(
            vocab_size=460, initial_alphabet=alphabet, special_tokens=["<|endoftext|>"], show_progress=False
        ),
    )
    tokenizer.add_tokens([AddedToken("wolfhound", single_word=True), AddedToken(" :)", rstrip=True, normalized=False)])
    return tokenizer


def sentencepiece(split: bool, fuse: bool = True) -> Tokenizer:
    """As Llama 2's (no pre-tokenizer), or as newer conversions have it (`split` at spaces)."""
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.Metaspace()
    learner.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=200, show_progress=False))
    learnt = learner.get_vocab()
    # some bytes are missing: then an unknown character can't be spelt
    names = ["<unk>", "<s>", *(f"<0x{byte:02X}>" for byte in range(0xF0)), *sorted(learnt, key=lambda x: learnt[x])]
    vocab = {name: i for i, name in enumerate(names)}
    tokenizer = Tokenizer(models.BPE(vocab, _merges(learner), unk_token="<unk>", fuse_unk=fuse, byte_fallback=True))
    if split:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    else:
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens(["<unk>", "<s>"])
    return tokenizer


def _merges(tokenizer: Tokenizer) -> list[tuple[str, str]]:

    return [tuple(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]


def affixed() -> Tokenizer:
    """BPE with marks inside and at the end of words, as GPT-1 has them, and unknown characters apart."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", continuing_subword_prefix="@@", end_of_word_suffix="</w>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(
        CORPUS[:2],
        trainers.BpeTrainer(
            vocab_size=260, special_tokens=["<unk>"], continuing_subword_prefix="@@", end_of_word_suffix="</w>",
            show_progress=False,
        ),
    )  # fmt: skip
    return tokenizer


def wordpiece(longest_word: int = 100) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=longest_word))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]"]
    tokenizer.train_from_iterator(
        CORPUS, trainers.WordPieceTrainer(vocab_size=220, special_tokens=special, show_progress=False)
    )
    model = tokenizer.model
    model.max_input_chars_per_word = longest_word
    return tokenizer


def unigram(byte_fallback: bool = False) -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.train_from_iterator(
        CORPUS,
        trainers.UnigramTrainer(
            vocab_size=150, special_tokens=["<unk>", "</s>"], unk_token="<unk>", show_progress=False
        ),
    )
    if byte_fallback:
        parsed = json.loads(tokenizer.to_str())
        parsed["model"]["vocab"] += [[f"<0x{byte:02X}>", -20.0] for byte in range(256)]
        parsed["model"]["byte_fallback"] = True
        return Tokenizer.from_str(json.dumps(parsed))
    return tokenizer


def gpt2() -> Tokenizer:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(GPT2)).backend_tokenizer


def shipped(name: str) -> Callable[[], Tokenizer]:
    folder = ROOT / "assets" / ("models/storyteller" if name == "storyteller" else f"tokenizers/{name}")
    return lambda: Tokenizer.from_file(str(folder / "tokenizer.json"))


MAKERS: dict[str, Callable[[], Tokenizer]] = {
    "byte_level": byte_level,
    "byte_level_ignore_merges": lambda: byte_level(True),
    "byte_level_prefix_space": lambda: byte_level(False, True),
    "storyteller": shipped("storyteller"),
    "sentencepiece_whole": lambda: sentencepiece(False),
    "sentencepiece_split": lambda: sentencepiece(True),
    "sentencepiece_apart": lambda: sentencepiece(True, False),
    "sentencepiece-bpe": shipped("sentencepiece-bpe"),
    "affixed": affixed,
    "wordpiece_small": wordpiece,
    "wordpiece_short": lambda: wordpiece(6),
    "wordpiece": shipped("wordpiece"),
    "unigram_small": unigram,
    "unigram_bytes": lambda: unigram(True),
    "unigram": shipped("unigram"),
    "gpt2": gpt2,
}
_made: dict[str, TextTokenizer] = {}


def make(name: str) -> TextTokenizer:
    """Skips the test where GPT-2's files are not there."""
    if name == "gpt2" and not GPT2.is_dir():
        pytest.skip("GPT-2's tokenizer is not on this machine")
    if name not in _made:
        _made[name] = from_json(name, MAKERS[name]().to_str())
    return _made[name]


@pytest.fixture(scope="session")
def tokenizer_named() -> Callable[[str], TextTokenizer]:
    return make
