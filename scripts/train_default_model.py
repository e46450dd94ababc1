"""Train the model that the playground starts with: from a folder of text to a folder that transformers loads.

    python scripts/train_default_model.py TEXTS --output MODEL     from scratch, an hour
    python scripts/train_default_model.py TEXTS --start MODEL      go on from a model and its tokenizer
    python scripts/train_default_model.py TEXTS --resume run.pt    go on with a run that was cut off

TEXTS is a folder of .txt or .txt.xz files (UTF-8), documents apart by a line `<|endoftext|>`; files whose name begins
with `heldout` are never trained on, and tell how well the model does on text it has not seen. Put your own stories,
laws or recipes there, train for an hour on a laptop, and show the result: `python app.py --model OUTPUT`.

The rate of learning follows the clock, not the number of steps: it is near zero when the minutes are over, however
fast the machine was. On a processor that others use too, --processes 2 beats two threads: each goes on when it can.
scripts/evaluate_model.py measures the result and writes its card.
"""

import argparse
import lzma
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from training_loop import MODELS, add_options, is_first, own_loss, save, together, train
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

END = "<|endoftext|>"
ACTIVATION = "gelu_pytorch_tanh"  # the same function as GPT-2's gelu_new, in one kernel instead of eight


def main() -> None:
    options = _options()
    if options.batch % options.processes:
        raise SystemExit(f"--batch {options.batch} can't be shared by --processes {options.processes}")
    together(run, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train a small GPT-2 on a folder of text.")
    parser.add_argument("texts", type=Path, help="folder of .txt / .txt.xz; heldout* is not trained on")
    parser.add_argument("--output", type=Path, default=MODELS / "storyteller")
    parser.add_argument("--start", help="folder or id of a model to go on from, with its tokenizer")
    learning = add_options(parser, rate=1.5e-3, decay=0.6)
    shape = parser.add_argument_group("shape of a model from scratch")
    shape.add_argument("--vocabulary", type=int, default=8192)
    shape.add_argument("--layers", type=int, default=6)
    shape.add_argument("--width", type=int, default=256)
    shape.add_argument("--heads", type=int, default=4)
    shape.add_argument("--context", type=int, default=512)
    learning.add_argument(
        "--attention",
        default="sdpa",
        help="eager: on a processor a sixth faster a step in blocks of 256, slower in 512",
    )
    learning.add_argument("--dropout", type=float, default=0.0, help="0.1 pays from many epochs on")
    learning.add_argument("--batch", type=int, default=8, help="blocks a step")
    learning.add_argument("--block", type=int, default=512, help="tokens a block, at most the context")
    learning.add_argument(
        "--heldout-tokens", type=int, default=32768, help="how much of the held-out text is looked at"
    )
    return parser.parse_args()


def run(options: argparse.Namespace) -> None:
    """Read, train, save."""
    torch.manual_seed(options.seed)
    documents, heldout = read_folder(options.texts)
    tokenizer, model = _beginning(options, documents)
    blocks = Blocks(encode(tokenizer, documents), options.block, options.batch, options.seed)
    unseen = encode(tokenizer, heldout)[: options.heldout_tokens]
    if min(len(blocks.ids), 2 * len(unseen)) < 2 * options.block:
        raise SystemExit(f"both texts need more: at least a few blocks of {options.block} tokens, and one held out")
    if is_first():
        print(
            f"{len(documents):,} documents, {len(blocks.ids):,} tokens; {model.num_parameters():,} parameters;"
            f" {options.batch * options.block:,} tokens a step on {options.device} in {options.precision}", flush=True
        )  # fmt: skip
    places = model.config.n_positions - options.block + 1
    curve = train(model, blocks, apart(unseen, model.config.n_positions), options, own_loss(model, places))
    if is_first():
        print(curve[-1])
        save(model, tokenizer, curve, options.output)


def apart(ids: torch.Tensor, length: int) -> list[torch.Tensor]:
    """Blocks that do not overlap, eight a batch (so a loss over them is a little above what a model can do)."""
    return list(ids[: len(ids) // length * length].view(-1, length).split(8))


def read_folder(folder: Path) -> tuple[list[str], list[str]]:
    """The documents to train on, and those held out.

    Raises:
        SystemExit: no text, or nothing held out.
    """
    files = sorted([*folder.glob("*.txt"), *folder.glob("*.txt.xz")])
    parts: dict[bool, list[str]] = {False: [], True: []}
    for path in files:
        parts[path.name.startswith("heldout")].extend(read_documents(path))
    if not all(parts.values()):
        raise SystemExit(f"{folder} needs at least one .txt or .txt.xz, and one more whose name begins with 'heldout'")
    return parts[False], parts[True]


def read_documents(path: Path) -> list[str]:
    """The documents of a file, without the lines that separate them."""
    with lzma.open(path, "rt", encoding="utf-8") if path.suffix == ".xz" else path.open(encoding="utf-8") as file:
        found = (part.strip() for part in file.read().split(END))
        return [part for part in found if part]


def _beginning(options: argparse.Namespace, documents: list[str]) -> tuple[PreTrainedTokenizerFast, GPT2LMHeadModel]:
    dropped = dict.fromkeys(("attn_pdrop", "embd_pdrop", "resid_pdrop"), options.dropout)
    if options.start:
        tokenizer = AutoTokenizer.from_pretrained(options.start)
        model = AutoModelForCausalLM.from_pretrained(
            options.start, dtype=torch.float32, activation_function=ACTIVATION, **dropped,
            attn_implementation=options.attention,
        )  # fmt: skip
    else:
        tokenizer = learn_tokenizer(documents, options.vocabulary, options.context)
        model = GPT2LMHeadModel(GPT2Config(
            vocab_size=len(tokenizer), n_positions=options.context, n_layer=options.layers, n_embd=options.width,
            n_head=options.heads, activation_function=ACTIVATION, bos_token_id=0, eos_token_id=0, **dropped,
            attn_implementation=options.attention,
        ))  # fmt: skip
    return tokenizer, model.to(options.device)


def learn_tokenizer(documents: list[str], size: int, context: int) -> PreTrainedTokenizerFast:
    """GPT-2's byte-level BPE, its merges learnt from these documents; id 0 is `<|endoftext|>`."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=[END], initial_alphabet=alphabet)
    tokenizer.train_from_iterator(documents, trainer, length=len(documents))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=END, eos_token=END, unk_token=END, model_max_length=context
    )


def encode(tokenizer: Any, documents: list[str]) -> torch.Tensor:
    """Every document after an end-of-text token, in a row."""
    end = tokenizer.eos_token_id
    encoded = tokenizer.backend_tokenizer.encode_batch_fast(documents, add_special_tokens=False)
    return torch.from_numpy(np.concatenate([[end, *one.ids] for one in encoded]).astype(np.int64))


class Blocks:
    """Blocks of a text in a random order, cut at another place in every epoch, so that no two epochs see the same."""

    def __init__(self, ids: torch.Tensor, length: int, size: int, seed: int) -> None:
        self.ids, self.length, self.size, self.seed = ids, length, size, seed
        self.per_epoch = len(ids) // length - 1

    def batch(self, step: int) -> torch.Tensor:
        """The blocks (size, length) of that step."""
        return torch.stack([self._block(number) for number in range(step * self.size, (step + 1) * self.size)])

    def _block(self, number: int) -> torch.Tensor:
        epoch, place = divmod(number, self.per_epoch)
        shift, order = self._epoch(epoch)
        start = shift + self.length * int(order[place])
        return self.ids[start : start + self.length]

    def _epoch(self, epoch: int) -> tuple[int, np.ndarray[Any, Any]]:
        if getattr(self, "_drawn", (None,))[0] != epoch:
            random = np.random.default_rng((self.seed, epoch))
            self._drawn = epoch, int(random.integers(self.length)), random.permutation(self.per_epoch)
        return self._drawn[1:]


if __name__ == "__main__":
    main()
