"""Train the model that the playground starts with: from a folder of text to a folder that transformers loads.

    python scripts/train_default_model.py TEXTS                        from scratch, an hour, into assets/model
    python scripts/train_default_model.py TEXTS --start assets/model   go on from a model and its tokenizer
    python scripts/train_default_model.py TEXTS --resume run.pt        go on with a run that was cut off

TEXTS is a folder of .txt or .txt.xz files (UTF-8), documents apart by a line `<|endoftext|>`; files whose name begins
with `heldout` are never trained on, and tell how well the model does on text it has not seen. Put your own stories,
laws or recipes there, train for an hour on a laptop, and show the result: `python app.py --model OUTPUT`.

The rate of learning follows the clock, not the number of steps: it is near zero when the minutes are over, however
fast the machine was. scripts/evaluate_model.py measures the result and writes its card.
"""

import argparse
import json
import lzma
import math
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from tqdm import tqdm
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

ROOT = Path(__file__).resolve().parent.parent
END = "<|endoftext|>"
SHARD = "9MB"  # a Space's git refuses files of 10 MB
CURVE = "training.json"
ACTIVATION = "gelu_pytorch_tanh"  # the same function as GPT-2's gelu_new, in one kernel instead of eight


@dataclass
class Moment:
    """One point of the curve.

    Attributes:
        minutes: since the start, pauses between resumed runs left out.
        tokens: trained on so far.
        loss: mean over the steps since the last point, in nats per token; None if there were none.
        heldout: the same on held-out text.
    """

    minutes: float
    tokens: int
    loss: float | None
    heldout: float


def main() -> None:
    options = _options()
    options.precision = options.precision or faster_precision(options.device)
    torch.manual_seed(options.seed)
    documents, heldout = read_folder(options.texts)
    state = torch.load(options.resume, weights_only=True) if options.resume else None
    tokenizer, model = _beginning(options, documents)
    blocks = Blocks(_encode(tokenizer, documents), options.block, options.seed)
    unseen = _encode(tokenizer, heldout)[: options.heldout_tokens]
    if min(len(blocks.ids), 2 * len(unseen)) < 2 * options.block:
        raise SystemExit(f"both texts need more: at least a few blocks of {options.block} tokens, and one held out")
    print(
        f"{len(documents):,} documents, {len(blocks.ids):,} tokens; {model.num_parameters():,} parameters;"
        f" {options.batch * options.block:,} tokens a step on {options.device} in {options.precision}"
    )
    curve = train(model, blocks, unseen, options, state)
    save(model, tokenizer, curve, options.output)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train a small GPT-2 on a folder of text.")
    parser.add_argument("texts", type=Path, help="folder of .txt / .txt.xz; heldout* is not trained on")
    parser.add_argument("--output", type=Path, default=ROOT / "assets" / "model")
    parser.add_argument("--start", help="folder or id of a model to go on from, with its tokenizer")
    parser.add_argument("--resume", type=Path, help="checkpoint of a run that was cut off (needs the same options)")
    parser.add_argument("--checkpoint", type=Path, default=Path("training.pt"), help="written every --every minutes")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--every", type=float, default=5, help="minutes between two looks at held-out text")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), help="default: what this device is faster in")
    parser.add_argument("--seed", type=int, default=0)
    shape = parser.add_argument_group("shape of a model from scratch")
    shape.add_argument("--vocabulary", type=int, default=8192)
    shape.add_argument("--layers", type=int, default=6)
    shape.add_argument("--width", type=int, default=256)
    shape.add_argument("--heads", type=int, default=4)
    shape.add_argument("--context", type=int, default=512)
    learning = parser.add_argument_group("learning")
    learning.add_argument("--dropout", type=float, default=0.0, help="0.1 pays from many epochs on")
    learning.add_argument("--batch", type=int, default=8, help="blocks a step")
    learning.add_argument("--block", type=int, default=512, help="tokens a block, at most the context")
    learning.add_argument("--rate", type=float, default=1.5e-3, help="highest rate of learning")
    learning.add_argument("--warm-up", type=float, default=0.02, help="share of the time in which the rate rises")
    learning.add_argument("--weight-decay", type=float, default=0.1, help="on matrices")
    learning.add_argument(
        "--heldout-tokens", type=int, default=32768, help="how much of the held-out text is looked at"
    )
    learning.add_argument("--no-compile", action="store_true", help="without torch.compile: slower, needs no compiler")
    return parser.parse_args()


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
            options.start, dtype=torch.float32, activation_function=ACTIVATION, **dropped
        )
    else:
        tokenizer = learn_tokenizer(documents, options.vocabulary, options.context)
        model = GPT2LMHeadModel(GPT2Config(
            vocab_size=len(tokenizer), n_positions=options.context, n_layer=options.layers, n_embd=options.width,
            n_head=options.heads, activation_function=ACTIVATION, bos_token_id=0, eos_token_id=0, **dropped,
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


def _encode(tokenizer: PreTrainedTokenizerFast, documents: list[str]) -> torch.Tensor:
    """Every document after an end-of-text token, in a row."""
    end = tokenizer.eos_token_id
    encoded = tokenizer.backend_tokenizer.encode_batch_fast(documents, add_special_tokens=False)
    return torch.from_numpy(np.concatenate([[end, *one.ids] for one in encoded]).astype(np.int64))


class Blocks:
    """Blocks of a text in a random order, cut at another place in every epoch, so that no two epochs see the same."""

    def __init__(self, ids: torch.Tensor, length: int, seed: int) -> None:
        self.ids, self.length, self.seed = ids, length, seed
        self.per_epoch = len(ids) // length - 1

    def batch(self, step: int, size: int) -> torch.Tensor:
        """The blocks of that step (size, length): by the step, so that a resumed run goes on where it was."""
        return torch.stack([self._block(number) for number in range(step * size, (step + 1) * size)])

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


def train(
    model: GPT2LMHeadModel,
    blocks: Blocks,
    unseen: torch.Tensor,
    options: argparse.Namespace,
    state: dict[str, Any] | None = None,
) -> list[Moment]:
    """Train the model in place until the minutes are over; returns the curve."""
    matrices = [weight for weight in model.parameters() if weight.dim() >= 2]
    vectors = [weight for weight in model.parameters() if weight.dim() < 2]
    groups = [{"params": matrices, "weight_decay": options.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=options.rate, betas=(0.9, 0.95), fused=True)
    step, before, curve = 0, 0.0, []
    if state:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step, before = state["step"], state["seconds"]
        curve = [Moment(**moment) for moment in state["curve"]]
    losses = _losses(model, options)
    total, start, looked, recent = 60 * options.minutes, time.monotonic(), before, []
    bar = tqdm(
        total=round(total), unit="s", initial=round(before), bar_format="{l_bar}{bar}| {n:.0f}/{total:.0f} s {postfix}"
    )
    while (seconds := before + time.monotonic() - start) < total:
        for group in optimizer.param_groups:
            group["lr"] = options.rate * share_of_rate(seconds / total, options.warm_up)
        model.train()
        loss = losses(blocks.batch(step, options.batch).to(options.device))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        recent.append(loss.detach())
        bar.n = round(seconds)
        if step % 10 == 0:
            bar.set_postfix_str(f"step {step}, loss {float(recent[-1]):.3f}")
        if seconds - looked >= 60 * options.every:
            looked = seconds
            curve.append(_look(model, unseen, options, seconds, step, recent))
            recent = []
            bar.write(str(curve[-1]))
            _keep(options.checkpoint, model, optimizer, step, before + time.monotonic() - start, curve)
    curve.append(_look(model, unseen, options, total, step, recent))
    bar.close()
    print(curve[-1])
    return curve


def share_of_rate(done: float, warm_up: float) -> float:
    """The rate of learning after that share of the time, as a share of the highest: a rise, then half a cosine."""
    if done < warm_up:
        return done / warm_up
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (done - warm_up) / (1 - warm_up))))


def _losses(model: GPT2LMHeadModel, options: argparse.Namespace) -> Any:
    def loss(batch: torch.Tensor) -> torch.Tensor:
        with _autocast(options.device, options.precision):
            return model(input_ids=batch, labels=batch, use_cache=False).loss

    return loss if options.no_compile else torch.compile(loss)


def _autocast(device: str, precision: str) -> AbstractContextManager[Any]:
    return torch.autocast(torch.device(device).type, torch.bfloat16) if precision == "bfloat16" else nullcontext()


def faster_precision(device: str) -> str:
    """What a matrix product is faster in on this device: a processor without bfloat16 of its own only emulates it."""
    taken = {}
    for precision in ("float32", "bfloat16"):
        a = torch.ones(2048, 512, device=device, dtype=getattr(torch, precision))
        for _ in range(2):  # the first one only warms up
            start = time.perf_counter()
            (a @ a.T).sum().item()
            taken[precision] = time.perf_counter() - start
    return min(taken, key=lambda precision: taken[precision])


def _look(
    model: GPT2LMHeadModel,
    unseen: torch.Tensor,
    options: argparse.Namespace,
    seconds: float,
    step: int,
    recent: list[torch.Tensor],
) -> Moment:
    heldout = heldout_loss(model, unseen, options.block, options.device)
    tokens = step * options.batch * options.block
    trained = float(torch.stack(recent).mean()) if recent else None
    return Moment(round(seconds / 60, 2), tokens, trained, heldout)


@torch.inference_mode()
def heldout_loss(model: GPT2LMHeadModel, ids: torch.Tensor, length: int, device: str) -> float:
    """Mean loss in nats per token over blocks that do not overlap (so a little above what a model can do)."""
    model.eval()
    blocks = ids[: len(ids) // length * length].view(-1, length).split(8)
    losses = [float(model(input_ids=b.to(device), labels=b.to(device), use_cache=False).loss) for b in blocks]
    return float(np.average(losses, weights=[len(block) for block in blocks]))


def _keep(
    path: Path,
    model: GPT2LMHeadModel,
    optimizer: torch.optim.Optimizer,
    step: int,
    seconds: float,
    curve: list[Moment],
) -> None:
    """Write a checkpoint to --resume from; the last good one stays until the new one is whole."""
    fresh = path.with_suffix(".new")
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "seconds": seconds}
    torch.save({**state, "curve": [asdict(moment) for moment in curve]}, fresh)
    fresh.replace(path)


def save(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerFast, curve: list[Moment], folder: Path) -> None:
    """The model as float16 safetensors in small shards, its tokenizer and its curve."""
    model.config.use_cache = True
    model.to("cpu", torch.float16).save_pretrained(folder, max_shard_size=SHARD)
    tokenizer.save_pretrained(folder)
    (folder / CURVE).write_text(json.dumps([asdict(moment) for moment in curve], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
