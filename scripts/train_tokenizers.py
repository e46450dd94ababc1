"""Trains the three small tokenizers in assets/tokenizers on a plain text, so that each algorithm can be seen offline.

python scripts/train_tokenizers.py stories.txt.xz
"""

import json
import lzma
import sys
from collections.abc import Iterator
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

FOLDER = Path(__file__).resolve().parent.parent / "assets" / "tokenizers"
VOCABULARY = 4096
CHARACTERS = 8_000_000


def main() -> None:
    path = Path(sys.argv[1])
    with lzma.open(path, "rt", encoding="utf-8") if path.suffix == ".xz" else path.open(encoding="utf-8") as file:
        text = file.read(CHARACTERS)
    for name, train in (("wordpiece", wordpiece), ("unigram", unigram), ("sentencepiece-bpe", sentencepiece_bpe)):
        folder = FOLDER / name
        folder.mkdir(parents=True, exist_ok=True)
        train(text).save(str(folder / "tokenizer.json"), pretty=False)
        print(name, (folder / "tokenizer.json").stat().st_size, "bytes")


def lines(text: str) -> Iterator[str]:
    return iter(text.splitlines())


def wordpiece(text: str) -> Tokenizer:
    """As BERT's: lower case, no accents, punctuation apart, [CLS] and [SEP] around every text."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=VOCABULARY, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(lines(text), trainer)
    ends = [(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    return tokenizer


def unigram(text: str) -> Tokenizer:
    """As T5's: the text in one piece with ▁ for spaces, cut by Viterbi; </s> after every text."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=VOCABULARY, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(lines(text), trainer)
    end = tokenizer.token_to_id("</s>")
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", end)])
    return tokenizer


def sentencepiece_bpe(text: str) -> Tokenizer:
    """As Llama 2's: ▁ before the text and for every space, no pre-tokenizer, bytes for unknown characters."""
    alike = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    special = ["<unk>", "<s>", "</s>"]
    bytes_of = [f"<0x{byte:02X}>" for byte in range(256)]
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.Metaspace()  # only to learn: merges stay within words
    size = VOCABULARY - len(special) - len(bytes_of)
    learner.train_from_iterator(lines(text), trainers.BpeTrainer(vocab_size=size, show_progress=False))
    learnt = learner.get_vocab()
    names = special + bytes_of + sorted(learnt, key=lambda name: learnt[name])
    vocab = {name: token_id for token_id, name in enumerate(names)}

    merges = [tuple(pair) for pair in json.loads(learner.to_str())["model"]["merges"]]
    tokenizer = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = alike
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens(special)
    start = tokenizer.token_to_id("<s>")
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", start)])
    return tokenizer


if __name__ == "__main__":
    main()
