"""The loop that every training script runs: against the clock, alone or in several processes, looked at and kept.

A script brings the model, batches by the number of the step, and the loss of a batch; the loop brings the optimizers,
the rate of learning, looks at held-out text every few minutes, and checkpoints to go on from.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.distributed as others
from losses import CrossEntropy
from optimizers import Optimizers
from torch import Tensor
from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT / "assets" / "models"
SHARD = "9MB"  # a Space's git refuses files of 10 MB
CURVE = "training.json"


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


class Batches(Protocol):
    """Where a run's tokens come from."""

    def batch(self, step: int) -> Tensor:
        """Ids (rows, length) of that step: by the step, so that a resumed run goes on where it was."""


def add_options(parser: argparse.ArgumentParser, rate: float, decay: float, weight_decay: float = 0.1) -> Any:
    """The options of the loop, with a script's own defaults; returns the group about learning, for more of them."""
    parser.add_argument("--resume", type=Path, help="checkpoint of a run that was cut off (needs the same options)")
    parser.add_argument("--checkpoint", type=Path, default=Path("training.pt"), help="written every --every minutes")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--steps", type=int, help="stop after so many even if minutes are left")
    parser.add_argument("--every", type=float, default=5, help="minutes between two looks at held-out text")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), help="default: what this device is faster in")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--processes",
        type=int,
        default=1,
        help="each takes its share of a step's rows: on a busy processor, one a core",
    )
    learning = parser.add_argument_group("learning")
    learning.add_argument("--optimizer", choices=("muon", "adamw"), default="muon", help="for the layers' matrices")
    learning.add_argument("--rate", type=float, default=rate, help="highest rate of learning")
    learning.add_argument("--warm-up", type=float, default=0.02, help="share of the time in which the rate rises")
    learning.add_argument("--decay", type=float, default=decay, help="share of the time in which it falls to nothing")
    learning.add_argument("--weight-decay", type=float, default=weight_decay, help="on matrices")
    return learning


def together(work: Callable[[argparse.Namespace], None], options: argparse.Namespace) -> None:
    """Do the work in so many processes that average their gradients (one thread each), or in this one."""
    options.precision = options.precision or faster_precision(options.device)
    if options.processes == 1:
        work(options)
        return
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(_one_of, (work, options, f"file://{folder}/met"), options.processes)


def _one_of(rank: int, work: Callable[[argparse.Namespace], None], options: argparse.Namespace, met: str) -> None:
    torch.set_num_threads(1)
    others.init_process_group("gloo", init_method=met, rank=rank, world_size=options.processes)
    work(options)
    others.destroy_process_group()


def train(
    model: Any,
    batches: Batches,
    unseen: Sequence[Tensor],
    options: argparse.Namespace,
    loss_of: Callable[[Tensor], Tensor] | None = None,
) -> list[Moment]:
    """Train the model in place until the minutes are over; returns the curve.

    Several processes hold the same weights: their gradients are averaged at every step, and the first one's clock is
    everybody's.

    Args:
        unseen: held-out batches (rows, length), looked at every few minutes.
        loss_of: the loss of a batch in nats per token; the model's own if not given.
    """
    optimizers = Optimizers(model, options.optimizer == "muon", options.rate, options.weight_decay)
    step, tokens, before, curve = 0, 0, 0.0, []
    if options.resume:
        state = torch.load(options.resume, weights_only=True)
        model.load_state_dict(state["model"])
        optimizers.load_state_dict(state["optimizers"])
        step, tokens, before = state["step"], state["tokens"], state["seconds"]
        curve = [Moment(**moment) for moment in state["curve"]]
    loss_of = loss_of or own_loss(model)
    total, start, looked, recent = 60 * options.minutes, time.monotonic(), before, []
    bar = tqdm(
        total=round(total), unit="s", initial=round(before), bar_format="{l_bar}{bar}| {n:.0f}/{total:.0f} s {postfix}",
        disable=not is_first(),
    )  # fmt: skip
    while (seconds := _of_the_first(before + time.monotonic() - start)) < total and step != options.steps:
        optimizers.rate(share_of_rate(seconds / total, options.warm_up, options.decay))
        model.train()
        batch = batches.batch(step)
        with autocast(options.device, options.precision):
            loss = loss_of(_mine(batch).to(options.device))
        loss.backward()
        _average_gradients(model)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizers.step()
        step, tokens = step + 1, tokens + batch.numel()
        recent.append(loss.detach())
        bar.n = round(seconds)
        if step % 10 == 0:
            bar.set_postfix_str(f"step {step}, loss {float(torch.stack(recent[-10:]).mean()):.3f}")
        if seconds - looked >= 60 * options.every:
            looked = seconds
            if is_first():
                curve.append(_look(model, unseen, options, seconds, tokens, recent))
                bar.write(str(curve[-1]))
                reached = {"step": step, "tokens": tokens, "seconds": before + time.monotonic() - start}
                _keep(options.checkpoint, model, optimizers, curve, reached)
            recent = []
    curve.append(_look(model, unseen, options, min(seconds, total), tokens, recent))
    bar.close()
    return curve


def share_of_rate(done: float, warm_up: float, decay: float) -> float:
    """The rate of learning after that share of the time, as a share of the highest: rise, plateau, straight fall."""
    if done < warm_up:
        return done / warm_up
    return min(1.0, max(0.0, 1 - done) / decay)


def is_first() -> bool:
    """Whether this process speaks, looks and saves for all of them."""
    return not others.is_initialized() or others.get_rank() == 0


def _of_the_first(number: float) -> float:
    """The first process's number, in every process."""
    if not others.is_initialized():
        return number
    shared = torch.tensor(number, dtype=torch.float64)
    others.broadcast(shared, 0)
    return float(shared)


def _mine(batch: Tensor) -> Tensor:
    """This process's share of the rows; where there are too few, everybody takes them all."""
    if not others.is_initialized() or len(batch) < others.get_world_size():
        return batch
    return batch.tensor_split(others.get_world_size())[others.get_rank()]


def _average_gradients(model: Any) -> None:
    if others.is_initialized():
        gradients = [weight.grad for weight in model.parameters() if weight.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        others.all_reduce(flat)
        flat /= others.get_world_size()
        for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))


def own_loss(model: Any, places: int = 1) -> Callable[[Tensor], Tensor]:
    """The mean negative log-likelihood of every token but the first of each row.

    Args:
        places: a batch stands at one of so many first positions, drawn anew each time: blocks shorter than the
            context, which begin at 0 only, would leave its later positions to weight decay.
    """

    def loss(batch: Tensor) -> Tensor:
        first = int(torch.randint(places, ()))
        positions = torch.arange(first, first + batch.shape[1], device=batch.device)[None]
        hidden = model.base_model(input_ids=batch, position_ids=positions, use_cache=False).last_hidden_state
        return CrossEntropy.apply(model.lm_head(hidden[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())

    return loss


def autocast(device: str, precision: str) -> AbstractContextManager[Any]:
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
    model: Any,
    unseen: Sequence[Tensor],
    options: argparse.Namespace,
    seconds: float,
    tokens: int,
    recent: Sequence[Tensor],
) -> Moment:
    with autocast(options.device, options.precision):
        heldout = heldout_loss(model, unseen, options.device)
    trained = float(torch.stack(list(recent)).mean()) if recent else None
    return Moment(round(seconds / 60, 2), tokens, trained, heldout)


@torch.inference_mode()
def heldout_loss(model: Any, batches: Sequence[Tensor], device: str) -> float:
    """Mean loss in nats per token over all rows of all batches; the first token of a row is given."""
    model.eval()
    nats = tokens = 0.0
    for batch in batches:
        counted = batch.shape[0] * (batch.shape[1] - 1)
        nats += float(own_loss(model)(batch.to(device))) * counted
        tokens += counted
    return nats / tokens


def _keep(path: Path, model: Any, optimizers: Optimizers, curve: Sequence[Moment], reached: dict[str, float]) -> None:
    """Write a checkpoint to --resume from; the last good one stays until the new one is whole."""
    fresh = path.with_suffix(".new")
    state = {"model": model.state_dict(), "optimizers": optimizers.state_dict(), **reached}
    torch.save({**state, "curve": [asdict(moment) for moment in curve]}, fresh)
    fresh.replace(path)


def save(model: Any, tokenizer: Any, curve: Sequence[Moment], folder: Path) -> None:
    """The model as float16 safetensors in small shards, its tokenizer and its curve."""
    model.config.use_cache = True
    model.to("cpu", torch.float16).save_pretrained(folder, max_shard_size=SHARD)
    tokenizer.save_pretrained(folder)
    (folder / CURVE).write_text(json.dumps([asdict(moment) for moment in curve], indent=1) + "\n", encoding="utf-8")
