"""Train the poet: a GPT-2 that writes Tang and Song verse, one token a character, from a title.

    python scripts/train_poet.py POEMS --start MODEL --output OUTPUT    go on from a model and its tokenizer
    python scripts/train_poet.py POEMS --output OUTPUT                  from scratch

POEMS is a folder of .txt or .txt.xz files (UTF-8): poems apart by a line `<|endoftext|>`, each its title on a line and
then its lines; files whose name begins with `heldout` are never trained on. A poem becomes "题目：" and its lines
without breaks, after [CLS] and before [SEP]. Every row of a batch is one whole poem: the model always sees it from its
first character, as whoever asks for one does. Poems of equal length share a batch, so nothing is padded.
"""

import argparse
import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from torch import Tensor
from train_default_model import ACTIVATION, read_documents
from training_loop import MODELS, add_options, is_first, save, together, train
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

ATTENTION = "eager"  # for rows this short a third faster than sdpa's kernel, on a processor
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def main() -> None:
    together(run, _options())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train a small GPT-2 on poems.")
    parser.add_argument("poems", type=Path, help="folder of .txt / .txt.xz; heldout* is not trained on")
    parser.add_argument("--output", type=Path, default=MODELS / "poet")
    parser.add_argument("--start", help="folder or id of a model to go on from, with its tokenizer")
    parser.add_argument("--twice", default="poems-tang", help="files whose name begins so count twice")
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--context", type=int, default=128)
    learning = add_options(parser, rate=3e-3, decay=0.8, weight_decay=0.02)
    learning.add_argument("--tokens", type=int, default=4096, help="a step, about")
    learning.add_argument("--heldout-poems", type=int, default=500, help="how many of the held-out poems are looked at")
    return parser.parse_args()


def run(options: argparse.Namespace) -> None:
    """Read, train, save."""
    torch.manual_seed(options.seed)
    poems, heldout = read_poems(options.poems, options.twice)
    if options.start:
        tokenizer = AutoTokenizer.from_pretrained(options.start)
        model = AutoModelForCausalLM.from_pretrained(options.start, dtype=torch.float32, attn_implementation=ATTENTION)
    else:
        tokenizer = characters(poems, options.context)
        model = GPT2LMHeadModel(GPT2Config(
            attn_implementation=ATTENTION,
            vocab_size=len(tokenizer), n_positions=options.context, n_layer=options.layers, n_embd=options.width,
            n_head=options.heads, activation_function=ACTIVATION, attn_pdrop=0, embd_pdrop=0, resid_pdrop=0,
            bos_token_id=2, eos_token_id=3, pad_token_id=0,
        ))  # fmt: skip
    batches = EqualLengths(encode(tokenizer, poems), options.tokens, options.seed)
    unseen = EqualLengths(encode(tokenizer, heldout[: options.heldout_poems]), options.tokens, options.seed).all()
    if is_first():
        print(f"{len(poems):,} poems, {model.num_parameters():,} parameters, in {options.precision}", flush=True)
    curve = train(model.to(options.device), batches, unseen, options)
    if is_first():
        print(curve[-1])
        save(model, tokenizer, curve, options.output)


def read_poems(folder: Path, twice: str) -> tuple[list[str], list[str]]:
    """The poems to train on, and those held out, each as "题目：…" in one line.

    Raises:
        SystemExit: no poems, or none held out.
    """
    parts: dict[bool, list[str]] = {False: [], True: []}
    for path in sorted([*folder.glob("*.txt"), *folder.glob("*.txt.xz")]):
        found = [as_text(poem) for poem in read_documents(path)]
        parts[path.name.startswith("heldout")] += found * (2 if path.name.startswith(twice) else 1)
    if not all(parts.values()):
        raise SystemExit(f"{folder} needs at least one .txt or .txt.xz, and one more whose name begins with 'heldout'")
    return parts[False], parts[True]


def as_text(poem: str) -> str:
    """A poem as the model reads it: the title, a colon, the lines in a row."""
    title, *lines = poem.split()
    return f"{title}：{''.join(lines)}"


def characters(poems: list[str], context: int) -> PreTrainedTokenizerFast:
    """One token a character, BERT's names; [CLS] is put before a text, [SEP] is left to the model."""
    counted = Counter("".join(poems))
    vocabulary = {sign: number for number, sign in enumerate([*SPECIAL, *(c for c, _ in counted.most_common())])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A", special_tokens=[("[CLS]", 2)])
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=context, bos_token="[CLS]", eos_token="[SEP]", unk_token="[UNK]",
        cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]", mask_token="[MASK]",
    )  # fmt: skip


def encode(tokenizer: Any, poems: list[str]) -> list[list[int]]:
    """[CLS], the poem, [SEP]."""
    end = tokenizer.eos_token_id
    return [[*one.ids, end] for one in tokenizer.backend_tokenizer.encode_batch_fast(poems)]


class EqualLengths:
    """Batches of poems of one length each, in a random order, other companies in every epoch."""

    def __init__(self, rows: list[list[int]], tokens: int, seed: int) -> None:
        self.seed, self.tokens = seed, tokens
        by_length: dict[int, list[list[int]]] = {}
        for row in rows:
            by_length.setdefault(len(row), []).append(row)
        self.rows = {length: torch.tensor(of_one) for length, of_one in sorted(by_length.items())}
        self.per_epoch = sum(len(self._cuts(length)) - 1 for length in self.rows)
        self.drawn: tuple[int, list[Tensor]] = (-1, [])

    def _cuts(self, length: int) -> list[int]:
        count = len(self.rows[length])
        return [*range(0, count, max(1, self.tokens // length)), count]

    def batch(self, step: int) -> Tensor:
        """The poems (rows, length) of that step."""
        epoch, place = divmod(step, self.per_epoch)
        if self.drawn[0] != epoch:
            self.drawn = epoch, self._epoch(np.random.default_rng((self.seed, epoch)))
        return self.drawn[1][place]

    def all(self) -> list[Tensor]:
        """Every poem once."""
        return [self.batch(step) for step in range(self.per_epoch)]

    def _epoch(self, random: np.random.Generator) -> list[Tensor]:
        found = []
        for length, rows in self.rows.items():
            mixed = rows[torch.from_numpy(random.permutation(len(rows)))]
            cuts = self._cuts(length)
            found += [mixed[start:end] for start, end in itertools.pairwise(cuts)]
        return [found[int(place)] for place in random.permutation(len(found))]


if __name__ == "__main__":
    main()
