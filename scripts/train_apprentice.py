"""Train the apprentice: a smaller GPT-2 with a model's own tokenizer, that learns to guess what the model would say.

    python scripts/train_apprentice.py TEXTS --teacher MODEL --output OUTPUT

TEXTS is a folder as for train_default_model.py. The loss is the Kullback-Leibler divergence from the teacher's
distribution to the apprentice's at every token of the text (Hinton et al. 2015), so that its drafts are accepted as
often as may be. It begins as a part of the teacher: some of its layers, heads and neurons in fewer dimensions.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from losses import Divergence
from torch import Tensor
from train_default_model import ACTIVATION, Blocks, apart, encode, read_folder
from training_loop import MODELS, add_options, is_first, save, together, train
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel


def main() -> None:
    together(run, _options())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Distil a model into a smaller one of the same vocabulary.")
    parser.add_argument("texts", type=Path, help="folder of .txt / .txt.xz; heldout* is not trained on")
    parser.add_argument("--teacher", default=str(MODELS / "storyteller"), help="folder or id")
    parser.add_argument("--output", type=Path, default=MODELS / "apprentice")
    parser.add_argument(
        "--layers", type=int, nargs="+", default=[0, 5], help="those of the teacher that it begins with"
    )
    parser.add_argument("--width", type=int, default=192)
    parser.add_argument("--heads", type=int, default=3)
    parser.add_argument("--inner", type=int, default=768, help="neurons a layer")
    learning = add_options(parser, rate=3e-3, decay=0.7, weight_decay=0.05)
    learning.add_argument("--batch", type=int, default=8, help="blocks a step")
    learning.add_argument("--block", type=int, default=512, help="tokens a block, at most the context")
    learning.add_argument("--heldout-tokens", type=int, default=16384, help="how much held-out text is looked at")
    return parser.parse_args()


def run(options: argparse.Namespace) -> None:
    """Read, distil, save."""
    torch.manual_seed(options.seed)
    documents, heldout = read_folder(options.texts)
    tokenizer = AutoTokenizer.from_pretrained(options.teacher)
    teacher = AutoModelForCausalLM.from_pretrained(options.teacher, dtype=torch.float32).to(options.device).eval()
    blocks = Blocks(encode(tokenizer, documents), options.block, options.batch, options.seed)
    shape = (options.layers, options.width, options.heads, options.inner)
    apprentice = smaller(teacher, *shape, blocks.batch(0).to(options.device)).to(options.device)
    unseen = apart(encode(tokenizer, heldout)[: options.heldout_tokens], options.block)
    if is_first():
        print(f"{apprentice.num_parameters():,} parameters learn from {teacher.num_parameters():,}", flush=True)
    curve = train(apprentice, blocks, unseen, options, divergence(teacher, apprentice))
    if is_first():
        print(curve[-1])
        save(apprentice, tokenizer, curve, options.output)


def smaller(teacher: Any, layers: Sequence[int], width: int, heads: int, inner: int, text: Tensor) -> GPT2LMHeadModel:
    """A GPT-2 with the teacher's tokens and as much of its layers as a narrower one can hold.

    The teacher's residual stream is turned so that the fewer dimensions keep as much as can be of its embeddings and of
    its hidden states on the text (rows, length); of heads and neurons those that weigh most stay. Norms are over fewer
    dimensions, so this is where to begin, not the same function.
    """
    config = GPT2Config(**teacher.config.to_dict() | {
        "n_layer": len(layers), "n_embd": width, "n_head": heads, "n_inner": inner, "activation_function": ACTIVATION
    })  # fmt: skip
    model, old = GPT2LMHeadModel(config), teacher.transformer
    size = old.config.n_embd // old.config.n_head
    if width != heads * size:
        raise SystemExit(f"--width must be --heads times the teacher's {size} dimensions a head")
    new = model.transformer
    with torch.no_grad():
        turn = principal(teacher, text, width)
        new.wte.weight.copy_(old.wte.weight @ turn)
        new.wpe.weight.copy_(old.wpe.weight @ turn)
        for place, layer in enumerate(layers):
            _take_attention(new.h[place], old.h[layer], turn, size)
            _take_neurons(new.h[place].mlp, old.h[layer].mlp, old.h[layer].ln_2, turn)
        new.ln_f.weight.copy_((turn.T @ torch.diag(old.ln_f.weight) @ turn).diagonal())
        new.ln_f.bias.copy_(old.ln_f.bias @ turn)
    return model


def principal(teacher: Any, text: Tensor, width: int) -> Tensor:
    """The orthonormal directions (teacher's width, width) that keep most of embeddings and hidden states alike."""
    states = teacher(input_ids=text, output_hidden_states=True).hidden_states[:-1]
    parts = [teacher.transformer.wte.weight, *(torch.nn.functional.normalize(one.flatten(0, 1)) for one in states)]
    shares = [1, *(1 / len(states) for _ in states)]
    moments = (share * part.T @ part / part.square().sum() for share, part in zip(shares, parts, strict=True))
    return torch.linalg.eigh(sum(moments)).eigenvectors[:, -width:].flip(1)


def _take_attention(new: Any, old: Any, turn: Tensor, size: int) -> None:
    """The heads that write most, seen through the norm before them."""
    values = old.attn.c_attn.weight.chunk(3, dim=1)[2].split(size, dim=1)
    written = [float((v @ o).norm()) for v, o in zip(values, old.attn.c_proj.weight.split(size), strict=True)]
    heads = sorted(sorted(range(len(written)), key=written.__getitem__)[-new.attn.num_heads :])
    kept = torch.cat([torch.arange(head * size, (head + 1) * size) for head in heads])
    columns = torch.cat([kept + third * old.attn.c_proj.weight.shape[0] for third in range(3)])
    _take_in(new.attn.c_attn, old.attn.c_attn, old.ln_1, turn, columns)
    new.attn.c_proj.weight.copy_(old.attn.c_proj.weight[kept] @ turn)
    new.attn.c_proj.bias.copy_(old.attn.c_proj.bias @ turn)


def _take_neurons(new: Any, old: Any, norm: Any, turn: Tensor) -> None:
    """The neurons whose weights are largest."""
    weigh = old.c_proj.weight.norm(dim=1) * (norm.weight[:, None] * old.c_fc.weight).norm(dim=0)
    kept = weigh.topk(new.c_fc.weight.shape[1]).indices.sort().values
    _take_in(new.c_fc, old.c_fc, norm, turn, kept)
    new.c_proj.weight.copy_(old.c_proj.weight[kept] @ turn)
    new.c_proj.bias.copy_(old.c_proj.bias @ turn)


def _take_in(new: Any, old: Any, norm: Any, turn: Tensor, columns: Tensor) -> None:
    """Columns of a matrix that reads the residual stream, with the norm's weight and bias taken in."""
    new.weight.copy_((turn.T @ (norm.weight[:, None] * old.weight))[:, columns])
    new.bias.copy_((old.bias + norm.bias @ old.weight)[columns])


def divergence(teacher: Any, apprentice: Any) -> Callable[[Tensor], Tensor]:
    """The divergence from teacher to apprentice at every token of a batch, in nats, averaged."""

    def loss(batch: Tensor) -> Tensor:
        with torch.no_grad():
            wanted = teacher(input_ids=batch, use_cache=False).logits
        said = apprentice(input_ids=batch, use_cache=False).logits
        return Divergence.apply(said.flatten(0, 1), wanted.flatten(0, 1))

    return loss


if __name__ == "__main__":
    main()
